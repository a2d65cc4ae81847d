"""Training of the networks on a folder of photos: data, recipes, loop, evaluation, bundling.

`Recorder` watches anybody's training loop; the rest trains this project's own networks. It is
loaded when asked for: what a server offers can be described without torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vgg_viz.training.recorder import Recorder

__all__ = ["Recorder"]


def __getattr__(name: str) -> Any:
    if name == "Recorder":
        from vgg_viz.training.recorder import Recorder

        return Recorder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
