"""A clip on page "Activations": the chosen channels of both networks through time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st

from dashboard import activation_code, components, service, session
from dashboard.activation_answers import Answers, drawn_channel, kept, source
from dashboard.activation_panels import ARITHMETIC, CLIP, MAPS, redraw
from dashboard.activation_settings import ActivationSettings, Shown, choose_channel
from dashboard.charts import csv_button
from dashboard.network_column import escaped
from dashboard.selection import Selection
from vgg_viz import figures
from vgg_viz.errors import VggVizError
from vgg_viz.figures import ClipSide
from vgg_viz.requests import FrameMapsRequest, PictureRequest
from vgg_viz.results import ClipMaps, FrameMaps

TYPES = ["mp4", "mov", "webm", "mkv", "avi", "gif", "webp", "png", "jpg", "jpeg"]
CLIP_MB = 64
MOST = 48  # frames
PACE = 0.5  # s between pictures that were chosen or taken one by one
PHOTO_SIDE = 192  # px
LIMITS = (
    f"Up to {CLIP_MB} MB and a minute; {MOST} frames, evenly spaced, go through both networks. "
    "Frames stay in the memory of this server for a while and go nowhere else."
)


@dataclass(frozen=True)
class KeptClip:
    """A visitor's clip; `asked` is what its frames were last asked for."""

    name: str
    images: tuple[str, ...]
    seconds: tuple[float, ...]
    notes: tuple[str, ...] = ()
    asked: tuple[FrameMapsRequest, ...] = ()


@st.fragment(key=CLIP)
def clip() -> None:
    """Upload, then scrub; folded away at first, and nothing is computed then."""
    box = st.expander(
        "A clip: maps through time",
        icon=":material/movie:",
        key="activation_clip",
        on_change="rerun",
    )
    if not box.open:
        return
    selection, settings = session.view(service.get_service().describe(), ActivationSettings)
    with box, service.messages():
        _pickers()
        found: KeptClip | None = st.session_state.get("clip")
        if found is None:
            return
        _about(found)
        if len(found.images) > 1:
            _frames(found, kept(), selection, settings)


# --- choosing a clip -----------------------------------------------------------------------------


def _pickers() -> None:
    key = f"clip_files_{st.session_state.get('clip_count', 0)}"
    st.file_uploader(
        "A short video or animation, or several pictures at once",
        type=TYPES,
        accept_multiple_files=True,
        max_upload_size=CLIP_MB,
        key=key,
        on_change=_on_files,
        args=(key,),
        help=LIMITS,
    )
    if st.toggle("Take pictures one after another", key="clip_camera"):
        key = f"clip_picture_{st.session_state.get('clip_count', 0)}"
        st.camera_input(
            "Take the next picture", key=key, on_change=_on_picture, args=(key,), width=360
        )
    refused = st.session_state.pop("clip_refused", None)
    if refused:
        st.error(refused, icon=":material/error:")


def _about(found: KeptClip) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="clip_about"):
        notes, count = " ".join(found.notes), len(found.images)
        frames = "1 frame" if count == 1 else f"{count} frames"
        st.caption(escaped(f"{found.name}: {frames}. {notes}"), width="content")
        st.button("Forget it", key="clip_forget", type="tertiary", on_click=_forget)
    if len(found.images) < 2:
        st.info("One picture so far; a clip needs two or more.", icon=":material/info:")


def _forget() -> None:
    st.session_state.pop("clip", None)
    st.session_state.pop("clip_frame", None)


def _on_files(key: str) -> None:
    files = st.session_state[key]
    if files:
        _attempt(lambda: _keep(clip_of([(file.name, file.getvalue()) for file in files])))
        _renew()


def _on_picture(key: str) -> None:
    """One more picture of a series; a clip that was uploaded gives way to a new series."""
    file = st.session_state[key]
    if file is not None:
        _attempt(lambda: _keep(with_picture(st.session_state.get("clip"), file.getvalue())))
        _renew()


def _attempt(action: Callable[[], None]) -> None:
    """An error waits for the next run, and the clip that was there stays."""
    try:
        action()
    except VggVizError as error:
        st.session_state.clip_refused = str(error)


def _renew() -> None:
    """Fresh uploaders, so that the files' bytes are let go."""
    st.session_state.clip_count = st.session_state.get("clip_count", 0) + 1


def _keep(found: KeptClip) -> None:
    st.session_state.clip = found


def clip_of(files: Sequence[tuple[str, bytes]]) -> KeptClip:
    """One file is a video or an animation, several are pictures in the order of their names."""
    serving = service.get_service()
    if len(files) == 1:
        name, data = files[0]
        info = serving.put_clip(data)
        return KeptClip(name, info.images, info.seconds, info.notes)
    ordered = sorted(files)[:MOST]
    infos = [serving.put_image(data) for _, data in ordered]
    notes = [f"The first {MOST} of {len(files)} pictures."] if len(files) > MOST else []
    if len({(info.width, info.height) for info in infos}) > 1:
        notes.append("They differ in size; each is cropped by itself.")
    return _series("Pictures", [info.id for info in infos], notes)


