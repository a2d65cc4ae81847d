"""What the numbers of a trust strip say, in words. Nothing here imports torch.

The limits are this project's own; each is printed with the sentence that uses it.
"""

from collections.abc import Iterable, Sequence

from vgg_viz.results import (
    MapCurves,
    Pointing,
    Randomised,
    SeedSpread,
    TrustFinding,
    Verdict,
)
from vgg_viz.results.attribution_trust import Level

SAME = 0.7  # rank correlation from which a map is much the same
ERROR = 0.05  # of completeness or conservation, relative
STEADY = 0.9  # rank correlation between seeds below which a map is not steady


def findings(
    *,
    curves: MapCurves | None,
    references: Sequence[MapCurves],
    checks: Iterable[tuple[str, float]],
    randomised: Sequence[Randomised],
    cascade: int,
    seeds: SeedSpread | None,
    pointing: Pointing | None,
) -> tuple[TrustFinding, ...]:
    """One sentence for everything that has been measured by now."""
    found: list[TrustFinding] = []
    if curves is not None and len(references) == 3:
        found.append(_against_references(curves, references))
    found += [_error(name, value) for name, value in checks if name.endswith("error")]
    if cascade and len(randomised) == cascade:
        found.append(_after_randomising(randomised))
    if seeds is not None:
        found.append(_over_seeds(seeds))
    if pointing is not None:
        found.append(_in_box(pointing))
    return tuple(found)


def verdict(found: Sequence[TrustFinding], *, complete: bool) -> Verdict:
    """The worst of the findings; "unfinished" before everything is measured."""
    levels = {finding.level for finding in found}
    if "bad" in levels:
        return "bad"  # nothing that follows can mend it
    if not complete:
        return "unfinished"
    return "caution" if "caution" in levels else "good"


def _against_references(own: MapCurves, references: Sequence[MapCurves]) -> TrustFinding:
    by_name = {each.name: each for each in references}
    edges, others = by_name["edges"], [by_name["centre"], by_name["random"]]
    numbers = f"insertion minus deletion area {own.gain:.3f}, the edge detector's {edges.gain:.3f}"
    if own.gain <= edges.gain:
        return TrustFinding(
            "bad",
            f"Does no better than an edge detector, which knows nothing of the network: {numbers}.",
            "references",
        )
    better = [each for each in others if each.gain >= own.gain]
    if better:
        listed = " and ".join(f"{each.title} ({each.gain:.3f})" for each in better)
        return TrustFinding(
            "caution", f"Better than an edge detector ({numbers}), not than {listed}.", "references"
        )
    return TrustFinding(
        "good",
        f"What it ranks first matters more to the network than edges, the middle of the photo or "
        f"chance do: {numbers}.",
        "references",
    )


def _error(name: str, value: float) -> TrustFinding:
    title = name[0].upper() + name[1:]
    if value <= ERROR:
        return TrustFinding(
            "good", f"{title} {value:.1%}: the values add up as they have to.", name
        )
    return TrustFinding(
        "caution",
        f"{title} {value:.1%}, above {ERROR:.0%}: the values do not add up.",
        name,
    )


def _after_randomising(rows: Sequence[Randomised]) -> TrustFinding:
    """Judged when the upper half of the layers is random, and when all are."""
    level, text = _likeness(rows)
    return TrustFinding(level, text, "random weights")


def _likeness(rows: Sequence[Randomised]) -> tuple[Level, str]:
    if all(row.rank is None for row in rows):
        return "caution", "No map here has an order: each is the same everywhere."
    last = rows[-1]
    half = next(row for row in rows if 2 * row.layers >= last.layers)
    if _same(half):
        return (
            "bad",
            (
                "Looks much the same when the upper half of the layers has random weights, down "
                f"to {half.layer} ({_alike(half)}; limit {SAME:g}): it does not show what they "
                "learned."
            ),
        )
    if _same(last):
        return (
            "bad",
            (
                f"Looks much the same when every weight is random ({_alike(last)}; limit "
                f"{SAME:g}): it shows the photo, not what the network learned."
            ),
        )
    if last.absolute_rank is not None and last.absolute_rank >= SAME:
        return (
            "caution",
            (
                f"With random weights it is large in the same places, with other signs "
                f"({_alike(last)}; limit {SAME:g}): where it is large follows the photo."
            ),
        )
    return (
        "good",
        (
            f"Another map when the upper half of the layers is random ({_alike(half)}), and when "
            f"all are ({_alike(last)})."
        ),
    )


def _same(row: Randomised) -> bool:
    return row.rank is not None and row.rank >= SAME and (row.absolute_rank or 0) >= SAME


def _alike(row: Randomised) -> str:
    if row.rank is None:
        return "a map without an order"
    if row.absolute_rank is None or row.absolute_rank == row.rank:
        return f"rank correlation {row.rank:.2f}"
    return f"rank correlation {row.rank:.2f}, of magnitudes {row.absolute_rank:.2f}"


def _over_seeds(seeds: SeedSpread) -> TrustFinding:
    count = len(seeds.seeds)
    if seeds.rank is None:
        text = f"The maps of {count} seeds have no order to compare."
        return TrustFinding("caution", text, "seeds")
    numbers = f"rank correlation {seeds.rank:.2f} between {count} seeds"
    if seeds.rank < STEADY:
        return TrustFinding(
            "caution", f"Another seed gives another map: {numbers}, below {STEADY:g}.", "seeds"
        )
    return TrustFinding("good", f"Other seeds give the same map: {numbers}.", "seeds")


def _in_box(found: Pointing) -> TrustFinding:
    if found.energy is None:
        text = "The map has no positive value to lie in the box."
        return TrustFinding("caution", text, "box")
    numbers = f"{found.energy:.0%} of its positive values on {found.box_share:.0%} of the picture"
    if found.hit is None:
        peak = "has no single peak"
    else:
        peak = "has its peak in the box" if found.hit else "has its peak outside the box"
    good = found.hit is not False and found.energy > found.box_share
    return TrustFinding("good" if good else "caution", f"The map {peak}: {numbers}.", "box")
