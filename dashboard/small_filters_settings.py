"""What page "Small filters" lets a person set besides the selection, and its example kernels."""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.page_settings import checked, one_of, whole
from vgg_viz.results import ModelInfo, ServiceDescription

SIDE = 5  # px of the kernels that are factorised
LARGEST = 1e6  # the service refuses larger values
MODEL_NAME = re.compile(r"[a-z0-9_]{1,20}:[a-zA-Z0-9-]{1,30}")
KERNELS = ("5", "7", "9", "11")
OUTPUTS = 1024  # more channels no registered layer has


def typed_kernel(text: str) -> tuple[float, ...] | None:
    """25 numbers in any layout; None when they are not 25 finite numbers of a usual size."""
    words = re.split(r"[\s,;]+", text.strip().replace("\u2212", "-"))
    try:
        values = tuple(float(word) for word in words)
    except ValueError:
        return None
    usable = all(math.isfinite(value) and abs(value) <= LARGEST for value in values)
    return values if len(values) == SIDE**2 and usable else None


@dataclass(frozen=True)
class SmallFilterSettings:
    """Everything but the photo; the address bar holds what differs from these."""

    view: str = one_of("cost", "cost", "five", "factors", "first", "aliasing")
    # Cost
    kernel: str = one_of("7", *KERNELS)
    entry: str = one_of("same", "same", "half", "rgb")
    channels: int = whole(256, least=2, most=4096)
    side: int = whole(56, least=1, most=1024)
    # Factorisation
    of: str = checked("", lambda t: bool(MODEL_NAME.fullmatch(t)), "the name of a model")
    source: str = one_of(
        "layer",
        *("layer", "gaussian", "sobel", "identity", "diagonal", "corner", "random", "own"),
    )
    output: int = whole(0, least=0, most=OUTPUTS - 1)
    input: int = whole(0, least=0, most=OUTPUTS - 1)
    values: str = checked("", lambda t: typed_kernel(t) is not None, "25 numbers")
    between: int = whole(1, least=1, most=4)
    # First layer and aliasing
    alexnet: str = checked("", lambda t: bool(MODEL_NAME.fullmatch(t)), "the name of a model")
    zfnet: str = checked("", lambda t: bool(MODEL_NAME.fullmatch(t)), "the name of a model")
    vgg: str = checked("", lambda t: bool(MODEL_NAME.fullmatch(t)), "the name of a model")
    picture: str = one_of("plate", "plate", "photo")
    by: str = one_of("networks", "networks", "designed")
    part: str = one_of("map", "map", "held", "alias", "input")
    which: str = one_of("typical", "typical", "most", "strongest")
    design: str = one_of("edge", "edge", "gaussian", "stripes", "one_px")


FAMILIES = {"alexnet": "AlexNet", "zfnet": "ZFNet", "vgg": "VGG"}
# Trained weights say more than random ones; D is the VGG that the other pages show.
ORDER = {"imagenet": 0, "bundled": 1, "file": 2, "random": 3}
PREFERRED = ("alexnet", "zfnet_b", "vgg16")


def family_models(family: str, offered: ServiceDescription) -> list[ModelInfo]:
    """Models of a family that are on this machine, the one to show at first first."""
    here = [m for m in offered.models if m.network.startswith(family) and m.available]
    return sorted(here, key=lambda m: (ORDER[m.weights], m.network not in PREFERRED))


def five_by_five_models(offered: ServiceDescription) -> list[ModelInfo]:
    """Models here that have a layer of 5x5 kernels: trained ones first, of them ZFNet."""
    having = ("zfnet", "alexnet", "vgg13_5x5")
    here = [m for m in offered.models if m.network.startswith(having) and m.available]
    return sorted(
        here,
        key=lambda m: (m.weights == "random", not m.network.startswith("zfnet"), ORDER[m.weights]),
    )


def chosen_model(name: str, models: list[ModelInfo]) -> ModelInfo | None:
    """The model called `name`, else the first; None when there is none at all."""
    return next((model for model in models if model.name == name), models[0] if models else None)


# --- kernels to try ------------------------------------------------------------------------------

BINOMIAL = np.array([1.0, 4, 6, 4, 1])


def _kernel(name: str) -> NDArray[np.float64]:
    match name:
        case "gaussian":
            return np.outer(BINOMIAL, BINOMIAL) / 256
        case "sobel":
            return np.outer(BINOMIAL, [-1.0, -2, 0, 2, 1]) / 48
        case "identity":
            return np.diag([0.0, 0, 1, 0, 0])
        case "diagonal":
            return np.eye(SIDE)
        case "corner":
            kernel = np.zeros((SIDE, SIDE))
            kernel[0], kernel[:, 0] = 1, 1
            return kernel
        case _:
            return np.random.default_rng(0).normal(size=(SIDE, SIDE))


EXAMPLES = {
    "gaussian": "Gaussian blur",
    "sobel": "Sobel edge",
    "identity": "Identity",
    "diagonal": "Diagonal",
    "corner": "Corner",
    "random": "Random",
}


def example(name: str) -> tuple[float, ...]:
    """The 25 values of a kernel of EXAMPLES, row by row."""
    return tuple(float(value) for value in _kernel(name).ravel())
