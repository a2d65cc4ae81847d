"""Panel "Aliasing" of page Small filters: what a stride does to a zone plate and to the photo."""

import streamlit as st

from dashboard import controls, service
from dashboard.charts import chart, look
from dashboard.selection import Selection
from dashboard.small_filters_controls import model, segments
from dashboard.small_filters_first import networks, weights_line
from dashboard.small_filters_settings import FAMILIES, SmallFilterSettings, family_models
from vgg_viz.figures import frequency_charts, kernel_pictures
from vgg_viz.requests import AliasingRequest, Design, DesignedAliasingRequest
from vgg_viz.results import Aliasing, ServiceDescription

BY = {"networks": "The networks' kernels", "designed": "Same kernel, three strides"}
PICTURES = {"plate": "Zone plate", "photo": "Photo"}
PARTS = {"map": "Map", "held": "Held", "alias": "Alias", "input": "Input"}
WHICH = {"typical": "Typical kernel", "most": "Most aliased", "strongest": "Strongest"}
DESIGNS = {"edge": "Edge", "gaussian": "Blur", "stripes": "Stripes of 5 px", "one_px": "One px"}
GEOMETRIES = (("AlexNet", 11, 4), ("ZFNet", 7, 2), ("VGG", 3, 1))
ALIAS_HELP = (
    "The layer's map at stride 1 is low-passed to what its stride can hold, 1/(2 stride) cycles "
    "per px along each axis, then every stride-th value is taken: **held**. The layer itself takes "
    "every stride-th value at once; the difference is the **alias**: waves that come out as slower "
    "ones. **Alias share**: |alias|² / (|alias|² + |held − its mean|²). No padding, no bias."
)
PART_HELP = (
    "**Map**: what the layer makes. **Held**: what a map of this stride can say of the picture. "
    "**Alias**: map − held. **Input**: the picture itself."
)
DESIGN_HELP = (
    "**Edge** and **Blur**: derivative and bell of a Gaussian as wide as the kernel allows "
    "(std = side / 6 px). **Stripes**: a wave of 5 px period in the same window, faster than "
    "stride 4 can hold and slower than stride 2 can. **One px**: taking every stride-th px."
)
PLATE_HELP = (
    "**Zone plate**: every frequency once, 0 in the middle, rising to 1/2 cycle per px at the "
    "edges. Without aliasing a map has rings around the middle only; further centres of rings are "
    "aliases. (Faint rings at 1/4 cycle per px are the px themselves: the picture **Alias** has "
    "only what is wrong.)"
)
VGG_NOTE = (
    "VGG's first layer keeps every px, so nothing aliases here. Its resolution falls later, in the "
    "max-pooling layers, which this page does not measure."
)


def panel(settings: SmallFilterSettings, selection: Selection, offered: ServiceDescription) -> None:
    """Three columns: the same picture through three first layers."""
    _controls(settings, selection, offered)
    image = selection.image if settings.picture == "photo" else ""
    if settings.by == "designed":
        _designed(settings, image)
    else:
        _learned(settings, image, offered)


def _controls(
    settings: SmallFilterSettings, selection: Selection, offered: ServiceDescription
) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="alias_controls"):
        segments("Kernels", "by", settings.by, BY)
        segments("Picture", "picture", settings.picture, PICTURES, help=PLATE_HELP)
        if settings.by == "designed":
            segments("Kernel made by formula", "design", settings.design, DESIGNS, help=DESIGN_HELP)
        else:
            segments("Kernel", "which", settings.which, WHICH)
        segments("Shown", "part", settings.part, PARTS, help=PART_HELP)
    if settings.picture == "photo":
        with st.container(horizontal=True, vertical_alignment="bottom", key="alias_photo"):
            with service.messages():
                controls.photo_picker(selection, offered)
            controls.add_photo()


def _designed(settings: SmallFilterSettings, image: str) -> None:
    design: Design = settings.design  # type: ignore[assignment]  # one_of checks it
    for (name, kernel, stride), column in zip(
        GEOMETRIES, st.columns(len(GEOMETRIES), gap="medium"), strict=True
    ):
        with column, service.messages():
            found = service.run(DesignedAliasingRequest(design, kernel, stride, image))
            st.markdown(f"**{kernel}x{kernel}, stride {stride}**: the geometry of {name}")
            _maps(found, settings.part)
    st.caption(
        "Kernels made by formula, nothing learned: the columns differ in size and stride alone. "
        "Picture: 224 px, grey."
    )


def _learned(settings: SmallFilterSettings, image: str, offered: ServiceDescription) -> None:
    chosen = networks(settings, offered)
    found: list[tuple[str, Aliasing]] = []
    for column, (family, info) in zip(st.columns(len(chosen), gap="medium"), chosen, strict=True):
        with column, service.messages():
            model(FAMILIES[family], family, info, family_models(family, offered), hidden=True)
            weights_line(info)
            waiting = st.empty()
            waiting.caption(":material/hourglass_top: One convolution.")
            asked = AliasingRequest(info.name, image, which=settings.which)  # type: ignore[arg-type]
            made = service.run(asked)
            waiting.empty()
            found.append((info.title, made))
            k = made.kernel.shape[-1]
            st.markdown(f"**{k}x{k}, stride {made.stride}**, kernel {made.channel}")
            _maps(made, settings.part)
    if found:
        with service.messages():
            _strip(found)
        if any(made.stride == 1 for _, made in found):
            st.caption(VGG_NOTE)


def _maps(made: Aliasing, part: str) -> None:
    """Alias share, and one picture: large, so that the browser adds no moiré of its own."""
    st.markdown(f"### Alias share {_percent(made.share)}", help=ALIAS_HELP)
    middle = float(made.held.mean())
    maps = {"map": made.strided - middle, "held": made.held - middle, "alias": made.alias}
    limit = kernel_pictures.limit_of(*maps.values())
    if part == "input":
        png = kernel_pictures.pixels_png(made.picture)
        words = f"{made.picture.shape[1]} x {made.picture.shape[0]} px, as the layer reads it."
    else:
        png = kernel_pictures.map_png(maps[part], limit)
        height, width = made.strided.shape
        around = "" if part == "alias" else " around the mean"
        words = f"{width} x {height} px, blue to red: ±{limit:.2g}{around}, as map, held and alias."
    st.image(png, output_format="PNG", width="stretch", alt=f"{PARTS[part]}: {made.title}")
    st.caption(words)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < share < 0.095 else f"{100 * share:.0f} %"


def _strip(found: list[tuple[str, Aliasing]]) -> None:
    st.markdown("**Every kernel's alias share on this picture**", help=ALIAS_HELP)
    chart(
        frequency_charts.alias_figure(
            [(name, made.shares.tolist()) for name, made in found], look()
        ),
        key="alias_shares",
        alt="; ".join(
            f"{name}: alias shares up to {_percent(float(made.shares.max()))}"
            for name, made in found
        ),
        rows=[
            {"network": name, "kernel": number, "alias_share": float(share)}
            for name, made in found
            for number, share in enumerate(made.shares)
        ],
        source="; ".join(f"{name}: {made.provenance.weights}" for name, made in found),
    )
