"""Pickers: they take what the service describes and what is selected, and change the selection.

Every widget shows the selection and nothing else: its state is set from it before it is drawn, and
its callback changes the selection before the next run.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import components, service, session
from dashboard.selection import (
    WHERE,
    Selection,
    Where,
    class_labels,
    model_info,
    with_image,
    with_label,
    with_layer,
    with_model,
    with_pairing,
)
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.requests import PictureRequest
from vgg_viz.results import DetectorInfo, ModelInfo, Picture, ServiceDescription

PHOTO_MB, WEIGHTS_MB = 10, 600
PHOTO_TYPES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
WEIGHTS_TYPES = ["safetensors", "pth", "pt"]
TOP_CLASS, OWN_TOP_CLASS = "top class of each network", "class: its top one"
DIFFERENT_CLASSES = "Different classes: each network has a picker of its own."
PAIRING = {"depth": "Depth", "field": "Receptive field", "free": "Free"}
SCALES = {"shared": "Shared", "own": "Own"}
MEBI = 2**20


def notes() -> None:
    """What went wrong or was replaced, until it is dismissed."""
    waiting: list[str] = st.session_state.setdefault("notes", [])
    if waiting:
        text = waiting[0] if len(waiting) == 1 else "\n".join(f"- {note}" for note in waiting)
        with st.container(horizontal=True, vertical_alignment="center", key="notes_box"):
            st.warning(text, icon=":material/info:")
            st.button("Dismiss", key="dismiss", on_click=waiting.clear)


def top_row(
    selection: Selection, offered: ServiceDescription, same_classes: ModelInfo | None
) -> DeltaGenerator:
    """Photo, class, pairing and scale; returns where downloads belong, for when there are answers.

    `same_classes` is one of the networks when both know the same classes, else None.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            photo_picker(selection, offered)
        add_photo()
        if same_classes is not None:
            class_picker("left", selection, same_classes, both=True)
        else:
            st.caption(
                DIFFERENT_CLASSES,
                width=220,
                help="One network follows the other where it knows a class of the same name.",
            )
        pairing_picker(selection)
        scale_picker(selection)
        popover = st.popover("More", help="Downloads, link, precision, own weights", key="more")
    with popover:
        downloads = st.container()
        precision_picker(selection, offered)
        upload_weights(selection, offered)
    return downloads


# --- photo ---------------------------------------------------------------------------------------


def photo_picker(selection: Selection, offered: ServiceDescription) -> None:
    """Thumbnails of the samples, and of the upload in use."""
    names = [(sample.name, sample.title) for sample in offered.samples]
    if selection.image not in dict(names):
        names.insert(0, (selection.image, "Your photo"))
    photos = [(name, title, _thumbnail(name)) for name, title in names]
    frame = figures.thumbnail_frame(photos, selection.image)
    components.photo_strip(frame, key="photos", on_pick=_on_thumbnail)


def add_photo() -> None:
    """Upload, paste or camera; the camera runs only while it is wanted and visible."""
    components.paste_image(key="paste", on_paste=_on_paste)
    popover = st.popover("Your photo", icon=":material/upload:", key="add_photo", on_change="rerun")
    with popover:
        key = _fresh("upload")
        st.file_uploader(
            "Upload a photo",
            type=PHOTO_TYPES,
            max_upload_size=PHOTO_MB,
            key=key,
            on_change=_on_file,
            args=(key,),
        )
        st.caption(
            "Or paste a picture anywhere on the page (Ctrl+V). Photos stay in the memory of this "
            "server for a while and go nowhere else."
        )
        camera = st.toggle("Use the camera", key="camera_on")
        if camera and popover.open:
            key = _fresh("camera")
            st.camera_input("Take a photo", key=key, on_change=_on_file, args=(key,))


