"""Page "Attribution": one method's map of one network, at once or as work that is watched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard import components, service
from dashboard.attribution_settings import AttributionSettings, Box, request_of
from dashboard.controls import model_title
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection, Where, class_labels
from dashboard.study_panel import study_panel
from vgg_viz import figures
from vgg_viz.requests import (
    AttributionRequest,
    ClassifyRequest,
    MethodCostRequest,
    PictureRequest,
)
from vgg_viz.results import Attribution, MethodCost, MethodInfo, ModelInfo

Then = Callable[[Attribution], None]


@dataclass(frozen=True, eq=False)
class Cell:
    """One method and one network."""

    where: Where
    info: ModelInfo
    method: MethodInfo
    request: AttributionRequest
    quantile: float
    box: Box | None = None  # drawn around what the map should point at

    @property
    def key(self) -> str:
        """Of its widgets."""
        return f"attribution_{self.where}_{self.method.name}"

    @property
    def source(self) -> str:
        """Network and weights, for captions."""
        return f"{self.info.title}, {self.info.weights_title}"


def cells_of(
    selection: Selection,
    settings: AttributionSettings,
    infos: dict[Where, ModelInfo],
    method: MethodInfo,
) -> list[Cell]:
    """Of the networks that are here."""
    return [
        Cell(
            where,
            infos[where],
            method,
            request_of(where, selection, settings, infos[where], method),
            settings.quantile(method),
            settings.rectangle,
        )
        for where in WHERE
        if infos[where].available
    ]


def finished(cell: Cell) -> Attribution | None:
    """The whole map, when it is there or is made at once."""
    if not cell.method.stepwise:
        return service.run(cell.request)
    asked = service.get_service()
    name = asked.find(cell.request)
    if name is None or asked.events(name)[-1].state != "done":
        return None
    found = asked.result(name)
    return found if isinstance(found, Attribution) else None


def row_limit(
    cells: Sequence[Cell], maps: Sequence[Attribution | None], scale: str
) -> float | None:
    """The end of the scale that both networks share; None: scales of their own."""
    there = [found for found in maps if found is not None]
    if scale != "shared" or len(there) < len(WHERE):
        return None
    return figures.shared_limit(there, cells[0].quantile)


def show(cell: Cell, found: Attribution | None, limit: float | None, then: Then) -> None:
    """The map, or the button, bar and partial map of one that takes many passes."""
    if found is not None and not cell.method.stepwise:
        draw(cell, found, limit)
        then(found)
        return

    def drawn(newest: Attribution) -> None:
        draw(cell, newest, limit if newest.complete else None)
        then(newest)

    study_panel(
        cell.request,
        drawn,
        key=cell.key,
        start="Run",
        about="" if service.get_service().find(cell.request) else cost_words(cell),
    )


def draw(cell: Cell, found: Attribution, limit: float | None) -> None:
    """The overlay, and what it is of."""
    picture = service.run(PictureRequest(cell.request.image, cell.info.name))
    frame = figures.overlay_frame(
        picture,
        found,
        limit=limit,
        quantile=cell.quantile,
        label=cell.source,
        box=cell.box,
        title=f"{cell.method.title} of {about(found)}",
        enlarges=True,
    )
    components.overlay(frame, key=f"{cell.key}_overlay")
    st.caption(caption(cell, found), help=conditions(cell, found))


def about(found: Attribution) -> str:
    """Class, and the one it is told from."""
    against = f" and not {found.versus_name}" if found.versus is not None else ""
    return f"{found.target_name}{against}"


def caption(cell: Cell, found: Attribution) -> str:
    """Network, weights, class and score; what the method says of itself."""
    words = [f"**{escaped(model_title(cell.info))}**", escaped(f"{about(found)} {found.score:.3g}")]
    if cell.method.space == "layer":
        words.append(found.layer)
    if not found.complete:
        words.append(f"{found.done:,} of {found.total:,} steps")
    errors = [(name, value) for name, value in found.checks if name.endswith("error")]
    words += [f"{name} {100 * value:.1f}\u00a0%" for name, value in errors]
    return " · ".join(words)


def conditions(cell: Cell, found: Attribution) -> str:
    """For a tooltip: the weights in full, sizes, time, remarks."""
    rows, columns = found.grid.shape
    logit = "difference of the two logits" if found.versus is not None else "logit"
    words = [
        f"{cell.source}. The number behind the class is its {logit}.",
        f"Map of {rows} × {columns} values at {found.layer}"
        if cell.method.space == "layer"
        else f"Map of {rows} × {columns} px",
    ]
    made = found.provenance
    words.append(
        f"computed in {found.seconds:.2g} s on {made.device}, {made.precision}; "
        f"enlarged {found.upsampling}."
    )
    words += [f"{name[0].upper()}{name[1:]} {value:.3g}." for name, value in found.checks]
    words += found.notes
    return escaped(" ".join(words))


def cost_words(cell: Cell) -> str:
    """What it takes, before it runs."""
    request = cell.request
    cost = cost_of(cell)
    forward = service.run(ClassifyRequest(request.model, request.image, request.precision))
    seconds = (cost.forward + 2 * cost.backward) * forward.forward_seconds
    passes = f"{cost.forward:,.0f} forward passes"
    if cost.backward:
        passes += f" and {cost.backward:,.0f} back"
    return f"{escaped(model_title(cell.info))}: {passes}, about {duration(seconds)} here"


def cost_of(cell: Cell) -> MethodCost:
    """Passes of its map."""
    asked = cell.request
    return service.run(MethodCostRequest(asked.model, asked.method, asked.layer, asked.parameters))


def duration(seconds: float) -> str:
    """ "8 s", "3 min"."""
    if seconds < 1:
        return "1 s"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def unknown_class(settings: AttributionSettings, info: ModelInfo) -> bool:
    """Whether the second class is none of a network's."""
    return bool(settings.against) and settings.against not in class_labels(info.classes)
