"""The optimisation itself, step by step: Adam on the numbers that describe the pictures."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vgg_viz.errors import VggVizError
from vgg_viz.feature_vis.front import Redirected, run_front
from vgg_viz.feature_vis.objectives import Objective, similarity
from vgg_viz.feature_vis.parametrize import Parametrization
from vgg_viz.feature_vis.transforms import STANDARD, Transforms, views
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.results.provenance import Float32

REDIRECTED_STEPS = 16  # lucid's: gradients pass dead ReLUs in these first steps only
BETAS, EPSILON = (0.9, 0.999), 1e-8  # Adam (arXiv 1412.6980), as lucid and lucent use it


class Optimisation:
    """N pictures on their way to exciting an objective. Holds no network: `step` is given one.

    A network is only read: it is frozen or not, no `.grad` is made, no hook is registered. All
    random numbers come from `seed`; the same seed, settings and machine make the same bits, however
    the steps are divided over calls.
    """

    def __init__(
        self,
        objective: Objective,
        parametrization: Parametrization,
        preprocessing: Preprocessing,
        *,
        transforms: Transforms | None = STANDARD,
        diversity: float = 0.0,
        learning_rate: float = 0.05,
        seed: int = 0,
        start: Tensor | None = None,
        window: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Begin with noise, or with `start` (N, 3, size, size) in [0, 1].

        `transforms` None: the network always sees the pictures as they are. `window` is the side in
        px of what it sees, the pictures' own by default. A smaller one leaves a margin that comes
        into view only as the picture is shifted and turned, and is not shown; so the edge of the
        pictures leaves no trace in them. `diversity` is the weight of minus the mean cosine of the
        pictures' Gram matrices, at the objective's first layer.
        """
        self.objective = objective
        self.parametrization = parametrization
        self.history: list[float] = []  # mean objective of the pictures as the network saw them
        self.seconds = 0.0
        self.redirected: set[str] = set()  # ReLUs that had to be redirected
        self._preprocessing = preprocessing
        self._transforms = transforms
        self._diversity = diversity
        self._learning_rate = learning_rate
        self._window = window or parametrization.size
        self._generator = torch.Generator().manual_seed(seed)
        noise = parametrization.noise(objective.pictures, self._generator)
        self._latent = (noise if start is None else parametrization.fitted(start)).to(device)
        self._mean = torch.zeros_like(self._latent)
        self._square = torch.zeros_like(self._latent)
        self._moved = torch.zeros(objective.pictures, dtype=torch.bool)

    @property
    def steps(self) -> int:
        """Steps that were done."""
        return len(self.history)

    @property
    def stuck(self) -> tuple[int, ...]:
        """Pictures that no step could change, as no px of them changed the objective."""
        return tuple((~self._moved).nonzero()[:, 0].tolist()) if self.steps else ()

    def step(self, network: nn.Module, count: int = 1) -> None:
        """Do `count` steps. Raises VggVizError when the objective is no number any more."""
        started = time.perf_counter()
        for _ in range(count):
            self._step(network)
        self.seconds += time.perf_counter() - started

    def pictures(self) -> Tensor:
        """What is shown of the pictures now, float32 (N, 3, side, side) in (0, 1)."""
        with torch.no_grad():
            return self._shown(self.parametrization.pictures(self._latent))

    def pixels(self) -> NDArray[np.uint8]:
        """What is shown of the pictures now, uint8 (N, side, side, 3)."""
        # (N, 3, H, W) -> (N, H, W, 3)
        rounded = (self.pictures() * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        return np.ascontiguousarray(rounded.cpu().numpy())

    def values(self, network: nn.Module) -> Float32:
        """The objective of each picture as it is, neither transformed nor with diversity: (N,)."""
        with torch.no_grad():
            outputs = run_front(
                network, self.objective.layers, self._seen(network, self.pictures())
            )
            return self.objective.values(outputs).float().cpu().numpy()

    def _step(self, network: nn.Module) -> None:
        redirected = Redirected() if self.steps < REDIRECTED_STEPS else None
        latent = self._latent.detach().requires_grad_()
        with torch.enable_grad():
            pictures = self.parametrization.pictures(latent)
            if self._transforms is not None:
                maps = self._transforms.draw(len(pictures), self._generator)
                pictures = views(pictures, maps.to(pictures.device), self._window)
            else:
                pictures = self._shown(pictures)
            outputs = run_front(
                network, self.objective.layers, self._seen(network, pictures), redirected
            )
            values = self.objective.values(outputs)
            total = values.sum()
            if self._diversity and len(values) > 1:
                alike = similarity(outputs[self.objective.layers[0]])
                total = total - self._diversity * len(values) * alike
        (gradient,) = torch.autograd.grad(total, latent)
        mean = float(values.detach().mean())
        if not np.isfinite(mean) or not bool(gradient.isfinite().all()):
            raise VggVizError(
                f"The objective is no number any more at step {self.steps + 1}. Start again with "
                "a lower learning rate."
            )
        self.history.append(mean)
        self._moved |= gradient.flatten(1).any(1).cpu()
        if redirected is not None:
            self.redirected.update(redirected.layers)
        self._ascend(gradient)

    def _ascend(self, gradient: Tensor) -> None:
        """One step of Adam uphill."""
        self._mean.lerp_(gradient, 1 - BETAS[0])
        self._square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        mean = self._mean / (1 - BETAS[0] ** self.steps)
        square = self._square / (1 - BETAS[1] ** self.steps)
        self._latent = self._latent + self._learning_rate * mean / (square.sqrt() + EPSILON)

    def _shown(self, pictures: Tensor) -> Tensor:
        """The middle of the pictures, without the margin."""
        side = min(self._window, self.parametrization.size)
        first = (self.parametrization.size - side) // 2
        return pictures[..., first : first + side, first : first + side]

    def _seen(self, network: nn.Module, pictures: Tensor) -> Tensor:
        """Normalised as the weights ask, in the network's own precision, channels last."""
        mean = pictures.new_tensor(self._preprocessing.mean).view(1, 3, 1, 1)
        deviation = pictures.new_tensor(self._preprocessing.std).view(1, 3, 1, 1)
        batch = (pictures - mean) / deviation
        dtype = next(network.parameters()).dtype
        return batch.to(dtype).contiguous(memory_format=torch.channels_last)


def start_from(pixels: Sequence[NDArray[np.uint8]], device: torch.device | str = "cpu") -> Tensor:
    """Pictures of 8 bits (H, W, 3) as a `start`: (N, 3, H, W) in [0, 1]."""
    batch = torch.from_numpy(np.stack(pixels)).to(device)
    return batch.permute(0, 3, 1, 2).float() / 255
