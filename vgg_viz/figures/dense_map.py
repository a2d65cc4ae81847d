"""A dense evaluation over its photo, as plotly charts: one class's probability, the top class."""

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vgg_viz.figures.chart_style import HEIGHT, Look, style
from vgg_viz.figures.colours import lookup_table
from vgg_viz.results import DenseMap

if TYPE_CHECKING:
    import plotly.graph_objects as go

LETTERS = "ABCDEF"  # of the most frequent classes; all others share OTHER
OTHER = "+"
STRONGEST = 0.8  # opacity of a cell
FADE = 0.25  # of the scale, over which cells fade in, as in `overlay`


@dataclass(frozen=True)
class ClassShare:
    """A class that is the most probable one somewhere."""

    letter: str
    name: str
    index: int  # -1 for all the others together
    positions: int


def class_shares(dense: DenseMap) -> tuple[ClassShare, ...]:
    """The classes on top, most positions first; those without a letter of their own as one."""
    counted = Counter(dense.top.ravel().tolist()).most_common()
    own = len(LETTERS) if len(counted) <= len(LETTERS) else len(LETTERS) - 1
    shares = [
        ClassShare(LETTERS[at], dense.classes[index], index, count)
        for at, (index, count) in enumerate(counted[:own])
    ]
    rest = counted[own:]
    if rest:
        name = f"{len(rest)} other classes"
        shares.append(ClassShare(OTHER, name, -1, sum(count for _, count in rest)))
    return tuple(shares)


def probability_figure(dense: DenseMap, target: int, look: Look, *, title: str) -> "go.Figure":
    """The probability of class `target` at every position, 0 to 1 in every chart."""
    values = dense.probabilities[target]
    figure = _over_photo(dense, look, title)
    figure.add_heatmap(
        **_cells(dense),
        z=values.tolist(),
        zmin=0,
        zmax=1,
        colorscale=_fading(),
        customdata=_hovers(dense, target),
        hovertemplate="%{customdata}<extra></extra>",
        colorbar={
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "thickness": 12,
            "tickfont": {"size": 13, "color": look.text},
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
        },
    )
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    _window(figure, dense, int(row), int(column))
    _whole(figure, dense)
    return figure


def top_figure(
    dense: DenseMap, shares: Sequence[ClassShare], look: Look, *, title: str
) -> "go.Figure":
    """The most probable class at every position: a colour and a letter for each of `shares`."""
    place = {share.index: at for at, share in enumerate(shares)}
    codes = np.vectorize(lambda index: place.get(index, len(shares) - 1))(dense.top)
    figure = _over_photo(dense, look, title)
    figure.add_heatmap(
        **_cells(dense),
        z=codes.tolist(),
        zmin=-0.5,
        zmax=len(LETTERS) - 0.5,
        colorscale=_steps([*look.colours[: len(LETTERS)]]),
        showscale=False,
        opacity=0.55,
        text=[[shares[code].letter for code in row] for row in codes],
        texttemplate="<b>%{text}</b>",
        textfont={"size": 13, "color": "#FFFFFF", "shadow": "0 0 3px #000, 0 0 2px #000"},
        customdata=_hovers(dense, None),
        hovertemplate="%{customdata}<extra></extra>",
    )
    _whole(figure, dense)
    return figure


def _over_photo(dense: DenseMap, look: Look, title: str) -> "go.Figure":
    """The photo as a background in px: px 0 has its centre at 0."""
    import plotly.graph_objects as go

    height, width = dense.photo.shape[:2]
    figure = go.Figure()
    style(figure, look, "")
    figure.add_layout_image(
        source=_data_url(dense.photo),
        xref="x",
        yref="y",
        x=-0.5,
        y=-0.5,
        sizex=width,
        sizey=height,
        sizing="stretch",
        layer="below",
    )
    figure.update_layout(
        height=HEIGHT + 45,
        margin={"t": 36, "b": 4, "l": 4, "r": 4},
        title={"text": title, "font": {"size": 15, "color": look.text}, "x": 0},
        showlegend=False,
    )
    hidden: dict[str, Any] = {"showgrid": False, "showticklabels": False, "ticks": "", "title": ""}
    figure.update_xaxes(range=[-0.5, width - 0.5], constrain="domain", **hidden)
    figure.update_yaxes(
        range=[height - 0.5, -0.5],
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
        **hidden,
    )
    return figure


def _cells(dense: DenseMap) -> dict[str, Any]:
    """A cell of one stride around the centre of what each position sees."""
    return {
        "x0": dense.offset,
        "dx": dense.stride,
        "y0": dense.offset,
        "dy": dense.stride,
        "xgap": 1,
        "ygap": 1,
    }


def _hovers(dense: DenseMap, target: int | None) -> list[list[str]]:
    """What each cell says: its class or classes, and where it looks."""
    top, values = dense.top, dense.probabilities
    rows = []
    for r, line in enumerate(top.tolist()):
        texts = []
        for c, best in enumerate(line):
            said = [f"<b>{dense.classes[best]}</b> {values[best, r, c]:.2f}"]
            if target is not None and target != best:
                said.insert(0, f"<b>{dense.classes[target]}</b> {values[target, r, c]:.2f}; most:")
            seen = "no padding in sight" if dense.whole[r, c] else "padding in sight"
            corner = f"window from ({c * dense.stride}, {r * dense.stride}) px; {seen}"
            texts.append(f"{' '.join(said)}<br>{corner}")
        rows.append(texts)
    return rows


def _window(figure: "go.Figure", dense: DenseMap, row: int, column: int) -> None:
    """The input window of one position."""
    x, y = column * dense.stride - 0.5, row * dense.stride - 0.5
    box = {"x0": x, "y0": y, "x1": x + dense.window, "y1": y + dense.window}
    for colour, width in (("#000000", 4), ("#FFFFFF", 2)):  # readable on any photo
        figure.add_shape(type="rect", **box, line={"color": colour, "width": width})


def _whole(figure: "go.Figure", dense: DenseMap) -> None:
    """A dashed line around the positions that see no padding."""
    if not dense.whole.any():
        return
    rows, columns = np.nonzero(dense.whole)
    half = dense.stride / 2
    at = dense.offset
    figure.add_shape(
        type="rect",
        x0=at + columns.min() * dense.stride - half,
        x1=at + columns.max() * dense.stride + half,
        y0=at + rows.min() * dense.stride - half,
        y1=at + rows.max() * dense.stride + half,
        line={"color": "#FFFFFF", "width": 2, "dash": "dash"},
    )


def _fading() -> list[list[Any]]:
    """plasma, transparent at 0 and at its strongest from FADE on."""
    table = lookup_table("plasma")
    stops = np.linspace(0, 1, 21)
    scale: list[list[Any]] = []
    for stop in stops:
        red, green, blue = table[int(stop * 255)]
        alpha = STRONGEST * min(1.0, float(stop) / FADE)
        scale.append([float(stop), f"rgba({red},{green},{blue},{alpha:.3f})"])
    return scale


def _steps(colours: list[str]) -> list[list[Any]]:
    """A colour scale of equal steps."""
    count = len(colours)
    return [[(at + end) / count, colour] for at, colour in enumerate(colours) for end in (0, 1)]


def _data_url(pixels: NDArray[np.uint8]) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
