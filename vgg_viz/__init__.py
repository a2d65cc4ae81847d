"""vgg-viz: look inside ZFNet and VGG.

The library behind the dashboard. Importing it costs nothing: torch is loaded by the first module
that computes with it, never by this one.
"""

__version__ = "0.1.0"
