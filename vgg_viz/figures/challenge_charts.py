"""The ImageNet challenge year by year, and error against computation, one protocol at a time."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vgg_viz.figures.chart_style import Look, digits, style
from vgg_viz.published import (
    CHALLENGE,
    HUMAN,
    NETWORKS,
    ChallengeEntry,
    Comparison,
    Family,
    Metric,
    Point,
    PublishedError,
    Standing,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

WINNERS_HEIGHT, BUBBLES_HEIGHT = 570, 500  # px
WORST = 32.0  # %, the end of the challenge's axis
LARGEST = 48  # px: diameter of the bubble of MOST parameters, in every chart
MOST = 143_678_248  # parameters of VGG-19 with batch norm
COSTS = (0.5e9, 1e9, 2e9, 5e9, 10e9, 20e9)  # MACs, ticks
NEAR = 0.03  # decades of MACs: bubbles that stand over one another
# The marker and the words of an entry.
STANDINGS: dict[Standing, tuple[str, str]] = {
    "winner": ("circle", "winner"),
    "winner with outside data": ("circle-open", "winner, outside data"),
    "second place": ("square", "2nd place"),
    "paper": ("diamond", "not the winner"),
}


def family_colour(family: Family, look: Look) -> str:
    """ZFNet and VGG have their colours on every page; others are told by their labels too."""
    places = {"ZFNet": 0, "VGG": 1, "AlexNet": 2, "ResNet": 4, "GoogLeNet": 5}
    return look.colours[places[family]] if family in places else look.muted


def spoken(error: PublishedError) -> str:
    """Everything about a number, for its hover text."""
    lines = (
        f"<b>{error.title}</b>, {error.year}",
        f"{error.metric} error {error.written} % ({error.split})",
        *error.protocol.words.split("; "),
        f"Team: {error.team}",
        f"Source: {error.source}",
    )
    return "<br>".join(lines)


def title(figure: "go.Figure", look: Look, text: str, height: int, *, bottom: int = 44) -> None:
    """A title inside the chart, so that its picture has it too."""
    figure.update_layout(
        height=height,
        margin={"t": 40, "b": bottom},
        hoverlabel={"align": "left"},
        title={
            "text": text,
            "font": {"size": 16, "color": look.text},
            "x": 0,
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 8},
        },
    )


def below(figure: "go.Figure", look: Look, text: str) -> None:
    """What the horizontal axis is."""
    figure.update_xaxes(title={"text": text, "font": {"size": 14, "color": look.text}})


# --- the challenge -------------------------------------------------------------------------------


def challenge_figure(look: Look) -> "go.Figure":
    """A bar for each test error of CHALLENGE, the lecture's networks in colour; a line: a person.

    Each bar ends in the marker of its standing; its name and its standing stand above it, so that
    a phone has room for both.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    places = list(range(len(CHALLENGE)))
    colours = [_entry_colour(entry, look) for entry in CHALLENGE]
    shown: dict[str, Any] = {
        "y": places,
        "x": [entry.error.value for entry in CHALLENGE],
        "hovertext": [spoken(entry.error) for entry in CHALLENGE],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "showlegend": False,
    }
    faint = [0.3 if entry.standing == "winner with outside data" else 0.8 for entry in CHALLENGE]
    figure.add_bar(**shown, orientation="h", width=0.3, marker={"color": colours, "opacity": faint})
    figure.add_scatter(
        **shown,
        mode="markers",
        marker={
            "symbol": [STANDINGS[entry.standing][0] for entry in CHALLENGE],
            "color": colours,
            "size": 13,
            "line": {"width": 2, "color": colours},
        },
    )
    style(figure, look, "")
    title(figure, look, "ImageNet challenge, test photos", WINNERS_HEIGHT)
    figure.update_layout(margin={"l": 12, "t": 58})
    figure.update_yaxes(range=[len(CHALLENGE) - 0.6, -0.95], visible=False)
    figure.update_xaxes(range=[0, WORST], showgrid=True, gridcolor=look.grid)
    below(figure, look, "top-5 error, %")
    _person(figure, look)
    # All at once: plotly checks the whole chart again at every single one.
    words = [text for at, entry in enumerate(CHALLENGE) for text in _entry_words(look, at, entry)]
    figure.update_layout(annotations=[*words, _person_words(look)])
    return figure


def _entry_words(look: Look, place: int, entry: ChallengeEntry) -> tuple[dict[str, Any], ...]:
    """The value at the end of the bar; year, name and standing above it."""
    name = f"<b>{entry.label}</b>" if entry.of_the_lecture else entry.label
    standing = STANDINGS[entry.standing][1]
    what = f"{name}, {standing}" if name else standing
    shared: dict[str, Any] = {
        "showarrow": False,
        "xanchor": "left",
        "font": {"size": 14, "color": look.text},
        "bgcolor": look.background,  # the line of the person passes behind
        "borderpad": 0,
    }
    value = {
        "x": entry.error.value,
        "y": place,
        "xshift": 10,
        "text": f"<b>{entry.error.written}</b>",
    }
    above = {"x": 0, "y": place - 0.22, "yanchor": "bottom", "text": f"{entry.error.year} {what}"}
    return shared | value, shared | above


