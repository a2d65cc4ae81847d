"""Page "Attribution": how far a map can be trusted, measured as a job and told in words."""

from functools import partial
from typing import Any

import streamlit as st

from dashboard.attribution_box import trust_with_box
from dashboard.attribution_cells import Cell
from dashboard.attribution_settings import Box
from dashboard.charts import chart, look
from dashboard.network_column import escaped
from dashboard.study_panel import study_panel
from vgg_viz import figures
from vgg_viz.requests import TrustJob
from vgg_viz.results import Trust

VERDICTS = {
    "good": ("green", ":material/check_circle:", "Passes every test measured here"),
    "caution": ("orange", ":material/warning:", "To be read with care"),
    "bad": ("red", ":material/cancel:", "Do not trust this map"),
    "unfinished": ("gray", ":material/hourglass_empty:", "Still measuring"),
}
LEVELS = {"good": ("green", "✓"), "caution": ("orange", "!"), "bad": ("red", "✗")}
CURVES = (
    "**Deletion**: pixels go in the order of the map, most important first; the faster the "
    "probability falls, the better. **Insertion**: they come in that order; the faster it rises, "
    "the better. Beside it maps that know nothing of the network: edges of the photo, a spot in "
    "the middle, random numbers. The numbers are areas under the curves (RISE, arXiv 1806.07421)."
)
CASCADE = (
    "The layers get random weights one after another, from the top down (Adebayo et al., arXiv "
    "1810.03292). A map that stays the same does not show what the network learned. **Rank "
    "correlation** is Spearman's; **SSIM** is structural similarity."
)
WORK = "Many passes: seconds with the bundled weights, minutes with networks of full width."


def trust_job(cell: Cell) -> TrustJob:
    """The job of a cell's map, as in the matrix: a box needs no pass and is no part of it."""
    return TrustJob.of(cell.request)


def trust_strip(cell: Cell, box: Box | None) -> None:
    """The button, the bar, and what has been found by now."""
    study_panel(
        trust_job(cell),
        partial(_found, cell, box),
        key=f"attribution_trust_{cell.where}",
        start="Can it be trusted?",
        about=WORK,
        icon=":material/fact_check:",
    )


def _found(cell: Cell, box: Box | None, measured: Trust) -> None:
    found = trust_with_box(measured, box)
    colour, icon, title = VERDICTS[found.verdict]
    with st.container(key=f"attribution_verdict_{cell.where}", gap="xsmall"):
        st.markdown(f":{colour}[{icon} **{title}**]", help=" ".join(map(escaped, found.protocol)))
        st.markdown("\n".join(_sentence(each.level, each.text) for each in found.findings))
    if found.curves is not None:
        st.markdown("**Beside maps that know nothing**", help=CURVES)
        for kind, column in zip(("deletion", "insertion"), st.columns(2), strict=True):
            with column:
                chart(
                    figures.curves_figure(found, look(), kind),
                    key=f"attribution_{kind}_{cell.where}",
                    alt=f"{kind.capitalize()} of {cell.method.title}: {_areas(found, kind)}.",
                    rows=curve_rows(found, kind),
                    source=cell.source,
                )
    if found.randomised:
        st.markdown("**With random weights**", help=CASCADE)
        chart(
            figures.cascade_figure(found.randomised, look()),
            key=f"attribution_cascade_{cell.where}",
            alt=f"Similarity of {cell.method.title} with random weights: "
            + ", ".join(f"{row.layer} {_number(row.rank)}" for row in found.randomised),
            rows=cascade_rows(found),
            source=cell.source,
        )


def _sentence(level: str, text: str) -> str:
    colour, sign = LEVELS[level]
    return f"- :{colour}[**{sign}**] {escaped(text)}"


def _areas(found: Trust, kind: str) -> str:
    return ", ".join(
        f"{each.title} {getattr(each, kind).area:.2f}" for each in figures.measured(found)
    )


def _number(value: float | None) -> str:
    return "without an order" if value is None else f"{value:.2f}"


def curve_rows(found: Trust, kind: str) -> list[dict[str, Any]]:
    """Every point, unrounded."""
    return [
        {
            "map": each.title,
            "share of pixels": float(share),
            "probability": float(score),
            "area": getattr(each, kind).area,
        }
        for each in figures.measured(found)
        for share, score in zip(
            getattr(each, kind).fractions, getattr(each, kind).scores, strict=True
        )
    ]


def cascade_rows(found: Trust) -> list[dict[str, Any]]:
    """Every layer, unrounded."""
    return [
        {
            "random down to": row.layer,
            "layers": row.layers,
            "rank correlation": row.rank,
            "rank correlation of magnitudes": row.absolute_rank,
            "ssim": row.ssim,
        }
        for row in found.randomised
    ]
