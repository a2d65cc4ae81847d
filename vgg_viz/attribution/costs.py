"""What a method costs before it runs, in passes of one image through the network.

The pass that looked at the photo is not counted: every question has made it. Nothing here imports
torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vgg_viz.errors import UnknownNameError
from vgg_viz.results import MethodInfo, ParameterValue

Settings = Mapping[str, ParameterValue]


@dataclass(frozen=True)
class Passes:
    """Forward and backward passes of one image; a batch of 16 is 16 of them."""

    forward: float
    backward: float


# (parameters, channels of the layer, side of the network's input in px) -> passes
Cost = Callable[[Settings, int, int], Passes]


def _number(settings: Settings, name: str) -> int:
    return int(settings[name])


def _always(forward: float, backward: float) -> Cost:
    return lambda _, __, ___: Passes(forward, backward)


def _with_gradient(name: str, more: int = 0) -> Cost:
    """As many passes forward and backward as parameter `name` says, and `more` forward ones."""
    return lambda settings, _, __: Passes(_number(settings, name) + more, _number(settings, name))


# Baselines that gradient SHAP draws from, by kind: each needs its score.
SHAP_BASELINES = {"mixed": 8, "black": 1, "mean": 1, "blurred": 1, "noise": 5}


def _gradient_shap(settings: Settings, _: int, __: int) -> Passes:
    samples = _number(settings, "samples")
    return Passes(samples + SHAP_BASELINES[str(settings["baseline"])], samples)


def _windows(settings: Settings, _: int, input_size: int) -> Passes:
    """Occlusion: each place computes its own windows, about this share of a pass.

    Their layers see the square and a border: for VGG-16 at 224 px and a square of 32 px this gives
    0.12, which is what the windows took of the time of whole passes (CPU, one thread).
    """
    square = min(_number(settings, "square"), input_size)
    along = -(-(input_size - square) // _number(settings, "stride")) + 1
    share = min(1.0, (square / input_size + 0.2) ** 2)
    return Passes(along**2 * share, 0)


def _every_channel(_: Settings, channels: int, __: int) -> Passes:
    return Passes(channels, 0)


def _samples(name: str, more: int = 0) -> Cost:
    """As many forward passes as parameter `name` says, and `more`."""
    return lambda settings, _, __: Passes(_number(settings, name) + more, 0)


COSTS: Mapping[str, Cost] = {
    "occlusion": _windows,
    "score_cam": _every_channel,
    "ablation_cam": _every_channel,
    "rise": _samples("masks"),
    "lime": _samples("samples"),
    "kernel_shap": _samples("samples", more=1),
    "extremal_perturbation": _with_gradient("steps", more=1),
    "gradient": _always(0, 1),
    "input_x_gradient": _always(0, 1),
    "smoothgrad": _with_gradient("samples"),
    "vargrad": _with_gradient("samples"),
    "integrated_gradients": _with_gradient("steps", more=1),
    "gradient_shap": _gradient_shap,
    "deep_lift": _always(1, 1),
    "guided_backprop": _always(0, 1),
    "deconvnet": _always(0, 1),
    "guided_grad_cam": _always(0, 2),
    "grad_cam": _always(0, 1),
    "grad_cam_pp": _always(0, 1),
    "hires_cam": _always(0, 1),
    "xgrad_cam": _always(0, 1),
    "layer_cam": _always(0, 1),
    "finer_cam": _always(0, 1),
    "eigen_cam": _always(0, 0),
    "gradient_at_layer": _always(0, 1),
    "lrp": _always(1, 1),
    "excitation_backprop": _always(1, 1),
    "contrastive_excitation_backprop": _always(1, 1),
}


# Methods that run nothing but the layers behind the question's.
RUN_BEHIND_THE_LAYER = frozenset({"ablation_cam"})


def passes(
    method: MethodInfo,
    parameters: Settings,
    channels: int,
    input_size: int,
    *,
    behind: float = 1.0,
) -> Passes:
    """What `method` takes, beyond the pass that looked at the photo.

    `parameters` may leave out what is at its default. `channels` are the layer's, `input_size` is
    the side of the network's input in px. A backward pass of a class is kept with the photo: the
    second method that asks for the same class pays none. Against a second class there is one more.
    `behind` is the share of the network's multiply-accumulates that lies behind the layer; unknown,
    the cost of a method that runs only those layers is told as its upper bound.
    """
    if method.name not in COSTS:
        raise UnknownNameError.among("method", method.name, COSTS)
    found = COSTS[method.name]({**method.defaults(), **parameters}, channels, input_size)
    if method.name in RUN_BEHIND_THE_LAYER:
        return Passes(found.forward * behind, found.backward)
    return found