def _entry_colour(entry: ChallengeEntry, look: Look) -> str:
    if not entry.of_the_lecture:
        return look.muted
    return family_colour(NETWORKS[entry.error.network].family, look)


def _person(figure: "go.Figure", look: Look) -> None:
    """A dashed line."""
    figure.add_scatter(
        x=[HUMAN.value] * 2,
        y=[-0.95, len(CHALLENGE) - 0.6],
        mode="lines",
        line={"color": look.text, "width": 1.5, "dash": "dash"},
        hovertemplate=f"<b>A person: {HUMAN.value:g} %</b> ({HUMAN.words})<br>"
        f"Source: {HUMAN.source}<extra></extra>",
        showlegend=False,
    )


def _person_words(look: Look) -> dict[str, Any]:
    """On top of the line."""
    return {
        "x": HUMAN.value,
        "xanchor": "left",
        "xshift": -6,
        "yref": "paper",
        "y": 1,
        "yanchor": "bottom",
        "text": f"┆ a person: {HUMAN.value:g} ({HUMAN.words})",
        "font": {"size": 14, "color": look.text},
        "showarrow": False,
    }


# --- error against computation -------------------------------------------------------------------


def error_against_cost_figure(comparison: Comparison, metric: Metric, look: Look) -> "go.Figure":
    """Error over MACs (log axis) of the networks of one comparison; area: parameters.

    Bubbles have the same scale in every comparison.
    """
    import plotly.graph_objects as go

    points = comparison.points(metric)
    figure = go.Figure(
        go.Scatter(
            x=[point.cost.macs for point in points],
            y=[point.error.value for point in points],
            mode="markers+text",
            marker={
                "size": [point.cost.parameters for point in points],
                "sizemode": "area",
                "sizeref": 2 * MOST / LARGEST**2,
                "color": [_colour(point, look) for point in points],
                "opacity": 0.55,
                "line": {"width": 2, "color": [_colour(point, look) for point in points]},
            },
            text=_labels(points),
            textposition=_label_places(points),
            textfont={"size": 13, "color": look.text},
            hovertext=[_spoken_point(point) for point in points],
            hovertemplate="%{hovertext}<extra></extra>",
            cliponaxis=False,
            showlegend=False,
        )
    )
    style(figure, look, f"{metric} error on the validation photos, %")
    title(figure, look, comparison.title, BUBBLES_HEIGHT)
    figure.update_yaxes(range=_around([point.error.value for point in points]))
    figure.update_xaxes(
        type="log",
        tickvals=list(COSTS),
        ticktext=[f"{digits(macs / 1e9)} G" for macs in COSTS],
        range=_decades([point.cost.macs for point in points]),
        showgrid=True,
        gridcolor=look.grid,
    )
    below(figure, look, "MACs of one pass over one crop")
    return figure


def _labels(points: Sequence[Point]) -> list[str]:
    """Name and parameters; of a family, which crowds, only the first with the family's name."""
    labels: list[str] = []
    named: set[str] = set()
    for point in points:
        network = NETWORKS[point.error.network]
        prefix = "" if network.family in named else network.prefix
        named.add(network.family)
        size = f"<br>{point.cost.parameters / 1e6:.0f} M"
        labels.append(
            f"<b>{prefix}{network.label}</b>" + ("" if not prefix and network.prefix else size)
        )
    return labels


def _label_places(points: Sequence[Point]) -> list[str]:
    """Above the bubble; of bubbles over one another the lowest has it below, others beside."""
    places = []
    for point in points:
        stack = [p.error.value for p in points if _near(p, point)]
        if point.error.value == max(stack):
            places.append("top center")
        else:
            lowest = point.error.value == min(stack)
            places.append("bottom center" if lowest else "middle right")
    return places


def _near(one: Point, other: Point) -> bool:
    return abs(math.log10(one.cost.macs / other.cost.macs)) < NEAR


def _around(values: Sequence[float]) -> list[float]:
    """An axis with room for bubbles and labels above and below."""
    low, high = min(values), max(values)
    room = 0.26 * max(high - low, 1.0)
    return [max(0.0, low - room), high + room]


def _decades(macs: Sequence[float]) -> list[float]:
    """Ends of the logarithmic axis, as log10: at least a decade."""
    low, high = math.log10(min(macs)), math.log10(max(macs))
    room = max(0.15, (1 - (high - low)) / 2)
    return [low - room, high + room]


def _colour(point: Point, look: Look) -> str:
    return family_colour(NETWORKS[point.error.network].family, look)


def _spoken_point(point: Point) -> str:
    parameters, giga = point.cost.parameters / 1e6, point.cost.macs / 1e9
    amounts = f"{parameters:,.2f} M parameters, {digits(giga)} GMACs ({digits(2 * giga)} GFLOPs)"
    return "<br>".join((spoken(point.error), amounts, f"Cost: {point.cost.source}"))