def another_photo(
    label: str, *, key: str, use: Callable[[str], None], in_fragment: bool = False
) -> None:
    """An uploader for a picture beside the selected photo; `use` is told its name."""
    fresh = _fresh(key)
    st.file_uploader(
        label,
        type=PHOTO_TYPES,
        max_upload_size=PHOTO_MB,
        key=fresh,
        on_change=_on_another,
        args=(fresh, use, in_fragment),
    )


def _on_another(key: str, use: Callable[[str], None], in_fragment: bool) -> None:
    file = st.session_state[key]
    if file is None:
        return
    _keep_photo(file.getvalue(), use)
    _renew(key)
    if in_fragment:
        st.rerun()  # the whole page: notes stand at its top


def _thumbnail(name: str) -> Picture:
    return service.run(PictureRequest(name, size=96))


def _on_thumbnail() -> None:
    name = st.session_state["photos"].picked
    session.change(lambda chosen, _: with_image(chosen, name))


def _on_file(key: str) -> None:
    file = st.session_state[key]
    if file is not None:
        _use_photo(file.getvalue())
        _renew(key)


def _on_paste() -> None:
    pasted = st.session_state["paste"].pasted or {}
    if error := pasted.get("error"):
        service.tell(str(error))
        return
    try:
        _use_photo(base64.b64decode(str(pasted.get("data", "")), validate=True))
    except binascii.Error:
        service.tell("The pasted picture did not arrive whole; paste it again.")


def _use_photo(data: bytes) -> None:
    _keep_photo(data, lambda name: session.change(lambda chosen, _: with_image(chosen, name)))


def _keep_photo(data: bytes, use: Callable[[str], None]) -> None:
    """Put a photo on the server and `use` its name; notes and errors are told."""

    def keep() -> None:
        info = service.get_service().put_image(data)
        use(info.id)
        for note in info.notes:
            service.tell(note)

    service.attempt(keep)


def _fresh(name: str) -> str:
    """Key of an uploader; a new one after each file, so that its bytes are let go."""
    return f"{name}_{st.session_state.get(f'{name}_count', 0)}"


def _renew(key: str) -> None:
    name = key.rpartition("_")[0]
    st.session_state[f"{name}_count"] = st.session_state.get(f"{name}_count", 0) + 1


# --- networks and layers -------------------------------------------------------------------------


def model_picker(where: Where, selection: Selection, offered: ServiceDescription) -> None:
    """Network and weights in one list; an arrow marks weights that must be fetched first."""
    _controlled(
        st.selectbox,
        f"{where.capitalize()} network",
        [model.name for model in offered.models],
        key=f"{where}_model",
        value=selection.side(where).model,
        apply=lambda chosen, value, known: with_model(chosen, where, value, known),
        format_func=lambda name: model_title(model_info(offered, name)),
        label_visibility="collapsed",
    )


def layer_picker(where: Where, selection: Selection, info: ModelInfo) -> None:
    """The convolutions, with what one unit of them sees."""
    fields = {layer.name: layer.receptive_field for layer in info.convs}
    _controlled(
        st.selectbox,
        "Layer",
        list(fields),
        key=f"{where}_layer",
        value=selection.side(where).layer,
        apply=lambda chosen, value, known: with_layer(chosen, where, value, known),
        format_func=lambda name: f"{name} · {fields.get(name, 0)} px",
        help="Grad-CAM and feature maps of this convolution, after its ReLU. The number is its "
        "**receptive field**: the side in px of the part of the input one unit can see.",
        label_visibility="collapsed",
    )


def pairing_picker(selection: Selection) -> None:
    """How the other network's layer follows."""
    _controlled(
        st.segmented_control,
        "Pair layers by",
        list(PAIRING),
        key="pairing",
        value=selection.pairing,
        apply=with_pairing,
        format_func=PAIRING.__getitem__,
        required=True,
        help="**Depth**: same relative depth, last with last. **Receptive field**: the layer that "
        "sees most nearly as much of the photo. **Free**: choose both yourself.",
    )


