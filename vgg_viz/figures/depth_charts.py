"""The tables of VGG's paper over depth and over ways to test, and ZFNet's ablations."""

from typing import TYPE_CHECKING, Any

from vgg_viz.figures.challenge_charts import below, family_colour, spoken, title
from vgg_viz.figures.chart_style import MARKERS, Look, style
from vgg_viz.published import (
    ABLATIONS,
    CONFIGURATIONS,
    NETWORKS,
    TRAINING_SCALES,
    VGG_TABLE_3,
    VGG_TABLE_4,
    VGG_TABLE_5,
    VGG_TABLE_6,
    Metric,
    PublishedError,
    Split,
    find,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

DEPTH_HEIGHT, TEST_HEIGHT, ABLATIONS_HEIGHT = 470, 440, 500  # px
LETTERS = dict(zip(CONFIGURATIONS, ("A", "A-LRN", "B", "C", "D", "E"), strict=True))
WEIGHT_LAYERS = dict(zip(CONFIGURATIONS, (11, 11, 13, 16, 16, 19), strict=True))  # table 1
DASHES = ("solid", "dash", "dot")
SERIES_COLOURS = (1, 2, 0)  # of the look: VGG's own first
JITTER = TRAINING_SCALES[-1]


def vgg_table_3(network: str, train_side: str, metric: Metric) -> PublishedError | None:
    """A number of VGG's table 3; None where the paper has none."""
    for error in VGG_TABLE_3:
        if (error.network, error.protocol.train_side, error.metric) == (
            network,
            train_side,
            metric,
        ):
            return error
    return None


# --- depth ---------------------------------------------------------------------------------------


def depth_figure(metric: Metric, look: Look) -> "go.Figure":
    """Table 3: error over the six configurations, one line for each training scale S.

    A-LRN has the depth of A and hangs beside it. Three places are marked that say where more of
    something stops helping.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, side in enumerate(TRAINING_SCALES):
        figure.add_traces(_depth_lines(number, side, metric, look))
    style(figure, look, f"{metric} error, val, %")
    title(figure, look, "Table 3 of VGG's paper: error over depth", DEPTH_HEIGHT, bottom=92)
    figure.update_yaxes(tickformat=".1f")
    figure.update_xaxes(
        tickvals=list(range(len(CONFIGURATIONS))),
        ticktext=[f"<b>{LETTERS[name]}</b><br>{WEIGHT_LAYERS[name]}" for name in CONFIGURATIONS],
        range=[-0.45, len(CONFIGURATIONS) - 0.55],
    )
    below(figure, look, "configuration and its weight layers")
    said = {"font": {"size": 14, "color": look.text}, "arrowcolor": look.muted}
    figure.update_layout(annotations=[note | said for note in _depth_notes(metric)])
    return figure


def _depth_lines(number: int, side: str, metric: Metric, look: Look) -> list["go.Scatter"]:
    import plotly.graph_objects as go

    found = {name: vgg_table_3(name, side, metric) for name in CONFIGURATIONS}
    known = {name: error for name, error in found.items() if error is not None}
    colour = look.colours[SERIES_COLOURS[number]]
    shared: dict[str, Any] = {
        "mode": "lines+markers",
        "marker": {"symbol": MARKERS[number][0], "size": 12, "color": colour},
        "hovertemplate": "%{hovertext}<extra></extra>",
        "legendgroup": side,
    }

    def line(names: list[str], dash: str, *, legend: bool) -> "go.Scatter":
        return go.Scatter(
            x=[CONFIGURATIONS.index(name) for name in names],
            y=[known[name].value for name in names],
            hovertext=[spoken(known[name]) for name in names],
            line={"color": colour, "width": 3 if legend else 1.5, "dash": dash},
            name=f"S = {side} px" + (" (scale jitter)" if side == JITTER else ""),
            showlegend=legend,
            **shared,
        )

    depth = line([name for name in known if name != "vgg11_lrn"], DASHES[number], legend=True)
    if "vgg11_lrn" not in known:
        return [depth]
    return [line(["vgg11", "vgg11_lrn"], "dot", legend=False), depth]


# From one number of table 3 to another, (network, S): what to see there; where the words stand,
# in px from the second number.
_NOTES = (
    (("vgg11", "256"), ("vgg11_lrn", "256"), "LRN gains nothing", (34, -34)),
    (("vgg16", "256"), ("vgg19", "256"), "E is worse than D", (-34, -62)),
    (("vgg16", "256"), ("vgg16", JITTER), "scale jitter gains most", (-104, 14)),
)


def _depth_notes(metric: Metric) -> list[dict[str, Any]]:
    """Words on the chart, with arrows to what they speak of."""
    notes = []
    for before, after, text, tail in _NOTES:
        one, other = vgg_table_3(*before, metric), vgg_table_3(*after, metric)
        if one is not None and other is not None:
            notes.append(
                {
                    "x": CONFIGURATIONS.index(other.network),
                    "y": other.value,
                    "text": f"{text}<br><b>{one.written} → {other.written}</b>",
                    "ax": tail[0],
                    "ay": tail[1],
                    "standoff": 9,
                    "arrowwidth": 1.5,
                }
            )
    return notes


# --- ways to test --------------------------------------------------------------------------------

_WAYS = (
    ("one scale<br>dense", VGG_TABLE_3, "dense"),
    ("3 scales<br>dense", VGG_TABLE_4, "dense"),
    ("3 scales<br>multi-crop", VGG_TABLE_5, "multi-crop"),
    ("3 scales<br>both", VGG_TABLE_5, "multi-crop and dense"),
)
TESTED_NETWORKS = ("vgg16", "vgg19", "vgg_d_e")


def errors_by_views(network: str, metric: Metric) -> list[tuple[int, PublishedError]]:
    """Errors of `network` trained with scale jitter: (which way to test, error)."""
    tables = [VGG_TABLE_6] * len(_WAYS) if network == "vgg_d_e" else [way[1] for way in _WAYS]
    first = 1 if network == "vgg_d_e" else 0  # no fusion at one scale
    found = (
        (place, _of_way(tables[place], network, metric, _WAYS[place][2]))
        for place in range(first, len(_WAYS))
    )
    return [(place, error) for place, error in found if error is not None]


def _of_way(
    table: tuple[PublishedError, ...], network: str, metric: Metric, views: str
) -> PublishedError | None:
    alike = (error for error in table if error.protocol.train_side == JITTER)
    return find((e for e in alike if e.protocol.views == views), network, metric)


def testing_figure(metric: Metric, look: Look) -> "go.Figure":
    """Tables 3 to 6: what looking at a photo more than once gains, for D, E and both together."""
    import plotly.graph_objects as go

    figure = go.Figure()
    _entry_line(figure, metric, look)
    names = ("D alone", "E alone", "D and E averaged")
    for number, (network, name) in enumerate(zip(TESTED_NETWORKS, names, strict=True)):
        points = errors_by_views(network, metric)
        colour = look.colours[SERIES_COLOURS[number]]
        figure.add_scatter(
            x=[place for place, _ in points],
            y=[error.value for _, error in points],
            hovertext=[spoken(error) for _, error in points],
            hovertemplate="%{hovertext}<extra></extra>",
            mode="lines+markers",
            line={"color": colour, "width": 3, "dash": DASHES[number]},
            # D and E often agree: D shows around E.
            marker={"symbol": MARKERS[number][0], "size": (17, 10, 12)[number], "color": colour},
            name=name,
        )
    style(figure, look, f"{metric} error, val, %")
    title(figure, look, "VGG's paper, tables 3 to 6: ways to test", TEST_HEIGHT, bottom=92)
    figure.update_yaxes(tickformat=".1f")
    figure.update_xaxes(
        tickvals=list(range(len(_WAYS))),
        ticktext=[way[0] for way in _WAYS],
        range=[-0.3, len(_WAYS) - 0.7],
    )
    below(figure, look, "how a photo is looked at")
    return figure


def _entry_line(figure: "go.Figure", metric: Metric, look: Look) -> None:
    """Seven networks, as the challenge saw them."""
    entry = find(VGG_TABLE_6, "vgg_entry", metric)
    if entry is None:
        return
    figure.add_scatter(
        x=[-0.3, len(_WAYS) - 0.7],
        y=[entry.value] * 2,
        mode="lines",
        line={"color": look.muted, "width": 2, "dash": "dashdot"},
        hovertext=[spoken(entry)] * 2,
        hovertemplate="%{hovertext}<extra></extra>",
        name=f"the entry, 7 networks, dense: {entry.value:g}",
    )


# --- ZFNet's ablations ---------------------------------------------------------------------------


def ablations_figure(metric: Metric, look: Look) -> "go.Figure":
    """ZFNet's table 3: what layers and widths are worth. Top-1 shows the training error too."""
    import plotly.graph_objects as go

    figure = go.Figure()
    rows = list(dict.fromkeys((error.network, error.variant) for error in ABLATIONS))
    splits: tuple[Split, ...] = ("train", "val") if metric == "top-1" else ("val",)
    found = {
        split: [
            find(ABLATIONS, network, metric, split=split, variant=variant)
            for network, variant in rows
        ]
        for split in splits
    }
    colours = [family_colour(NETWORKS[network].family, look) for network, _ in rows]
    for split, errors in found.items():
        figure.add_scatter(
            x=[error.value if error else None for error in errors],
            y=list(range(len(rows))),
            mode="markers+text",
            marker={
                "symbol": "circle" if split == "val" else "diamond-open",
                "size": 13,
                "color": colours,
                "line": {"width": 2, "color": colours},
            },
            text=[f" {error.written} " if error else "" for error in errors],
            textposition="middle right" if split == "val" else "middle left",
            textfont={"size": 13, "color": look.text},
            hovertext=[spoken(error) if error else "" for error in errors],
            hovertemplate="%{hovertext}<extra></extra>",
            name=split,
            showlegend=False,
        )
    return _ablation_axes(figure, rows, metric, look)


def _ablation_axes(
    figure: "go.Figure", rows: list[tuple[str, str]], metric: Metric, look: Look
) -> "go.Figure":
    style(figure, look, "")
    title(figure, look, "Table 3 of ZFNet's paper: ablations", ABLATIONS_HEIGHT)
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[_ablation_label(*row) for row in rows],
        range=[len(rows) - 0.5, -0.5],
    )
    shown = "● val   ◇ train" if metric == "top-1" else "● val"
    largest = max(error.value for error in ABLATIONS if error.metric == metric)
    figure.update_xaxes(
        range=[-0.17 * largest, 1.37 * largest],  # room for numbers beside the markers
        tickvals=list(range(0, 81, 20)),
        showgrid=True,
        gridcolor=look.grid,
    )
    below(figure, look, f"{metric} error, %: {shown}")
    return figure


def _ablation_label(network: str, variant: str) -> str:
    if not variant:
        replica = network == "alexnet_replica"
        return f"<b>{'AlexNet, replicated' if replica else NETWORKS[network].title}</b>"
    return f"(b), {variant}" if network == "zfnet_b" else variant
