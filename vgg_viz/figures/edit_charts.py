"""Charts of edits: classes before and after, how far an edit travels, channels that carry a class.

plotly is imported by the functions that draw, so that pages without charts never wait for it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vgg_viz.figures.chart_style import MARKERS, Look, style
from vgg_viz.results import CarryingChannels, Edited, Invariance

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROW, BELOW = 40, 74  # px: a class's two bars; axis and legend
CURVE_HEIGHT = 290  # px
METHODS = {"gradient": "by gradient", "greedy": "greedy", "random": "random order"}
DASHES = ("solid", "dash", "dot")
AXES = {
    "translate": "Moved down, % of the side",
    "scale": "Times as large",
    "rotate": "Turned counter-clockwise, °",
}


def class_change_figure(edited: Edited, look: Look, series: int, count: int = 5) -> "go.Figure":
    """The most probable classes before and after the edit, two bars each, in %."""
    import plotly.graph_objects as go

    classes = edited.top(count)[:count]
    names = [_short(edited.classes[index]) for index in classes]
    figure = go.Figure()
    colour = look.colours[series % len(look.colours)]
    for name, values, fill in (
        ("before", edited.probabilities_before, look.muted),
        ("after", edited.probabilities_after, colour),
    ):
        shares = [100 * float(values[index]) for index in classes]
        figure.add_bar(
            y=[f"{name} " for name in names],
            x=shares,
            orientation="h",
            name=name,
            marker={
                "color": fill,
                "pattern": {"shape": "/" if name == "before" else "", "solidity": 0.35},
            },
            text=[
                f"{share:.1f}" + (_change(edited, index) if name == "after" else "")
                for index, share in zip(classes, shares, strict=True)
            ],
            textposition="outside",
            textfont={"size": 13, "color": look.text},
            cliponaxis=False,
            hovertemplate=f"%{{y}}<br>%{{x:.2f}} % {name}<extra></extra>",
        )
    style(figure, look, "")
    figure.update_layout(
        barmode="group",
        bargap=0.25,
        bargroupgap=0.05,
        height=BELOW + ROW * len(classes),
        margin={"t": 8},
        legend={"traceorder": "normal"},
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(range=[0, 170], tickvals=[0, 50, 100], ticksuffix=" %")
    return figure


def travel_figure(edits: Sequence[tuple[Edited, str, int]], look: Look) -> "go.Figure":
    """How far each later layer moved, in % of its size; (answer, network, series) for each line."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for edited, title, series in edits:
        shares = [100 * float(value) for value in edited.distances]
        figure.add_scatter(
            x=list(range(len(shares))),
            y=shares,
            mode="lines+markers+text",
            text=list(edited.layers),
            textposition="top center" if series == 0 else "bottom center",
            textfont={"size": 12, "color": look.colours[series % len(look.colours)]},
            name=f"{title}, from {edited.layer}",
            hovertemplate="%{text}: %{y:.3g} %<extra></extra>",
            cliponaxis=False,
            **_line(look, series, series),
        )
    style(figure, look, "Change, % of the layer's size")
    figure.update_layout(height=CURVE_HEIGHT)
    longest = max((len(edited.layers) for edited, _, _ in edits), default=1)
    figure.update_xaxes(
        title={
            "text": "Layers with weights behind the edit",
            "font": {"size": 14, "color": look.text},
        },
        dtick=1,
        range=[-0.4, longest - 0.6],
    )
    figure.update_yaxes(rangemode="tozero")
    return figure


