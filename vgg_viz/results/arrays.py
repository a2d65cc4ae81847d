"""Arrays as results hold them: copies that nobody can write to, since they are kept and shared."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vgg_viz.results.provenance import Float32


def read_only(values: ArrayLike) -> Any:
    """A read-only copy in C order, of the same kind of numbers."""
    own = np.array(values, order="C")
    own.flags.writeable = False
    return own


def single(values: ArrayLike) -> Float32:
    """A read-only float32 copy in C order."""
    own: Float32 = np.array(values, np.float32, order="C")
    own.flags.writeable = False
    return own
