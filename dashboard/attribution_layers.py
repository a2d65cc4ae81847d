"""Page "Attribution": one method at every convolution of both networks.

Each map has a scale of its own: from the first layer to the last values change by a factor of 100.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard import components, service
from dashboard.attribution_cells import about, unknown_class
from dashboard.attribution_look import look_bar
from dashboard.attribution_settings import AttributionSettings, request_of
from dashboard.controls import model_title
from dashboard.network_column import escaped
from dashboard.selection import WHERE, Selection, Where, layer_info
from vgg_viz import figures
from vgg_viz.architecture import pair_by_depth, pair_by_receptive_field
from vgg_viz.requests import LayerSweepRequest, PictureRequest
from vgg_viz.results import Attribution, LayerSweep, MethodInfo, ModelInfo, ServiceDescription

BESIDE = 4  # maps of one network in a row at most
LEAST = 4  # of both together: fewer would be larger than a screen
FIELD = "**Receptive field**: side in px of the part of the input that one unit can see."


@dataclass(frozen=True, eq=False)
class Swept:
    """One network's maps."""

    where: Where
    info: ModelInfo
    image: str
    sweep: LayerSweep


def sweep(
    selection: Selection,
    settings: AttributionSettings,
    offered: ServiceDescription,
    infos: dict[Where, ModelInfo],
) -> None:
    """A row for each layer of the network that has fewer, with its partners beside it."""
    method = next(info for info in offered.methods if info.name == settings.swept)
    sides = []
    for where in WHERE:
        if infos[where].available:
            with service.messages():
                sides.append(_asked(where, selection, settings, infos[where], method))
    if not sides:
        return
    rows = rows_of(sides, selection)
    beside = [min(BESIDE, max(len(row[side.where]) for row in rows)) for side in sides]
    beside = [
        max(number, LEAST // len(sides)) if sum(beside) < LEAST else number for number in beside
    ]
    look_bar(selection, settings)
    for number, row in enumerate(rows):
        with st.container(key=f"attribution_layers_{number}"):
            halves = st.columns(beside, gap="medium")
            for side, many, half in zip(sides, beside, halves, strict=True):
                with half:
                    _maps(side, row[side.where], method, many)
    for side in sides:
        _source(side, method, settings)


def _asked(
    where: Where,
    selection: Selection,
    settings: AttributionSettings,
    info: ModelInfo,
    method: MethodInfo,
) -> Swept:
    one = request_of(where, selection, settings, info, method)
    found = service.run(
        LayerSweepRequest(
            one.model,
            one.image,
            one.method,
            one.target,
            one.versus,
            precision=one.precision,
            parameters=one.parameters,
        )
    )
    return Swept(where, info, one.image, found)


def rows_of(sides: Sequence[Swept], selection: Selection) -> list[dict[Where, list[Attribution]]]:
    """Maps that belong together: of the network with fewer one each, of the other its partners.

    Every layer of both networks is in exactly one row.
    """
    fewer = min(sides, key=lambda side: len(side.sweep.attributions))
    others = [side for side in sides if side is not fewer]
    rule = pair_by_receptive_field if selection.pairing == "field" else pair_by_depth
    return [
        {
            fewer.where: [found],
            **{
                other.where: [
                    each
                    for each in other.sweep.attributions
                    if rule(each.layer, other.info.layers, fewer.info.layers) == found.layer
                ]
                for other in others
            },
        }
        for found in fewer.sweep.attributions
    ]


def _maps(
    side: Swept,
    maps: list[Attribution],
    method: MethodInfo,
    beside: int,
) -> None:
    """One network's maps of a row, with what a unit of their layer sees."""
    places = [column for _ in range(0, len(maps), beside) for column in st.columns(beside)]
    for found, place in zip(maps, places, strict=False):
        with place, st.container(gap="xxsmall"):
            layer = layer_info(side.info, found.layer)
            st.markdown(
                f"**{found.layer}** :gray[{escaped(side.info.title)}, {layer.receptive_field} px]",
                help=FIELD,
            )
            picture = service.run(PictureRequest(side.image, side.info.name))
            frame = figures.overlay_frame(
                picture,
                found,
                label=f"{side.info.title}, {side.info.weights_title}",
                title=f"{method.title} of {about(found)} at {found.layer}",
                enlarges=True,
            )
            components.overlay(frame, key=f"attribution_{side.where}_{found.layer}_overlay")


def _source(side: Swept, method: MethodInfo, settings: AttributionSettings) -> None:
    """Weights, class, and what it took."""
    first = side.sweep.attributions[0]
    words = (
        f"**{escaped(model_title(side.info))}**: {method.title} of {escaped(about(first))} "
        f"({first.score:.3g}) at all {len(side.sweep.attributions)} convolutions from one look at "
        f"the photo, {1000 * side.sweep.seconds:.0f} ms on {first.provenance.device}. "
        f"{escaped(side.info.weights_title)}."
    )
    unknown = " It does not know the second class." if unknown_class(settings, side.info) else ""
    st.caption(words + unknown)
