"""A network's half of page "Top patches": pickers, nine patches beside nine reconstructions, files.

The index behind them is made by a job, which the reader starts; that of the bundled photos ships
for the bundled weights.
"""

import io
import json
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import streamlit as st

from dashboard import components, service, session, top_patches_settings
from dashboard.controls import layer_picker, model_picker
from dashboard.fetching import fetch_panel
from dashboard.network_column import escaped
from dashboard.selection import Selection, Where, model_info, with_image, with_place
from dashboard.small_filters_first import weights_line
from dashboard.study_panel import study_panel
from dashboard.top_patches_settings import SAMPLES, TopPatchesSettings
from dashboard.widgets import controlled
from vgg_viz.figures import patch_pictures
from vgg_viz.requests import TopPatchesRequest
from vgg_viz.results import ModelInfo, PatchIndexing, ServiceDescription, TopPatches

STRONGEST = -1  # in the channel picker
FIRST_SHOWN = 32  # photos of a new index after which its patches are worth a look
VALUE_HELP = (
    "z is a unit's value **before** its ReLU (behind batch norm where there is one), the largest "
    "of its photo. A reconstruction starts with it, everything else in the layer set to 0; LRN is "
    "passed through, as in the paper. Its colours end at its own 99.8th percentile; grey is 0."
)
LARGE_FIELD = "A field of {field} px on an input of {size} px: grey where a unit does not see it."
SMALL_FIELD = "Patches are the unit's receptive field: {field} px of an input of {size} px."
PICK = "Point at a patch for its photo and value."
PICK_SAMPLE = "Point at a patch for its photo and value; click it to select that photo and place."


@dataclass(frozen=True, eq=False)
class Shown:
    """One side's answer."""

    where: Where
    info: ModelInfo
    request: TopPatchesRequest
    found: TopPatches


def side(
    where: Where, selection: Selection, offered: ServiceDescription, settings: TopPatchesSettings
) -> Shown | None:
    """One network; None when there is nothing to show."""
    info = model_info(offered, selection.side(where).model)
    shown = None
    with st.container(key=f"patches_{where}", gap="xsmall"):
        with st.container(key=f"patches_pickers_{where}"):
            network, layer, channel = st.columns([5, 3, 3], gap="small")
        with network:
            model_picker(where, selection, offered)
        with layer:
            layer_picker(where, selection, info)
        if not info.available:
            fetch_panel(where, info)
            return None
        with service.messages():
            request = top_patches_settings.request(where, selection, settings)
            shown = Shown(where, info, request, service.run(request))
        if shown is None:
            return None
        with channel, service.messages():
            _channel_picker(shown, selection)
        with service.messages():
            _pictures(shown, selection)
        with service.messages():
            _work(shown, selection, offered, settings)
    return shown


def _channel_picker(shown: Shown, selection: Selection) -> None:
    """All channels, the one with the largest value in the index first."""
    found, chosen = shown.found, selection.side(shown.where)
    ranked = [int(channel) for channel in found.ranked]

    def title(channel: int) -> str:
        if channel == STRONGEST:
            return f"{ranked[0]} · strongest" if found.images else "Strongest channel"
        value = float(found.maxima[channel])
        if not found.images or np.isnan(value):
            return str(channel)
        return f"{channel} · {value:.3g}" if value > 0 else f"{channel} · silent"

    controlled(
        st.selectbox,
        f"Channel of the {shown.where} network",
        [STRONGEST, *ranked],
        key=f"{shown.where}_patches_channel",
        value=STRONGEST if chosen.channel is None else chosen.channel,
        apply=lambda picked: session.change(
            lambda now, _: now.with_side(
                shown.where, channel=None if picked == STRONGEST else picked
            )
        ),
        format_func=title,
        label_visibility="collapsed",
        help="**Channel** and its largest value in all photos of the index, the largest first. "
        "**Silent**: no unit of it fires on any of them.",
    )


def _pictures(shown: Shown, selection: Selection) -> None:
    """Weights, the grids or why there are none, files."""
    found, info = shown.found, shown.info
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"{shown.where}_patches_top"
    ):
        weights_line(info)
        if found.patches:
            _files(shown)
    for note in found.notes:
        st.caption(f":material/warning: {escaped(note)} Index the photos again.")
    if not found.patches:
        icon = ":material/volume_off:" if found.images else ":material/grid_on:"
        st.info(escaped(found.silence), icon=icon)
        return
    key = f"{shown.where}_patches_grid"
    components.patch_grid(
        patch_pictures.patch_frame(
            found,
            selected=_selected(found, selection),
            hint=PICK_SAMPLE if found.source == SAMPLES else PICK,
        ),
        key=key,
        on_pick=lambda: _on_pick(found, key),
    )


def _selected(found: TopPatches, selection: Selection) -> int | None:
    """The patch that shows the selection's photo at its place."""
    for number, patch in enumerate(found.patches):
        if patch.sample == selection.image and patch.place is not None:
            at = with_place(selection, *patch.place).place
            if at == selection.place:
                return number
    return None


