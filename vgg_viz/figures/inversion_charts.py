"""Charts of rebuilt photos: the way down, and what each depth keeps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vgg_viz.figures.chart_style import MARKERS, Look, digits, style
from vgg_viz.results import Inversion, LayerInversion

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 250  # px
DASHES = ("solid", "dash")
MEASURES = {
    "similarity": ("Similarity to the photo, r", False),
    "distance": ("Relative code distance", True),
}


def descent_figure(
    layer: LayerInversion, steps: int, look: Look, *, series: int = 0
) -> "go.Figure":
    """Relative code distance and the whole objective at every step, on a log scale."""
    import plotly.graph_objects as go

    at = list(range(len(layer.losses)))
    colour = look.colours[series % len(look.colours)]
    figure = go.Figure()
    for name, values, dash, width, shade in (
        ("relative code distance", layer.distances, "solid", 3, colour),
        ("whole objective, with the priors", layer.losses, "dot", 2, look.muted),
    ):
        figure.add_scatter(
            x=at,
            y=[float(value) if value > 0 else None for value in values],
            mode="lines" if len(at) > 1 else "markers",
            name=name,
            line={"color": shade, "width": width, "dash": dash},
            hovertemplate=f"step %{{x}}: {name} %{{y:.3g}}<extra></extra>",
        )
    style(figure, look, "log scale")
    figure.update_layout(height=HEIGHT, margin={"t": 8}, uirevision="descent")
    _log_axis(figure, [*layer.distances.tolist(), *layer.losses.tolist()])
    figure.update_xaxes(
        title={"text": "Step", "font": {"size": 14, "color": look.text}}, range=[0, max(steps, 1)]
    )
    return figure


def kept_figure(
    answers: Sequence[tuple[Inversion, str, int]], look: Look, measure: str
) -> "go.Figure":
    """What the rebuilt photos keep over the depth; (answer, network, series) for each line.

    `measure` is a key of MEASURES. Layers of two networks stand at one place of the axis in the
    order of their depth.
    """
    import plotly.graph_objects as go

    title, logarithmic = MEASURES[measure]
    figure = go.Figure()
    every: list[float] = []
    for found, name, series in answers:
        values = [_value(layer, measure) for layer in found.layers]
        every += values
        figure.add_scatter(
            x=list(range(len(values))),
            y=[value if np.isfinite(value) else None for value in values],
            mode="lines+markers",
            name=name,
            customdata=[layer.layer for layer in found.layers],
            hovertemplate="%{customdata}: %{y:.3g}<extra></extra>",
            cliponaxis=False,
            **_line(look, series),
        )
    style(figure, look, title)
    longest = max((len(found.layers) for found, _, _ in answers), default=1)
    # Room of its own: plotly's automatic margin lets the title touch the numbers here.
    figure.update_layout(height=HEIGHT + 30, margin={"t": 8, "l": 64})
    figure.update_xaxes(
        tickvals=list(range(longest)),
        ticktext=[_tick(answers, at) for at in range(longest)],
        range=[-0.3, longest - 0.7],
        tickangle=0,
    )
    if logarithmic:
        _log_axis(figure, every)
    else:
        low = min([0.0, *(value for value in every if np.isfinite(value))])
        figure.update_yaxes(range=[low - 0.03, 1.03])
    return figure


def _value(layer: LayerInversion, measure: str) -> float:
    return layer.correlation if measure == "similarity" else layer.distance


def _tick(answers: Sequence[tuple[Inversion, str, int]], at: int) -> str:
    """conv3 for conv3 beside conv3_3: seven names have to fit on a phone; points have theirs."""
    names = [found.layers[at].layer for found, _, _ in answers if at < len(found.layers)]
    shortest = min(names, key=len)
    if all(name.startswith(shortest) for name in names):
        return shortest
    return "<br>".join(dict.fromkeys(names))


def _log_axis(figure: "go.Figure", values: Sequence[float]) -> None:
    """Decades, or a few marks where there is less than one."""
    above = [value for value in values if np.isfinite(value) and value > 0]
    if not above:
        return
    low, high = np.log10(min(above)), np.log10(max(above))
    ends = [low - 0.06 * (high - low) - 0.02, high + 0.06 * (high - low) + 0.02]
    marks = [10.0**power for power in range(int(np.floor(ends[0])), int(np.ceil(ends[1])) + 1)]
    if sum(ends[0] <= np.log10(mark) <= ends[1] for mark in marks) < 2:
        marks = [factor * mark for mark in marks for factor in (1, 2, 5)]
    figure.update_yaxes(type="log", range=ends, tickvals=marks, ticktext=[*map(digits, marks)])


def _line(look: Look, series: int) -> dict[str, Any]:
    colour = look.colours[series % len(look.colours)]
    return {
        "line": {"color": colour, "width": 2.5, "dash": DASHES[series % len(DASHES)]},
        "marker": {"color": colour, "size": 9, "symbol": MARKERS[series % len(MARKERS)][0]},
    }