def scale_picker(selection: Selection) -> None:
    """Whether both networks share one colour scale."""
    _controlled(
        st.segmented_control,
        "Colour scale",
        list(SCALES),
        key="scale",
        value=selection.scale,
        apply=lambda chosen, value, _: replace(chosen, scale=value),
        format_func=SCALES.__getitem__,
        required=True,
        help="**Shared**: the same colour is the same value in both networks. **Own**: each "
        "picture ends at its own maximum, so that a weak map can be seen too.",
    )


def precision_picker(selection: Selection, offered: ServiceDescription) -> None:
    """32-bit floats, or bfloat16 where the device offers it."""
    if len(offered.precisions) > 1:
        _controlled(
            st.segmented_control,
            "Precision",
            list(offered.precisions),
            key="precision",
            value=selection.precision,
            apply=lambda chosen, value, _: replace(chosen, precision=value),
            required=True,
            help="**fp32** is the reference. **bf16** keeps 8 bits of mantissa: faster on many "
            "devices; the page prints how far its answers are from fp32's.",
        )


def class_picker(where: Where, selection: Selection, info: ModelInfo, *, both: bool) -> None:
    """The class to explain, with search; `both`: one picker for two networks with equal classes."""
    top = TOP_CLASS if both else OWN_TOP_CLASS
    _controlled(
        st.selectbox,
        "Class to explain" if both else f"Class to explain by {info.title}",
        [top, *class_labels(info.classes)],
        key="both_class" if both else f"{where}_class",
        value=selection.side(where).label or top,
        apply=lambda chosen, value, known: with_label(
            chosen, where, value if value in class_labels(info.classes) else None, known
        ),
        help="Whose score **Grad-CAM** explains. Type to search; a click on a bar below does the "
        "same. The other network follows when it knows a class of that name.",
        label_visibility="visible" if both else "collapsed",
        width=220 if both else "stretch",
    )


def upload_weights(selection: Selection, offered: ServiceDescription) -> None:
    """A checkpoint of one's own."""
    where: Where = st.segmented_control(
        "Your own weights, shown on the",
        WHERE,
        default="right",
        key="weights_side",
        required=True,
    )
    key = _fresh("weights")
    # Streamlit's own line under the button would round 600 MB to "1GB": style.css hides it.
    st.file_uploader(
        "Checkpoint",
        type=WEIGHTS_TYPES,
        max_upload_size=WEIGHTS_MB,
        key=key,
        on_change=_on_weights,
        args=(key, where),
        label_visibility="collapsed",
    )
    here = model_info(offered, selection.side(where).model)
    st.caption(
        f"safetensors or PyTorch state dict, up to {WEIGHTS_MB} MB. Takes the place of "
        f"{here.title}. Nothing in the file is executed."
    )


def _on_weights(key: str, where: Where) -> None:
    file = st.session_state[key]
    if file is None:
        return

    def use() -> None:
        info = service.get_service().put_weights(file.getvalue(), file.name)
        session.change(lambda chosen, known: with_model(chosen, where, info.name, known))

    service.attempt(use)
    _renew(key)


def model_title(info: ModelInfo) -> str:
    """Network and kind of weights, short enough for a picker: "VGG-16 (D) · bundled"."""
    weights = info.name.partition(":")[2].replace("imagenet", "ImageNet")
    return f"{info.title} · {weights}" + ("" if info.available else " ↓")


def megabytes(info: ModelInfo | DetectorInfo) -> str:
    """Size of the download."""
    return f"{info.download_bytes / MEBI:.0f} MB" if info.download_bytes else "size unknown"


def _controlled(
    widget: Callable[..., Any],
    label: str,
    options: Sequence[str],
    *,
    apply: Callable[[Selection, str, ServiceDescription], Selection],
    **details: Any,
) -> None:
    """A widget that shows a part of the selection; `apply` says what is selected afterwards."""
    controlled(
        widget,
        label,
        options,
        apply=lambda picked: session.change(lambda chosen, known: apply(chosen, picked, known)),
        **details,
    )
