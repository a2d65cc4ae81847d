"""How much of a map's trust is measured. Nothing here imports torch."""

from typing import Protocol

from vgg_viz.errors import InputError

Box = tuple[float, float, float, float]  # x0, y0, x1, y1 as shares of the picture's sides

_RANGES = {
    "points": ("points of a curve", range(2, 257)),
    "random_maps": ("random maps", range(1, 21)),
    "seeds": ("seeds", range(2, 11)),
}


class Extent(Protocol):
    """What `examine` reads; `TrustJob` is one. Passes grow with all of them but the box."""

    @property
    def points(self) -> int:
        """Of a curve, beyond the first."""
        ...

    @property
    def random_maps(self) -> int:
        """That stand beside the map."""
        ...

    @property
    def seeds(self) -> int:
        """For methods that draw random numbers, the map's own included."""
        ...

    @property
    def box(self) -> Box | None:
        """What the map should point at."""
        ...


def check_extent(extent: Extent) -> None:
    """InputError for numbers out of range, or a box that is none."""
    for name, (words, allowed) in _RANGES.items():
        if getattr(extent, name) not in allowed:
            raise InputError(
                f"{getattr(extent, name)} {words} cannot be measured; "
                f"give {allowed.start} to {allowed.stop - 1}."
            )
    if extent.box is not None:
        check_box(extent.box)


def check_box(box: Box) -> None:
    """InputError unless it is x0 < x1, y0 < y1, shares of the picture in [0, 1]."""
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise InputError(
            "A box is x0, y0, x1, y1 as shares of the picture: 0 ≤ x0 < x1 ≤ 1 and "
            f"0 ≤ y0 < y1 ≤ 1, not {', '.join(f'{value:g}' for value in box)}."
        )