def with_picture(before: KeptClip | None, data: bytes) -> KeptClip:
    """A series with one more picture."""
    image = service.get_service().put_image(data).id
    images = before.images if before is not None and before.name == "Camera" else ()
    notes = [f"Of the pictures taken, the last {MOST}."] if len(images) >= MOST else []
    return _series("Camera", [*images, image][-MOST:], notes)


def _series(name: str, images: Sequence[str], notes: Sequence[str]) -> KeptClip:
    seconds = tuple(i * PACE for i in range(len(images)))
    return KeptClip(name, tuple(images), seconds, tuple(notes))


# --- its frames ----------------------------------------------------------------------------------


def _frames(
    found: KeptClip, answers: list[Answers], selection: Selection, settings: ActivationSettings
) -> None:
    """Ask for the layers shown; another layer is asked for by a button, for it takes a while."""
    now = tuple(_request(each.seen, selection, settings) for each in answers)
    if not found.asked or found.asked == now:
        found = replace(found, asked=now)
        _keep(found)
    else:
        layers = " and ".join(dict.fromkeys(request.layer for request in now))
        st.button(
            f"Show {layers}",
            key="clip_layers",
            icon=":material/refresh:",
            on_click=lambda: _keep(replace(found, asked=now)),
            help="The clip shows the layers that were chosen before.",
        )
    shown = [each for each, request in zip(answers, now, strict=True) if request in found.asked]
    if not shown:
        return
    frame, sides = _drawn(found, shown, selection, settings)
    components.clip_player(
        frame, key="clip_player", on_channel=partial(_on_channel, [each.seen for each in shown])
    )
    csv_button(
        rows(found, sides),
        key="clip_csv",
        name="clip",
        source="; ".join(source(each) for each in shown),
        label="Curves (CSV)",
    )
    activation_code.expander(
        *(
            (side.label, activation_code.clip_code(request, side.chosen))
            for side, request in zip(sides, found.asked, strict=False)
        ),
        key="clip_code",
    )


def _request(seen: Shown, selection: Selection, settings: ActivationSettings) -> FrameMapsRequest:
    """For any frame: the image is put in for each."""
    return FrameMapsRequest(
        seen.info.name, "", seen.row.name, settings.relu, precision=selection.precision
    )


def _drawn(
    found: KeptClip, shown: list[Answers], selection: Selection, settings: ActivationSettings
) -> tuple[bytes, list[ClipSide]]:
    """The player's frame; kept until the clip, a layer or a channel is another one."""
    chosen = [drawn_channel(each, selection, settings) for each in shown]
    key = (found.images, found.asked, tuple(each.seen.where for each in shown), tuple(chosen))
    before, *drawn = st.session_state.get("clip_frame", (None,))
    if before != key:
        frames = _answers(found)
        sides = [
            ClipSide(
                ClipMaps.of(frames[i], [chosen[i]]),
                f"{each.seen.info.title}, {each.seen.info.weights_title}",
                each.seen.when(relu=settings.relu),
                chosen[i],
                ("left", "right").index(each.seen.where),
            )
            for i, each in enumerate(shown)
        ]
        model = shown[0].seen.info.name
        photos = [
            service.run(PictureRequest(image, model, PHOTO_SIDE)).jpeg for image in found.images
        ]
        drawn = [figures.clip_frame(photos, found.seconds, sides), sides]
        st.session_state.clip_frame = (key, *drawn)
    return drawn[0], drawn[1]


def _answers(found: KeptClip) -> list[list[FrameMaps]]:
    """One forward pass a frame; what was asked before is answered at once."""
    bar = st.progress(0.0, text="Frames go through the networks.")
    count, answers = len(found.images), []
    for i, request in enumerate(found.asked):
        answers.append([])
        for k, image in enumerate(found.images):
            answers[i].append(service.run(replace(request, image=image)))
            share = (i * count + k + 1) / (count * len(found.asked))
            bar.progress(share, text=f"{request.layer}: frame {k + 1} of {count}")
    bar.empty()
    return answers


def _on_channel(seen: Sequence[Shown]) -> None:
    picked: Any = st.session_state.clip_player.channel
    choose_channel(seen[int(picked["side"])], int(picked["channel"]))
    redraw(MAPS, ARITHMETIC, CLIP)


def rows(found: KeptClip, sides: Sequence[ClipSide]) -> list[dict[str, Any]]:
    """One row a frame and network: its chosen channel, and its most probable class."""
    made = []
    for side in sides:
        maps = side.maps
        at = maps.channels.index(side.chosen)
        for i, second in enumerate(found.seconds):
            top = int(maps.probabilities[i].argmax())
            made.append(
                {
                    "frame": i + 1,
                    "second": second,
                    "network": side.label,
                    "output": maps.output,
                    "channel": side.chosen,
                    "mean": float(maps.means[i, at]),
                    "max": float(maps.maxima[i, at]),
                    "class": maps.classes[top],
                    "probability": float(maps.probabilities[i, top]),
                }
            )
    return made
