"""Charts of detection: precision of two networks, seconds of two ways, units that speak."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vgg_viz.figures.chart_style import Look, style
from vgg_viz.results import DetectedRegion, Detection, DetectionCard, DetectionWay

if TYPE_CHECKING:
    import plotly.graph_objects as go

WAYS: dict[DetectionWay, str] = {"rcnn": "R-CNN", "fast": "Fast R-CNN"}
PATTERNS = ("", "/")


def precision_figure(
    cards: Sequence[tuple[str, DetectionCard]], look: Look, *, way: DetectionWay, refined: bool
) -> "go.Figure":
    """Average precision of every class, and their mean, with 95 % intervals; (network, card)."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for series, (name, card) in enumerate(cards):
        found = card.of(way, refined=refined)
        values = [found.mean, *found.by_class]
        ends = [found.interval, *found.class_intervals]
        figure.add_bar(
            x=["mean (mAP)", *card.classes],
            y=[100 * value for value in values],
            name=name,
            marker={
                "color": look.colours[series % len(look.colours)],
                "pattern": _pattern(series, look),
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (high - v) for v, (_, high) in zip(values, ends, strict=True)],
                "arrayminus": [100 * (v - low) for v, (low, _) in zip(values, ends, strict=True)],
                "color": look.text,
                "thickness": 1.5,
            },
            customdata=[f"{100 * low:.1f} to {100 * high:.1f}" for low, high in ends],
            hovertemplate=f"{name}, %{{x}}: %{{y:.1f}} % (95 %: %{{customdata}})<extra></extra>",
        )
    style(figure, look, "AP at IoU 0.5, %")
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.06)
    figure.update_yaxes(rangemode="tozero")
    return figure


def detection_seconds_figure(answers: Sequence[tuple[str, Detection]], look: Look) -> "go.Figure":
    """Seconds of selective search and of the network, one bar for each network and way."""
    import plotly.graph_objects as go

    names = [f"{name}, {WAYS[found.way]}" for name, found in answers]
    figure = go.Figure()
    for series, (title, values) in enumerate(
        (
            ("network, scores, regression", [found.seconds for _, found in answers]),
            ("selective search", [found.search_seconds for _, found in answers]),
        )
    ):
        figure.add_bar(
            y=names,
            x=values,
            orientation="h",
            name=title,
            marker={
                "color": look.colours[series],
                "pattern": _pattern(series, look),
            },
            text=[f"{value:.2f} s" for value in values],
            textposition="inside",
            textangle=0,
            hovertemplate=f"%{{y}}: {title} %{{x:.3f}} s<extra></extra>",
        )
    style(figure, look, "")
    figure.update_layout(
        barmode="stack",
        height=90 + 52 * max(len(names), 1),
        uniformtext={"minsize": 12, "mode": "hide"},  # the numbers of thin bars are in the text
    )
    figure.update_yaxes(autorange="reversed", title=None, showgrid=False)
    figure.update_xaxes(
        title={"text": "Seconds for one photo", "font": {"size": 14, "color": look.text}},
        rangemode="tozero",
        gridcolor=look.grid,
        showgrid=True,
    )
    return figure


def _pattern(series: int, look: Look) -> dict[str, str]:
    """Stripes over the second series' colour: told apart without colours too."""
    return {"shape": PATTERNS[series % 2], "fgcolor": look.background, "fillmode": "overlay"}


def feature_shares_figure(region: DetectedRegion, look: Look, *, series: int = 0) -> "go.Figure":
    """What the strongest fc7 units, all others and the bias add to the score."""
    import plotly.graph_objects as go

    names = [f"unit {each.unit}" for each in region.features] + ["other units", "bias"]
    values = [each.share for each in region.features] + [region.others, region.bias]
    details = [f"value {each.value:.3g} × weight {each.weight:.3g}" for each in region.features]
    colour = look.colours[series % len(look.colours)]
    figure = go.Figure()
    figure.add_bar(
        y=names,
        x=values,
        orientation="h",
        marker={"color": [colour] * len(region.features) + [look.muted] * 2},
        text=[f"{value:+.2f}".replace("-", "−") for value in values],
        textposition="outside",
        cliponaxis=False,
        customdata=[*details, f"{len(region.features)} named above left out", "of the SVM"],
        hovertemplate="%{y}: %{x:.3g} (%{customdata})<extra></extra>",
        showlegend=False,
    )
    style(figure, look, "")
    span = max((abs(value) for value in values), default=1.0) or 1.0
    low, high = min([0.0, *values]), max([0.0, *values])
    figure.update_layout(height=60 + 26 * len(names))
    figure.update_yaxes(autorange="reversed", title=None, showgrid=False)
    figure.update_xaxes(
        title={"text": "Share of the score", "font": {"size": 14, "color": look.text}},
        range=[low - 0.3 * span, high + 0.3 * span],
        zeroline=True,
        zerolinecolor=look.muted,
    )
    return figure
