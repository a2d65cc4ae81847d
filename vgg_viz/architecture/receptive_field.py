"""The part of the input that one unit can see."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReceptiveField:
    """The square of the input that one unit can see (Araujo, Norris & Sim, Distill 2019).

    All three in px of the input, before clipping at its border: near a border, and for a field
    larger than the input, part of the square lies outside and sees padding.
    """

    size: int = 1
    jump: int = 1  # between the fields of neighbouring units
    padding: int = 0  # how far the first unit's field begins before the input

    def after(
        self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> "ReceptiveField":
        """Return the field one layer later: r + d (k - 1) j, j s, p + pad j."""
        return ReceptiveField(
            self.size + dilation * (kernel - 1) * self.jump,
            self.jump * stride,
            self.padding + padding * self.jump,
        )

    def span(self, i: int) -> tuple[int, int]:
        """First px and the px after the last one that unit `i` of a row sees, not clipped."""
        start = i * self.jump - self.padding
        return start, start + self.size

    def center(self, i: int) -> float:
        """Centre of what unit `i` of a row sees, where px 0 has its centre at 0."""
        return -self.padding + i * self.jump + (self.size - 1) / 2
