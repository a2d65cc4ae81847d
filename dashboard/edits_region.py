"""Page "Edits": the region that is masked, the photo that is swapped in, and the way back."""

import streamlit as st

from dashboard import service, session
from dashboard.edits_settings import EditsSettings, setting
from dashboard.selection import Selection, layer_info, model_info
from dashboard.widgets import controlled
from vgg_viz import figures
from vgg_viz.requests import PictureRequest
from vgg_viz.results import ServiceDescription

MIDDLE = (0.25, 0.25, 0.75, 0.75)  # the region a first click on "Mask" takes
NO_SWAP = "No swap"
REGION_HELP = (
    "Units whose cell lies in the rectangle become 0 in all channels of the edited layer: the "
    "rectangle is in shares of the square that the network sees."
)


def region_picker(selection: Selection, settings: EditsSettings) -> None:
    """Two sliders and what they mask, in a popover; drawn when it is open."""
    rectangle = settings.rectangle()
    popover = st.popover(
        "Mask a region", icon=":material/crop_free:", key="edits_region", on_change="rerun"
    )
    if not popover.open:
        return
    with popover:
        controlled(
            st.toggle,
            "Mask a region",
            key="edits_masked",
            value=rectangle is not None,
            apply=lambda on: session.set_settings(region=_region_text(MIDDLE) if on else ""),
            help=REGION_HELP,
        )
        if rectangle is None:
            return
        left, top, right, bottom = rectangle
        for name, low, high, at in (
            ("Left to right", left, right, 0),
            ("Top to bottom", top, bottom, 1),
        ):
            controlled(
                st.slider,
                f"{name}, %",
                0,
                100,
                key=f"edits_region_{at}",
                value=(round(100 * low), round(100 * high)),
                apply=lambda ends, at=at: on_region(rectangle, at, ends),
                step=5,
            )
        setting(st.toggle, "Keep the region, mask the rest", name="outside", value=settings.outside)
        picture = service.run(PictureRequest(selection.image, selection.left.model, 224))
        offered = service.get_service().describe()
        side = layer_info(model_info(offered, selection.left.model), selection.left.layer).side
        st.image(
            figures.masked_picture(picture, rectangle, side, outside=settings.outside),
            caption=f"What is masked at {selection.left.layer}, {side} × {side} units",
            width=224,
        )


def on_region(rectangle: tuple[float, ...], at: int, ends: tuple[int, int]) -> None:
    """Another end of the region; called from a slider."""
    if ends[0] == ends[1]:
        service.tell("A region needs some width and height.")
        return
    changed = list(rectangle)
    changed[at], changed[at + 2] = ends[0] / 100, ends[1] / 100
    session.set_settings(region=_region_text(changed))


def _region_text(shares: "list[float] | tuple[float, ...]") -> str:
    return ",".join(f"{share:.4g}" for share in shares)


def swap_picker(settings: EditsSettings, offered: ServiceDescription) -> None:
    """Whose activations take the place of the photo's."""
    titles = {"": NO_SWAP, **{sample.name: sample.title for sample in offered.samples}}
    titles.setdefault(settings.swap, "Your photo")
    setting(
        st.selectbox,
        "Swap in photo",
        list(titles),
        name="swap",
        value=settings.swap,
        format_func=lambda name: titles.get(name, name),
        width=190,
        help="At the edited layer, this photo's activations take the place of the shown one's.",
    )
    if settings.swap:
        setting(
            st.toggle,
            "listed channels only",
            name="listed",
            value=settings.listed,
            help="Replaces the channels in the text fields below instead of multiplying them.",
        )


def reset() -> None:
    """Take every edit back."""
    session.set_settings(
        left_edit="", right_edit="", region="", outside=False, swap="", listed=False
    )