def _on_pick(found: TopPatches, key: str) -> None:
    """The patch's photo and place become the selection's; the channels stay."""
    number = st.session_state[key].picked
    if not isinstance(number, int) or not 0 <= number < len(found.patches):
        return
    patch = found.patches[number]
    place = patch.place
    if place is None:
        return

    def change(now: Selection, _: ServiceDescription) -> Selection:
        moved = with_place(with_image(now, patch.sample), *place)
        kept = {where: now.side(where) for where in ("left", "right")}
        for where, before in kept.items():
            moved = moved.with_side(where, channel=before.channel)  # type: ignore[arg-type]
        return moved

    session.change(change)


def _field_words(found: TopPatches) -> str:
    if not found.patches:
        return ""
    (top, bottom), size = found.patches[0].span_y, found.provenance.input_size
    words = LARGE_FIELD if bottom - top > size else SMALL_FIELD
    fewer = (
        f" Only {len(found.patches)} of {patch_pictures.SHOWN} fire."
        if len(found.patches) < patch_pictures.SHOWN and not found.notes
        else ""
    )
    return words.format(field=bottom - top, size=size) + fewer


def _work(
    shown: Shown, selection: Selection, offered: ServiceDescription, settings: TopPatchesSettings
) -> None:
    """The index: how many photos, and the job that makes it or adds what is new."""
    found = shown.found
    if found.images:
        about = f"{_index_words(found, settings, offered)} {_field_words(found)}"
        st.caption(f"**{found.layer}, channel {found.channel}**. {about}", help=VALUE_HELP)
    if found.source == SAMPLES and found.images and shown.info.weights == "bundled":
        return
    key = f"{shown.where}_patches_job"
    words = "Look for new photos" if found.images else "Index the photos"
    job = top_patches_settings.job(shown.where, selection, settings)
    study_panel(
        job,
        partial(_indexing, key, found.images),
        key=key,
        start=words,
        again=words,
        about="" if found.images else _effort(shown.info, settings),
    )


def _index_words(
    found: TopPatches, settings: TopPatchesSettings, offered: ServiceDescription
) -> str:
    if found.source == SAMPLES and found.images:
        photos = len(offered.samples)
        return f"Of {found.images:,} crops of the {photos} bundled photos, at most one a photo."
    title = top_patches_settings.sources(offered).get(settings.source, settings.source)
    return f"{escaped(title)}: {found.images:,} photos are in the index."


def _effort(info: ModelInfo, settings: TopPatchesSettings) -> str:
    """What the work costs."""
    which = "Each crop once" if settings.source == SAMPLES else f"Up to {settings.limit:,} photos"
    return f"{which}, {info.macs / 1e9:.3g} GMACs each. The index is kept, and grows."


def _indexing(key: str, shown: int, result: PatchIndexing) -> None:
    """Files that could not be read, named. The grids follow when twice as much is known."""
    complete = result.images >= result.total
    enough = result.images > shown if complete else result.images >= max(2 * shown, FIRST_SHOWN)
    told = f"{key}_images"  # once for each number: the index may have been deleted meanwhile
    if enough and st.session_state.get(told) != result.images:
        st.session_state[told] = result.images
        st.rerun()
    if result.skipped:
        with st.expander(
            f"{len(result.skipped)} could not be read", icon=":material/broken_image:"
        ):
            st.markdown("\n".join(f"- {escaped(name)}" for name in result.skipped[:100]))


# --- files ---------------------------------------------------------------------------------------


def _files(shown: Shown) -> None:
    found = shown.found
    name = f"top-patches-{shown.info.network}-{found.layer}-{found.channel}"
    with st.popover("Download", icon=":material/download:", key=f"{shown.where}_patches_files"):
        st.download_button(
            "Pictures (PNG)",
            data=partial(patch_pictures.sheet_png, found, caption(shown)),
            file_name=f"{name}.png",
            mime="image/png",
            key=f"{shown.where}_patches_png",
            on_click="ignore",
            width="stretch",
        )
        st.download_button(
            "Numbers (npz)",
            data=partial(numbers_file, shown),
            file_name=f"{name}.npz",
            key=f"{shown.where}_patches_npz",
            on_click="ignore",
            width="stretch",
        )


def caption(shown: Shown) -> str:
    """What the pictures need to be understood alone."""
    found, info = shown.found, shown.info
    values = ", ".join(f"{patch.name} {patch.value:.3g}" for patch in found.patches)
    return (
        f"{info.title}, {info.weights_title}: {found.layer}, channel {found.channel}, the largest "
        f"values before the ReLU in {found.images:,} pictures ({found.source})\n{values}\n"
        f"{_field_words(found)} Reconstructions end at their own 99.8th percentile."
    )


def numbers_file(shown: Shown) -> bytes:
    """Patches, signals, values and provenance, readable by `numpy.load` without pickle."""
    found = shown.found
    about = {
        "layer": found.layer,
        "channel": found.channel,
        "source": found.source,
        "images": found.images,
        "patches": [
            {"name": p.name, "value": p.value, "row": p.row, "column": p.column}
            | {"field_y": p.span_y, "field_x": p.span_x}
            for p in found.patches
        ],
        "provenance": {**asdict(found.provenance), "versions": dict(found.provenance.versions)},
    }
    out = io.BytesIO()
    np.savez(out, **patch_pictures.arrays(found), about=np.array(json.dumps(about)))
    return out.getvalue()
