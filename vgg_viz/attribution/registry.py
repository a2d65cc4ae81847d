"""The methods on offer. A method declares itself here once; pages, API and CLI read it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from vgg_viz.attribution.cam import grad_cam


@dataclass(frozen=True)
class Method:
    """A map made from one layer's outputs and gradients, both (N, C, h, w) -> (N, h, w)."""

    name: str
    title: str
    paper: str
    compute: Callable[[Tensor, Tensor], Tensor]
    relu_when_drawn: bool


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("grad_cam", "Grad-CAM", "arXiv 1610.02391", grad_cam, relu_when_drawn=True),
    )
}
