"""How a picture is described by the numbers that are optimised.

    latent --pixels, or inverse Fourier transform--> planes --colours mixed--> --sigmoid--> (0, 1)

In every description Adam's steps are equally long along every coordinate, so the description
decides which pictures are near: the Fourier one with amplitudes scaled by 1/f, as photos have them,
makes large shapes as easy to reach as fine patterns (Olah et al. 2017, "Preconditioning and
parameterization"). Every description reaches every picture, and `fitted` finds its numbers.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

# Square root U sqrt(S) of the covariance of the colours (RGB, 0..1) of the 15,029 training photos
# of the bundled networks, every ninth px; column by column: brightness, red against blue, green
# against both. ImageNet's, as lucid has it, differs by at most 0.02.
COLOUR_SQRT = (
    (0.2537, 0.0874, 0.0256),
    (0.2587, 0.0135, -0.0430),
    (0.2689, -0.0955, 0.0173),
)
FIRST_DEVIATION = 0.01  # of the latent's noise: nearly grey, as lucid begins
FOURIER_DAMPING = 4.0  # lucid's constant: less saturation at the same learning rate
LEAST_SHARE = 1 / 512  # of the range: half a step of 8 bits, so 0 and 255 come back as they were


@dataclass(frozen=True)
class Parametrization:
    """A description of (N, 3, size, size) pictures by a latent tensor; `size` in px."""

    size: int
    kind: Literal["fourier", "pixels"] = "fourier"
    decorrelated: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the latent of one picture: planes, or half their spectrum (real, imaginary)."""
        if self.kind == "pixels":
            return (3, self.size, self.size)
        return (3, self.size, self.size // 2 + 1, 2)

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """The latent (count, *shape) of pictures that are nearly grey, float32 on the CPU."""
        return FIRST_DEVIATION * torch.randn((count, *self.shape), generator=generator)

    def pictures(self, latent: Tensor) -> Tensor:
        """The pictures (N, 3, size, size) in (0, 1), with the graph."""
        return torch.sigmoid(self._mixed(self._planes(latent)))

    def fitted(self, pictures: Tensor) -> Tensor:
        """The latent whose pictures are `pictures` (N, 3, size, size), clipped to 1/512 .. 511/512.

        So pictures of 8 bits come back as they were.
        """
        logits = pictures.double().clamp(LEAST_SHARE, 1 - LEAST_SHARE).logit()
        planes = logits
        if self.decorrelated:
            planes = _mix(torch.linalg.inv(self._colours(logits)), logits)
        if self.kind == "pixels":
            return planes.float()
        spectrum = torch.fft.rfft2(FOURIER_DAMPING * planes, norm="ortho")
        spectrum = spectrum / amplitudes(self.size).to(spectrum.real)
        latent: Tensor = torch.view_as_real(spectrum).float()
        return latent

    def _planes(self, latent: Tensor) -> Tensor:
        if self.kind == "pixels":
            return latent
        scale = amplitudes(self.size).to(latent.dtype).to(latent.device)  # no float64 on mps
        scaled = latent * scale[..., None]
        spectrum = torch.view_as_complex(scaled)
        planes: Tensor = torch.fft.irfft2(spectrum, s=(self.size, self.size), norm="ortho")
        return planes / FOURIER_DAMPING

    def _mixed(self, planes: Tensor) -> Tensor:
        return _mix(self._colours(planes), planes) if self.decorrelated else planes

    @staticmethod
    def _colours(like: Tensor) -> Tensor:
        """The colours' square root, its longest column 1 long: (3, 3)."""
        root = torch.tensor(COLOUR_SQRT, dtype=like.dtype, device=like.device)
        normalised: Tensor = root / torch.linalg.vector_norm(root, dim=0).max()
        return normalised


@lru_cache(maxsize=8)
def amplitudes(size: int) -> Tensor:
    """1 / f of every coefficient of half a spectrum (size, size // 2 + 1), f in cycles per px.

    The mean counts as the lowest frequency, 1 / size.
    """
    rows = torch.fft.fftfreq(size, dtype=torch.float64)[:, None]
    columns = torch.fft.rfftfreq(size, dtype=torch.float64)[None]
    amplitude: Tensor = 1 / (rows**2 + columns**2).sqrt().clamp(min=1 / size)
    return amplitude


def _mix(matrix: Tensor, planes: Tensor) -> Tensor:
    """`matrix` (3, 3) times the colour of every px of (N, 3, H, W)."""
    return torch.einsum("cd,ndhw->nchw", matrix, planes)
