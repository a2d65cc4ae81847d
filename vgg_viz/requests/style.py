"""Style transfer: the content of one photo, the textures of another picture."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class StyleJob:
    """Paint the photo `image` in the style of the picture `style_image` (Gatys et al., CVPR 2016).

    `content_weight`, `style_weight` and `smoothness` are what the three losses count relative to
    those of the other picture (`vgg_viz.transfer.style.Balance`): style_weight 0 is content alone,
    an inversion; content_weight 0 style alone, a texture. `pooling` "average" is the paper's.
    `keep_colour`: the style reaches luminance alone. `learning_rate` is Adam's. `size` in px.
    """

    model: str
    image: str
    style_image: str
    content_weight: float = 0.03
    style_weight: float = 1.0
    smoothness: float = 0.03
    start: Literal["content", "style", "noise"] = "content"
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    pooling: Literal["average", "max"] = "average"
    keep_colour: bool = False
    size: int = 256
    steps: int = 200
    learning_rate: float = 0.02
    seed: int = 0

    @property
    def images(self) -> tuple[str, str]:
        """Both pictures."""
        return self.image, self.style_image
