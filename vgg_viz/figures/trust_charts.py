"""Charts of trust in a map: beside maps that know nothing, and with random weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vgg_viz.figures.chart_style import MARKERS, Look, style
from vgg_viz.results import MapCurves, Randomised, Trust

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 300  # px
# The map itself is thick and solid; what it is compared with is thin, each with its own dash.
_LINES = {"map": (0, "solid", 3.5), "edges": (1, "dash", 2), "centre": (2, "dot", 2)}
_REST = (3, "dashdot", 2)
_NAMES = {"map": "this map", "edges": "edges", "centre": "middle", "random": "random"}
_KINDS = {"deletion": "% of the pixels deleted", "insertion": "% of the pixels shown"}
_SIMILARITIES = (
    ("rank", "rank correlation", "solid"),
    ("absolute_rank", "of magnitudes", "dash"),
    ("ssim", "SSIM", "dot"),
)


def curves_figure(found: Trust, look: Look, kind: str) -> "go.Figure":
    """Probability of the class while pixels go ("deletion") or come ("insertion").

    The map beside an edge detector, a spot in the middle and random maps, areas in the legend.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for each in measured(found):
        at, dash, width = _LINES.get(each.name, _REST)
        curve = each.deletion if kind == "deletion" else each.insertion
        colour = look.colours[at]
        figure.add_scatter(
            x=[100 * float(share) for share in curve.fractions],
            y=[float(score) for score in curve.scores],
            mode="lines",
            name=f"{_NAMES[each.name]} {curve.area:.2f}",
            line={"color": colour, "width": width, "dash": dash},
            hovertemplate=f"{each.title}: %{{y:.3f}} at %{{x:.0f}} %<extra></extra>",
        )
    style(figure, look, "Probability")
    figure.update_layout(height=HEIGHT, margin={"t": 8})
    figure.update_xaxes(
        title={"text": _KINDS[kind], "font": {"size": 14, "color": look.text}}, range=[0, 100]
    )
    figure.update_yaxes(range=[0, 1.02])
    return figure


def cascade_figure(rows: Sequence[Randomised], look: Look) -> "go.Figure":
    """Similarity to the map while layers get random weights from the top down."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for series, (name, title, dash) in enumerate(_SIMILARITIES):
        figure.add_scatter(
            x=[row.layer for row in rows],
            y=[getattr(row, name) for row in rows],
            mode="lines+markers",
            name=title,
            line={"color": look.colours[series], "width": 2.5, "dash": dash},
            marker={"size": 8, "symbol": MARKERS[series][0]},
            hovertemplate=f"random down to %{{x}}: {title} %{{y:.2f}}<extra></extra>",
            cliponaxis=False,
        )
    style(figure, look, "Similarity to the map")
    figure.update_layout(height=HEIGHT, margin={"t": 8})
    font = {"size": 14, "color": look.text}
    figure.update_xaxes(title={"text": "Random weights down to", "font": font})
    low = min(
        [
            0.0,
            *(v for row in rows for n, _, _ in _SIMILARITIES if (v := getattr(row, n)) is not None),
        ]
    )
    figure.update_yaxes(range=[low - 0.05, 1.05])
    return figure


def measured(found: Trust) -> list[MapCurves]:
    """The curves that there are by now, the map's own first."""
    return [*([] if found.curves is None else [found.curves]), *found.references]
