"""The line under a map: every number of its trust, and a sentence that says what it means."""

from collections.abc import Mapping
from dataclasses import dataclass

from vgg_viz.results import Attribution, MapCurves, Pointing, Trust
from vgg_viz.results.attribution_trust import Level, Verdict

VERDICT_WORDS: Mapping[Verdict, str] = {
    "good": "Passes every test",
    "caution": "Read with care",
    "bad": "Do not trust this map",
    "unfinished": "Still measuring",
}
_BESIDE = {"edges": "edges", "centre": "middle", "random": "random"}
_KNOW_NOTHING = {
    "edges": "an edge detector, which knows nothing of the network",
    "centre": "a spot in the middle of the photo",
    "random": "maps of random numbers",
}
_CURVES = {
    "deletion": "Area under the probability of the class while pixels are deleted, the map's most "
    "important first: the lower, the better.",
    "insertion": "Area under the probability of the class while pixels come back, the map's most "
    "important first: the higher, the better.",
}
_ERRORS = {
    "completeness error": "How far the map's sum is from the score it has to add up to, relative.",
    "conservation error": "How much of the score was lost or added on the way to the pixels, "
    "relative; what biases take counts as lost.",
}
EMPTY = "The map is 0 everywhere: pixels are ranked by chance, so its areas are those of chance."


@dataclass(frozen=True)
class TrustItem:
    """One number of the strip."""

    name: str
    value: str
    help: str
    level: Level | None = None  # of the finding it belongs to; None: a number without a verdict


def strip_words(found: Trust) -> str:
    """The verdict, and the worst there is to say of the map."""
    no_better = any(each.about == "references" and each.level == "bad" for each in found.findings)
    return "No better than an edge detector" if no_better else VERDICT_WORDS[found.verdict]


def strip_items(
    found: Trust | None, attribution: Attribution, pointing: Pointing | None = None
) -> tuple[TrustItem, ...]:
    """What there is by now of the map `attribution`, `pointing` of a box that was drawn.

    `found` None: nothing was measured, and the box alone is told. No value is ever NaN.
    """
    items: list[TrustItem] = []
    if not attribution.grid.any():
        items.append(TrustItem("Map", "0 everywhere", EMPTY, "caution"))
    if found is not None:
        items += _areas(found)
        items += _checks(found)
        items += _random_weights(found)
        items += _seeds(found)
    if pointing is not None:
        items.append(_box(pointing))
    return tuple(items)


def _level(found: Trust, about: str) -> Level | None:
    return next((each.level for each in found.findings if each.about == about), None)


def _areas(found: Trust) -> list[TrustItem]:
    own = found.curves
    if own is None:
        return []
    items = [
        TrustItem(
            kind.capitalize(),
            f"{getattr(own, kind).area:.2f}",
            f"{_CURVES[kind]} {_others(found, kind)}".strip(),
        )
        for kind in _CURVES
    ]
    return items + [_beside(own, each) for each in found.references]


def _others(found: Trust, kind: str) -> str:
    areas = [f"{each.title} {getattr(each, kind).area:.2f}" for each in found.references]
    return f"Beside it: {', '.join(areas)}." if areas else ""


def _beside(own: MapCurves, other: MapCurves) -> TrustItem:
    """How much better than a map that knows nothing; below 0 it is worse."""
    ahead = own.gain - other.gain
    worst: Level = "bad" if other.name == "edges" else "caution"
    return TrustItem(
        f"vs {_BESIDE[other.name]}",
        f"{ahead:+.2f}",
        f"Insertion minus deletion area, {own.gain:.2f}, less that of {_KNOW_NOTHING[other.name]}, "
        f"{other.gain:.2f}: at 0 or below the map does no better.",
        worst if ahead <= 0 else "good",
    )


def _checks(found: Trust) -> list[TrustItem]:
    return [
        TrustItem(
            name.capitalize(),
            f"{100 * value:.1f}\u00a0%",
            _ERRORS.get(name, "What the method says of itself."),
            _level(found, name),
        )
        for name, value in found.checks
        if name.endswith("error")
    ]


def _random_weights(found: Trust) -> list[TrustItem]:
    if not found.randomised or len(found.randomised) < found.cascade:
        return []
    last = found.randomised[-1]
    return [
        TrustItem(
            "Random weights",
            _number(last.rank),
            "Rank correlation with the map of the same network with random weights in every layer: "
            "near 1 the map does not show what was learned. "
            f"Of magnitudes {_number(last.absolute_rank)}, structural similarity (SSIM) "
            f"{_number(last.ssim)}.",
            _level(found, "random weights"),
        )
    ]


def _seeds(found: Trust) -> list[TrustItem]:
    if found.seeds is None:
        return []
    count = len(found.seeds.seeds)
    return [
        TrustItem(
            "Seeds",
            _number(found.seeds.rank),
            f"Mean rank correlation between the maps of {count} seeds: at 1 the random numbers "
            f"that the method draws do not matter. Spread: {found.seeds.spread:.2f} of the largest "
            "value.",
            _level(found, "seeds"),
        )
    ]


def _box(pointing: Pointing) -> TrustItem:
    peak = {None: "no single peak", True: "peak in", False: "peak outside"}[pointing.hit]
    share = pointing.energy
    energy = "nothing positive" if share is None else f"{100 * share:.0f}\u00a0%"
    more = share is not None and share > pointing.box_share
    return TrustItem(
        "Box",
        f"{peak}, {energy}",
        "Pointing game: whether the map's largest value lies in the box that was drawn; and the "
        f"share of its positive values in there, on {100 * pointing.box_share:.0f} % of the "
        "picture, which is what a map without knowledge has.",
        "good" if pointing.hit is not False and more else "caution",
    )


def _number(value: float | None) -> str:
    return "no order" if value is None else f"{value:.2f}"
