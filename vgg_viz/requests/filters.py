"""Questions about kernels: what they are, what makes them, what strides do."""

from dataclasses import dataclass
from typing import Literal

from vgg_viz.requests.base import Request
from vgg_viz.results import (
    Aliasing,
    ChannelKernel,
    Factorisation,
    Kernels,
    KernelStudy,
    LayerFactorisation,
    LayerKernels,
    SharedFactorisation,
)

Design = Literal["gaussian", "edge", "stripes", "one_px"]


@dataclass(frozen=True)
class KernelsRequest(Request[Kernels]):
    """The weights of a convolution; `layer` None: the first one."""

    model: str
    layer: str | None = None


@dataclass(frozen=True)
class KernelStudyRequest(Request[KernelStudy]):
    """What do the kernels of the first convolution pass, which are dead, which are alike?"""

    model: str


@dataclass(frozen=True)
class LayerKernelsRequest(Request[LayerKernels]):
    """Which kernels of a convolution are dead, which are alike? `layer` None: the first one."""

    model: str
    layer: str | None = None


@dataclass(frozen=True)
class ChannelKernelRequest(Request[ChannelKernel]):
    """One kernel of a convolution, slice by slice, and what it passes."""

    model: str
    layer: str | None = None
    channel: int = 0


@dataclass(frozen=True)
class FactorisationRequest(Request[Factorisation]):
    """Can `channels` pairs of 3x3 kernels make this 5x5 kernel, its 25 values row by row?"""

    kernel: tuple[float, ...]
    channels: int = 1


@dataclass(frozen=True)
class LayerFactorisationRequest(Request[LayerFactorisation]):
    """Which kernels of a 5x5 layer could a pair of 3x3 make? `layer` None: the first such layer."""

    model: str
    layer: str | None = None


@dataclass(frozen=True)
class SharedFactorisationRequest(Request[SharedFactorisation]):
    """How well does a pair of 3x3 layers make a whole 5x5 layer, by the channels between them?"""

    model: str
    layer: str | None = None


@dataclass(frozen=True)
class AliasingRequest(Request[Aliasing]):
    """What does the stride of the first convolution do to a picture?

    `image` "" is the zone plate. `channel` None: by `which`, the one of median alias share
    ("typical"), of the largest ("most"), or with the strongest map ("strongest").
    """

    model: str
    image: str = ""
    channel: int | None = None
    which: Literal["typical", "most", "strongest"] = "typical"


@dataclass(frozen=True)
class DesignedAliasingRequest(Request[Aliasing]):
    """What does a stride do to a picture, with a kernel made by formula instead of learned?"""

    design: Design
    kernel: int  # px
    stride: int
    image: str = ""
