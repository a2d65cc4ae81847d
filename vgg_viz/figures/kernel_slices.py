"""Kernels of deeper layers: slices of one kernel as a PNG, norms of all as a plotly chart."""

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vgg_viz.figures.chart_style import Look, style
from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.kernel_pictures import limit_of
from vgg_viz.figures.overlay import wrapped
from vgg_viz.results import ChannelKernel, LayerKernels

if TYPE_CHECKING:
    import plotly.graph_objects as go

SLICES = 24  # of a kernel that are drawn, the strongest ones
COLUMNS = 8
SIDE = 90  # px of a slice at least
LABEL = 26  # px below it
GAP = 8
INPUTS = ("red", "green", "blue")  # of the first layer

# Plotly's symbol of each kind of kernel, and whether it is filled.
KINDS = {"usual": "circle", "alike": "diamond", "dead": "x", "chosen": "star"}


def slices_png(found: ChannelKernel, *, count: int = SLICES) -> bytes:
    """The strongest slices of a kernel, its input channel below each; red +, blue -, one scale.

    Slices are k x k; the scale ends at the kernel's largest magnitude. Transparent in between.
    """
    order = found.strongest_slices[:count]
    k = found.kernel.shape[-1]
    cell = -(-SIDE // k)
    side = cell * k
    columns = min(COLUMNS, len(order))
    rows = -(-len(order) // columns)
    size = (columns * (side + GAP) - GAP, rows * (side + LABEL + GAP) - GAP)
    sheet = Image.new("RGBA", size)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(19)
    limit = limit_of(found.kernel)
    for number, channel in enumerate(order):
        left = number % columns * (side + GAP)
        top = number // columns * (side + LABEL + GAP)
        place = (np.clip(found.kernel[channel] / limit, -1, 1) + 1) / 2 * 255
        pixels = lookup_table("red_blue")[place.round().astype(np.intp)]
        image = Image.fromarray(pixels.repeat(cell, axis=0).repeat(cell, axis=1))
        sheet.paste(image, (left, top))
        draw.text(
            (left + side / 2, top + side + LABEL / 2),
            slice_name(found, int(channel)),
            fill="black",
            font=font,
            anchor="mm",
            stroke_width=3,
            stroke_fill="white",  # readable on a dark page too
        )
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def captioned_png(png: bytes, caption: str) -> bytes:
    """A picture on white with `caption` below it, each line wrapped: to be understood alone."""
    image = Image.open(BytesIO(png)).convert("RGBA")
    font, line, margin = ImageFont.load_default(16), 22, 12
    width = max(image.width, 480) + 2 * margin
    lines = [x for part in caption.splitlines() for x in wrapped(part, font, width - 2 * margin)]
    sheet = Image.new("RGB", (width, image.height + 3 * margin + line * len(lines)), "white")
    sheet.paste(image, (margin, margin), image)
    draw = ImageDraw.Draw(sheet)
    for number, words in enumerate(lines):
        at = (margin, image.height + 2 * margin + line * number)
        draw.text(at, words, fill="black", font=font)
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def slice_name(found: ChannelKernel, channel: int) -> str:
    """The input channel of a slice: a colour for the first layer, a number for others."""
    return INPUTS[channel] if len(found.kernel) == len(INPUTS) else str(channel)


def kinds_of(found: LayerKernels, chosen: int | None = None) -> list[str]:
    """What each kernel is drawn as: "usual", "alike", "dead", "chosen". Dead goes before alike."""
    alike = {member for i, j, _ in found.alike for member in (i, j)}
    return [
        "chosen"
        if channel == chosen
        else "dead"
        if found.dead[channel]
        else "alike"
        if channel in alike
        else "usual"
        for channel in range(len(found.norms))
    ]


def norms_figure(
    found: LayerKernels, look: Look, *, chosen: int | None = None, series: int = 0
) -> "go.Figure":
    """Every kernel's norm, largest first; dead, alike and chosen ones have their own markers.

    `customdata` of a point is its channel.
    """
    import plotly.graph_objects as go

    order = np.argsort(-found.norms, kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    kinds = np.array(kinds_of(found, chosen))
    names = {
        "usual": "kernels",
        "alike": f"alike: |cosine| ≥ {found.same_cosine:g}",
        "dead": f"dead: norm < {found.dead_share:.0%} of the median",
        "chosen": f"channel {chosen}",
    }
    colours = {
        "usual": look.colours[series],
        "alike": look.colours[2],
        "dead": look.colours[4],
        "chosen": look.text,
    }
    figure = go.Figure()
    for kind, symbol in KINDS.items():
        channels = [int(channel) for channel in order if kinds[channel] == kind]
        if not channels:
            continue
        figure.add_scatter(
            x=[int(rank[channel]) + 1 for channel in channels],
            y=[float(found.norms[channel]) for channel in channels],
            mode="markers",
            name=names[kind],
            customdata=channels,
            marker={
                "symbol": symbol,
                "size": {"usual": 7, "chosen": 17}.get(kind, 11),
                "color": colours[kind],
                "line": {"width": 1.5 if kind == "chosen" else 0, "color": look.background},
            },
            hovertemplate="channel %{customdata}<br>norm %{y:.3g}, number %{x}<extra></extra>",
        )
    style(figure, look, "Norm of the kernel")
    figure.update_layout(height=330, margin={"b": 66}, showlegend=True)
    figure.update_xaxes(
        title={"text": "Kernels, largest norm first", "font": {"size": 14, "color": look.text}}
    )
    figure.update_yaxes(rangemode="tozero")
    return figure
