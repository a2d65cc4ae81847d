"""Controls of page "Filters", and what the three rules are."""

from collections.abc import Mapping

import streamlit as st

from dashboard import service, session
from dashboard.charts import picture_format
from dashboard.controls import add_photo, pairing_picker, photo_picker
from dashboard.filters_settings import FilterSettings
from dashboard.selection import Selection
from dashboard.widgets import controlled
from vgg_viz.results import RULES, ServiceDescription

UNITS = {"strongest": "Strongest unit", "top9": "Nine strongest", "place": "At the place"}
SHOWN = {"all": "All three", **{rule.name: rule.title for rule in RULES.values()}}
ZOOM = {"photo": "Photo", "field": "Field"}
ENDS = {"own": "Own", "row": "One a row"}
LRN = {"passed": "Passed through", "derivative": "Its derivative"}
KERNELS = {
    "first": "First layer",
    "norms": "Norms",
    "slices": "Slices",
    "frequency": "Frequencies",
}
UNITS_HELP = (
    "Which units of the channel are sent back, everything else set to 0: the one with the largest "
    "value, the nine largest together, or the one nearest to the place: **click the photo** to "
    "choose it. Every page has the same place, the middle when none is chosen."
)
LRN_HELP = (
    "Local response normalisation lies between ZFNet's layers. The paper's three steps, unpool, "
    "rectify, filter, have none for it: **passed through** leaves the signal as it is. Gradient "
    "and guided backprop use the derivative in any case."
)
SAME = (
    "One backward pass, three ReLU rules. The **forward mask** stops the signal where the ReLU's "
    "input was ≤ 0 on this photo; the **ReLU on the signal** stops its negative parts. All three "
    "go back by the **transposed kernels**, and through a max-pool to the places that were the "
    "largest going forward (**switches**; overlapping windows that share one add up). They are "
    "equal at the first convolution, where no ReLU lies before it. They start with the unit's own "
    "value, and show what **this** photo has for it: no sample of what the unit likes in general."
)


def head(settings: FilterSettings) -> None:
    """Title, units, what is shown."""
    with st.container(horizontal=True, vertical_alignment="center", key="filters_head"):
        st.title("Filters", width="content")
        segments("Units", "units", settings.units, UNITS, help=UNITS_HELP, hidden=True)
        with st.popover("View", icon=":material/tune:", key="filters_view"):
            segments("Backward passes", "rule", settings.rule, SHOWN)
            segments("Part of the photo", "zoom", settings.zoom, ZOOM)
            segments(
                "Ends of the colours",
                "ends",
                settings.ends,
                ENDS,
                help="**Own**: each picture ends at its own 99.8th percentile. **One a row**: the "
                "same colour is the same value in the pictures of a network.",
            )
            segments("LRN in the deconvnet", "lrn", settings.lrn, LRN, help=LRN_HELP)
            picture_format()


def photo_row(selection: Selection, offered: ServiceDescription) -> None:
    """Photo and pairing of layers."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        with service.messages():
            photo_picker(selection, offered)
        add_photo()
        pairing_picker(selection)


def rules_table() -> None:
    """The three rules, and what they share."""
    table, words = st.columns([5, 6], gap="medium", vertical_alignment="center")
    with table, st.container(key="filters_rules"):
        lines = [
            f"| **{rule.title}** | {_sign(rule.forward_mask)} | {_sign(rule.signal_relu)} | "
            f"{rule.paper.removeprefix('arXiv ')} |"
            for rule in RULES.values()
        ]
        st.markdown(
            "| Rule at a ReLU | Forward mask | ReLU on signal | arXiv |\n"
            "|:--|:-:|:-:|:--|\n" + "\n".join(lines)
        )
    words.markdown(SAME)


def kernels_head(settings: FilterSettings) -> None:
    """Title and view of the kernels."""
    with st.container(horizontal=True, vertical_alignment="center", key="filters_kernels_head"):
        st.subheader("The kernels themselves", width="content")
        segments("Kernels", "kernels", settings.kernels, KERNELS, hidden=True)


def segments(
    label: str,
    name: str,
    value: str,
    titles: Mapping[str, str],
    *,
    help: str | None = None,  # noqa: A002 - Streamlit's own name
    hidden: bool = False,
) -> None:
    """A few words beside one another."""
    controlled(
        st.segmented_control,
        label,
        list(titles),
        key=f"filters_{name}",
        value=value,
        apply=lambda picked: session.set_settings(**{name: picked}),
        format_func=titles.__getitem__,
        required=True,
        help=help,
        label_visibility="collapsed" if hidden else "visible",
    )


def _sign(yes: bool) -> str:
    return "✓" if yes else "–"
