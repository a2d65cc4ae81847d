"""How each bundled network was trained. A recipe holds every choice, so a seed reproduces it."""

from dataclasses import dataclass

from vgg_viz.models.configs import NetworkConfig, build
from vgg_viz.preprocessing import IMAGENET, Preprocessing


@dataclass(frozen=True)
class Recipe:
    """A training from scratch: SGD with Nesterov momentum under a one-cycle schedule.

    `sizes` are input sides in px, each used for an equal share of the epochs in turn: starting
    small is cheaper by the square of the side, and the last one is the size the network is
    declared for.
    """

    network: str
    width: float
    epochs: int
    peak_lr: float
    hidden: tuple[int, int] | None = None
    sizes: tuple[int, ...] = (96, 112, 128)
    batch: int = 64
    momentum: tuple[float, float] = (0.85, 0.95)  # at the peak learning rate, at both ends
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    warmup: float = 0.25  # share of the steps in which the learning rate rises
    clip_norm: float = 5.0
    least_crop: int = 96  # px of the 144-px photos
    photo_side: int = 144  # px, of the photos as they are kept in memory
    bf16: bool = True
    seed: int = 0

    @property
    def input_size(self) -> int:
        """Side in px the trained network is declared for."""
        return self.sizes[-1]

    def config(self, classes: int) -> NetworkConfig:
        """The table this recipe trains, for a number of classes."""
        return build(
            self.network,
            width=self.width,
            hidden=self.hidden,
            classes=classes,
            input_size=self.input_size,
        )

    @property
    def preprocessing(self) -> Preprocessing:
        """How the trained network wants its photos: objects as large as in an average crop.

        Training scales crops of `least_crop` to `photo_side` px to the input size, so that size
        over the mean crop is the scale the network knows best.
        """
        mean_crop = (self.least_crop + self.photo_side) / 2
        resize = round(self.input_size * self.photo_side / mean_crop)
        return Preprocessing(resize, self.input_size, IMAGENET.mean, IMAGENET.std)

    def size_at(self, epoch: int) -> int:
        """Input side in px of an epoch, counted from 0."""
        return self.sizes[epoch * len(self.sizes) // self.epochs]


BUNDLED: dict[str, Recipe] = {
    recipe.network: recipe
    for recipe in (
        Recipe("vgg16_bn", width=0.25, epochs=18, peak_lr=0.08),
        Recipe("vgg16", width=0.25, epochs=24, peak_lr=0.03),
        Recipe("vgg11", width=0.25, epochs=16, peak_lr=0.03),
        Recipe("zfnet_b", width=0.25, epochs=24, peak_lr=0.03),
    )
}
