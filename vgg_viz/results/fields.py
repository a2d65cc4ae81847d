"""What a unit really looks at: answers about effective receptive fields."""

from dataclasses import dataclass

from vgg_viz.results.provenance import Float32, Provenance


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """How strongly each px of the input moves one unit, averaged over photos.

    heat(y, x) = mean over the photos of sum_c |dS / d input(c, y, x)|, where S is the sum of the
    layer's channels at the unit, or one of them, and the input is as the network reads it
    (normalised, c its colours). The shares and sides are None when the gradient is 0 everywhere.
    """

    heat: Float32  # (H, W), >= 0, per unit of the normalised input
    layer: str
    row: int
    column: int
    channel: int | None  # None: the sum of all channels
    span_y: tuple[int, int]  # px, first and past the last of the theoretical field, not clipped
    span_x: tuple[int, int]
    share_inside: float | None  # of the heat, within the theoretical field; 1 up to rounding
    side_50: int | None  # px; the smallest square around the field's centre with 50 % of the heat
    side_95: int | None  # px, the same with 95 %
    images: int  # photos averaged
    provenance: Provenance  # its input_size is the one measured at

    @property
    def size(self) -> int:
        """Side of the theoretical field in px; the longer one behind uneven adaptive pooling."""
        return max(self.span_y[1] - self.span_y[0], self.span_x[1] - self.span_x[0])

    @property
    def relative_side(self) -> float | None:
        """Side that holds 95 % of the heat over the side of the theoretical field."""
        return None if self.side_95 is None else self.side_95 / self.size
