"""How well pixels are labelled, as plotly charts."""

from typing import TYPE_CHECKING

from vgg_viz.figures.chart_style import MARKERS, Look, style
from vgg_viz.results import SegmentationHeads

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 340  # px


def mean_iu_figure(heads: SegmentationHeads, look: Look) -> "go.Figure":
    """Mean IU in % of 32s, 16s and 8s for every network, with its 95 % intervals."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for series, head in enumerate(heads.heads):
        values = [100 * each.mean_iu.value for each in head.scores]
        figure.add_scatter(
            x=[at + 0.06 * (series - (len(heads.heads) - 1) / 2) for at in range(len(values))],
            y=values,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (e.mean_iu.high - e.mean_iu.value) for e in head.scores],
                "arrayminus": [100 * (e.mean_iu.value - e.mean_iu.low) for e in head.scores],
                "thickness": 1.5,
            },
            mode="lines+markers",
            name=head.title,
            line={"color": look.colours[series], "width": 2.5},
            marker={"size": 10, "symbol": MARKERS[series][0]},
            customdata=[
                f"FCN-{e.stride}s on {head.title}: {100 * e.mean_iu.value:.1f} % "
                f"({100 * e.mean_iu.low:.1f} to {100 * e.mean_iu.high:.1f})"
                for e in head.scores
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
    style(figure, look, "Mean IU, %")
    strides = [each.stride for each in heads.heads[0].scores]
    figure.update_layout(height=HEIGHT, margin={"t": 8})
    figure.update_xaxes(
        tickvals=list(range(len(strides))),
        ticktext=[f"FCN-{stride}s" for stride in strides],
        range=[-0.3, len(strides) - 0.7],
    )
    top = max(each.mean_iu.high for head in heads.heads for each in head.scores)
    figure.update_yaxes(range=[0, 108 * top])  # whole intervals
    return figure


def class_iu_figure(heads: SegmentationHeads, look: Look) -> "go.Figure":
    """IU in % of every class with the finest net of each network."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for series, head in enumerate(heads.heads):
        figure.add_bar(
            x=list(head.classes),
            y=[100 * iu for iu in head.scores[-1].iu],
            name=head.title,
            marker={
                "color": look.colours[series],
                "pattern": {
                    "shape": ("", "/", ".")[series % 3],
                    "fillmode": "overlay",  # over the bar, whose colour stays
                    "fgcolor": look.background,
                    "fgopacity": 0.9,
                    "solidity": 0.25,
                },
            },
            hovertemplate=f"{head.title}: %{{x}} %{{y:.1f}} %<extra></extra>",
        )
    style(figure, look, f"IU with FCN-{heads.heads[0].scores[-1].stride}s, %")
    figure.update_layout(height=HEIGHT, margin={"t": 8}, bargap=0.25)
    figure.update_yaxes(range=[0, 100])
    return figure
