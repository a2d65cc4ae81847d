"""What made a result."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Provenance:
    """What made a result: printed under every picture and written into every download."""

    model: str  # "vgg16:bundled"
    weights: str  # in words: "bundled weights, 19 classes", "random weights, seed 0"
    digest: str  # sha256 of the weights file, or of the seed's parameters
    device: str  # "cpu", "cuda:0", "mps"
    precision: str  # "fp32" or "bf16"
    input_size: int  # px
    versions: tuple[tuple[str, str], ...]  # (("torch", "2.14.1"), ...)
