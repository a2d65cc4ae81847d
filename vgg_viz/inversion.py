"""Feature inversion: a picture that has the same code at a layer as a photo.

Mahendran & Vedaldi ("Understanding Deep Image Representations by Inverting Them", arXiv 1412.0035)
start from noise and go down the gradient of

    E(x) = |Phi(x) - Phi_0|^2 / |Phi_0|^2  +  lambda_V / 2 V(u) / n  +  lambda_alpha / 2 A(u) / n

Phi is the network up to a layer, Phi_0 its output for the photo, u = (x - mean) / std the picture
as the network reads it, and n = 3 H W its number of values. The two priors say what photos are
like, and decide wherever the code leaves things open:

    V(u) = sum over colours, rows, columns of (u[i, j+1] - u[i, j])^2 + (u[i+1, j] - u[i, j])^2
    A(u) = sum of u^6

so beta = 2 and alpha = 6 in the paper's names; V has no difference across the last row and column.
The first term is the *relative code distance*: 0 when the code is met, 1 for a code of zeros.

The weights are those of the authors' program (github.com/aravindhm/deep-goggle at 61d1d294,
experiments/experiment_cnn.m: lambda_V 1, 10 and 100 by depth, lambda_alpha 8e-10 for values of
0 to 255), which divides both priors by the mean squared norm of photos, here n. What is ours:
x stays in [0, 1] by projection, and Adam takes the steps (arXiv 1412.6980), at a rate that falls
as r / sqrt(1 + t / 20): some 200 are enough. Theirs are gradient descent with momentum 0.9.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vgg_viz.capture import undisturbed
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.preprocessing import Preprocessing

ALPHA = 6
# 8e-10 times 58^4: the authors' values are 255 std = 58 times our u, and so is what n stands for.
ALPHA_NORM = 0.009
# (share of the weighted layers that are not deeper, lambda_V): conv1 and conv2, conv3 and conv4,
# and the last four of the authors' AlexNet.
TOTAL_VARIATION = ((0.25, 1.0), (0.5, 10.0), (1.0, 100.0))
# Adam's constants are its paper's.
FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.999, 1e-8
SLOWER = 20  # steps; it does not depend on how many are wanted, so that more can be added


@dataclass(frozen=True)
class Priors:
    """Weights of what photos are like: lambda_V and lambda_alpha."""

    total_variation: float = 1.0
    alpha_norm: float = ALPHA_NORM


def total_variation(picture: Tensor) -> Tensor:
    """V of the (1, 3, H, W) picture: the squared differences of neighbours, summed."""
    down = picture[..., 1:, :] - picture[..., :-1, :]
    across = picture[..., 1:] - picture[..., :-1]
    return down.square().sum() + across.square().sum()


def alpha_norm(picture: Tensor) -> Tensor:
    """A of the picture: its values to the sixth power, summed."""
    return picture.pow(ALPHA).sum()


def code(network: nn.Module, layer: str, image: Tensor) -> Tensor:
    """The output of `layer` for a normalised `image` (N, 3, H, W); later layers are not run.

    UnknownNameError for a layer the network does not have.
    """
    names = [name for name, _ in network.named_children()]
    if layer not in names:
        raise UnknownNameError.among("layer", layer, names)
    value = image
    with undisturbed(network):
        for name, module in network.named_children():
            value = module(value)
            if name == layer:
                break
    return value


class Inverter:
    """One inversion, step by step; stopped anywhere and continued, it makes the same picture.

    `photo` is (1, 3, H, W) with values in [0, 1], on the network's device. The network is given to
    every step and left as it was. InputError when the layer is 0 everywhere for the photo.
    """

    def __init__(
        self,
        network: nn.Module,
        layer: str,
        photo: Tensor,
        preprocessing: Preprocessing,
        *,
        priors: Priors | None = None,
        learning_rate: float = 0.05,
        seed: int = 0,
    ) -> None:
        self.layer, self.priors = layer, priors or Priors()
        self.losses: list[float] = []  # E before each step
        self.distances: list[float] = []  # its first term
        self._rate = learning_rate
        self._mean = photo.new_tensor(preprocessing.mean).view(1, 3, 1, 1)
        self._std = photo.new_tensor(preprocessing.std).view(1, 3, 1, 1)
        with torch.no_grad():
            self._wanted = code(network, layer, self._normalised(photo))
        self._size = self._wanted.double().square().sum()
        if not float(self._size) > 0:
            raise InputError(
                f"{layer} is 0 everywhere for this photo: it has no code to rebuild from. Choose "
                "another layer or photo."
            )
        self.picture = self._start(photo, seed)  # (1, 3, H, W) in [0, 1]
        self._first = torch.zeros_like(self.picture)
        self._second = torch.zeros_like(self.picture)

    @property
    def step_count(self) -> int:
        """Steps taken."""
        return len(self.losses)

    @property
    def code_shape(self) -> tuple[int, ...]:
        """Of the layer's output for one picture: (C, h, w) or (K,)."""
        return tuple(self._wanted.shape[1:])

    def objective(self, network: nn.Module, picture: Tensor) -> tuple[Tensor, Tensor]:
        """E of a picture, and the relative code distance in it."""
        read = self._normalised(picture)
        apart = code(network, self.layer, read) - self._wanted
        distance = apart.square().sum() / self._size.to(apart.dtype)
        priors, values = self.priors, picture.numel()
        rough = priors.total_variation / 2 * total_variation(read) / values
        large = priors.alpha_norm / 2 * alpha_norm(read) / values
        return distance + rough + large, distance

    def step(self, network: nn.Module) -> None:
        """Go one step of Adam down E, and back into [0, 1]."""
        with torch.enable_grad():
            leaf = self.picture.detach().requires_grad_()
            loss, distance = self.objective(network, leaf)
            (gradient,) = torch.autograd.grad(loss, leaf)
        self.losses.append(float(loss.detach()))
        self.distances.append(float(distance.detach()))
        taken = self.step_count
        with torch.no_grad():
            self._first.lerp_(gradient, 1 - FIRST_MOMENT)
            self._second.lerp_(gradient.square(), 1 - SECOND_MOMENT)
            first = self._first / (1 - FIRST_MOMENT**taken)
            second = self._second / (1 - SECOND_MOMENT**taken)
            rate = self._rate / math.sqrt(1 + taken / SLOWER)
            change = rate * first / (second.sqrt() + TINY)
            self.picture = (self.picture - change).clamp_(0, 1)

    def distance(self, network: nn.Module) -> float:
        """The relative code distance of the picture as it is now."""
        with torch.no_grad():
            return float(self.objective(network, self.picture)[1])

    def _normalised(self, picture: Tensor) -> Tensor:
        return (picture - self._mean) / self._std

    def _start(self, photo: Tensor, seed: int) -> Tensor:
        """Noise of the mean and the deviation that photos have, cut off at black and white."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(photo.shape, generator=generator).to(photo)
        start = (self._mean + self._std * noise).clamp(0, 1)
        return start.contiguous(memory_format=torch.channels_last)


def usual_priors(weighted: Sequence[str], layer: str) -> Priors:
    """The authors' weights for the depth of `layer`, one of the layers with weights, in order."""
    depth = (list(weighted).index(layer) + 1) / len(weighted)
    return Priors(next(weight for share, weight in TOTAL_VARIATION if depth <= share))