def removal_figure(
    curves: Sequence[CarryingChannels], look: Look, span: tuple[float, float]
) -> "go.Figure":
    """The class's logit while channels are removed, a line for each way of choosing them.

    `span` are the ends of the vertical axis, shared with another network's chart.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for curve in curves:
        number = list(METHODS).index(curve.method)
        steps = list(range(len(curve.logits)))
        if curve.orders > 1:
            figure.add_scatter(
                x=[*steps, *reversed(steps)],
                y=[*curve.highest.tolist(), *reversed(curve.lowest.tolist())],
                fill="toself",
                fillcolor=look.grid,
                mode="lines",
                line={"width": 0},
                hoverinfo="skip",
                name=f"lowest to highest of {curve.orders} orders",
                opacity=0.6,
            )
        names = ["nothing removed", *(f"channel {channel}" for channel in curve.channels)]
        figure.add_scatter(
            x=steps,
            y=curve.logits.tolist(),
            mode="lines+markers",
            name=_method(curve),
            customdata=[
                (name, 100 * float(share))
                for name, share in zip(
                    names if curve.channels else [""] * len(steps),
                    curve.probabilities,
                    strict=True,
                )
            ],
            hovertemplate="%{x} removed: logit %{y:.3f}, %{customdata[1]:.1f} %"
            "<br>%{customdata[0]}<extra></extra>",
            cliponaxis=False,
            **_line(look, number, number, muted=curve.orders > 1),
        )
    style(figure, look, "Logit of the class")
    figure.update_layout(height=CURVE_HEIGHT)
    figure.update_xaxes(
        title={"text": "Channels set to 0", "font": {"size": 14, "color": look.text}},
        dtick=_tick(curves),
    )
    figure.update_yaxes(range=list(span))
    return figure


def invariance_figure(
    answers: Sequence[tuple[Invariance, str, int]], look: Look, layers: Sequence[str] | None
) -> "go.Figure":
    """Distance of one layer of each network while the photo changes; None: the class's probability.

    (answer, network, series) for each line; `layers` names the layer of each.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, (answer, title, series) in enumerate(answers):
        if layers is None:
            values = [100 * float(share) for share in answer.probabilities]
            name, said = f"{title}: {_short(answer.target_name)}", "%{y:.1f} %"
        else:
            column = answer.layers.index(layers[number])
            values = [float(value) for value in answer.distances[:, column]]
            name, said = f"{title}, {layers[number]}", "distance %{y:.3f}"
        figure.add_scatter(
            x=shown_values(answer),
            y=values,
            mode="lines+markers",
            name=name,
            customdata=list(answer.top),
            hovertemplate=f"%{{x:.3g}}: {said}<br>most probable: %{{customdata}}<extra></extra>",
            cliponaxis=False,
            **_line(look, series, series),
        )
    style(figure, look, "Probability, %" if layers is None else "Relative distance")
    figure.update_layout(height=CURVE_HEIGHT, margin={"t": 8})
    first = answers[0][0]
    figure.update_xaxes(
        title={"text": AXES[first.transform], "font": {"size": 14, "color": look.text}}
    )
    if first.transform == "translate":
        figure.update_xaxes(tickvals=[-25, -12.5, 0, 12.5, 25], range=[-27, 27])
    if first.transform == "scale":
        figure.update_xaxes(type="log", tickvals=[0.5, 0.7, 1, 1.4, 2])
    if first.transform == "rotate":
        figure.update_xaxes(tickvals=[-180, -90, 0, 90, 180])
    figure.update_yaxes(range=[-3, 103] if layers is None else None, rangemode="tozero")
    return figure


def _method(curve: CarryingChannels) -> str:
    """A line's name; a search that could not try every channel says so."""
    if 0 < curve.candidates < curve.alive:
        return f"greedy among {curve.candidates} first by gradient"
    return METHODS[curve.method] + (", mean" if curve.orders > 1 else "")


def shown_values(answer: Invariance) -> list[float]:
    """Values as the axis prints them: shares in %."""
    factor = 100 if answer.transform == "translate" else 1
    return [factor * value for value in answer.values]


def _line(look: Look, colour: int, number: int, *, muted: bool = False) -> dict[str, Any]:
    """Colour, dash and marker: each alone tells the lines apart."""
    shown = look.muted if muted else look.colours[colour % len(look.colours)]
    return {
        "line": {"color": shown, "width": 2.5, "dash": DASHES[number % len(DASHES)]},
        "marker": {"color": shown, "size": 8, "symbol": MARKERS[number % len(MARKERS)][0]},
    }


def _tick(curves: Sequence[CarryingChannels]) -> int:
    return max(1, max((len(curve.logits) for curve in curves), default=1) // 10)


def _change(edited: Edited, index: int) -> str:
    """ " (−28.4)", in percentage points; "" when the digits shown do not change."""
    before, after = edited.probabilities_before[index], edited.probabilities_after[index]
    change = f"{100 * (float(after) - float(before)):+.1f}"
    return "" if change in ("+0.0", "-0.0") else f" ({change.replace('-', '−')})"


def _short(name: str) -> str:
    """ImageNet's names list synonyms: the first, and no longer than an axis bears."""
    first = name.partition(",")[0]
    return first if len(first) <= 18 else first[:17] + "…"
