"""Charts of a style transfer: every loss behind every step, relative to the other picture's."""

from typing import TYPE_CHECKING

import numpy as np

from vgg_viz.figures.chart_style import Look, digits, style
from vgg_viz.results import Float32, Styled

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 330  # px
# A dash for each style layer, so that five lines differ without colour too; the first colour is the
# content's, and grey, next to the roughness, comes last.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
COLOURS = (1, 2, 5, 4, 3)
CONTENT_WIDTH, LAYER_WIDTH = 3.5, 2
MARKS = 12  # markers on the line of the content


def style_losses_figure(found: Styled, look: Look) -> "go.Figure":
    """Content and style layers over the steps, on a log scale; 1 is the other picture's loss."""
    import plotly.graph_objects as go

    figure = go.Figure()
    at = np.arange(len(found.losses))
    lines: list[tuple[str, Float32]] = [(each.layer, each.relative) for each in found.layers]
    for number, (layer, values) in enumerate(lines):
        figure.add_scatter(
            x=at,
            y=_positive(values),
            mode="lines" if len(at) > 1 else "markers",
            name=layer,  # short: seven names have to fit below
            line={
                "color": look.colours[COLOURS[number % len(COLOURS)]],
                "width": LAYER_WIDTH,
                "dash": DASHES[number % len(DASHES)],
            },
            hovertemplate=f"step %{{x}}: style at {layer} %{{y:.3g}}<extra></extra>",
        )
    figure.add_scatter(
        x=at,
        y=_positive(found.relative_content),
        mode="lines+markers",
        name="content",
        line={"color": look.colours[0], "width": CONTENT_WIDTH},
        marker={"size": 8, "maxdisplayed": MARKS},
        hovertemplate=f"step %{{x}}: content at {found.content_layer} %{{y:.3g}}<extra></extra>",
    )
    figure.add_scatter(
        x=at,
        y=_positive(found.relative_variation),
        mode="lines",
        name="roughness",
        line={"color": look.muted, "width": 1},
        hovertemplate="step %{x}: squared differences of neighbours %{y:.3g}<extra></extra>",
    )
    style(figure, look, "relative loss")
    figure.update_layout(height=HEIGHT, margin={"t": 8}, uirevision="style")
    figure.update_xaxes(
        title={"text": "Step", "font": {"size": 14, "color": look.text}},
        range=[0, max(found.steps if not found.ended else found.step, 1)],
    )
    every = [*found.relative_content, *found.relative_variation]
    every += [value for _, values in lines for value in values]
    _decades(figure, [float(value) for value in every])
    return figure


def _positive(values: Float32) -> list[float | None]:
    """A log scale has no place for 0: the content's loss of the content itself."""
    return [float(value) if value > 0 and np.isfinite(value) else None for value in values]


def _decades(figure: "go.Figure", values: list[float]) -> None:
    above = [value for value in values if value > 0 and np.isfinite(value)]
    low = np.floor(np.log10(min(above))) if above else -1.0
    high = np.ceil(np.log10(max(above))) if above else 0.0
    low = max(min(low, -1.0), high - 6)  # a start that is nearly there would flatten the rest
    marks = [10.0**power for power in range(int(low), int(high) + 1)]
    figure.update_yaxes(
        type="log", range=[low, high + 0.05], tickvals=marks, ticktext=[*map(digits, marks)]
    )
