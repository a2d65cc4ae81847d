"""vgg-viz: look inside ZFNet and VGG.

The library behind the dashboard; `vgg_viz.api` has each analysis as one call. Importing it costs
nothing: torch is loaded by the first module that computes with it, never by this one.
"""

from types import ModuleType

__version__ = "0.1.0"
__all__ = ["__version__", "api"]


def __getattr__(name: str) -> ModuleType:
    """`vgg_viz.api` without an import of its own (PEP 562).

    Its functions are not repeated here: `vgg_viz.activations` is a module already.
    """
    if name == "api":
        import importlib

        return importlib.import_module("vgg_viz.api")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
