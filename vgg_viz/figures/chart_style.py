"""How every chart looks: colours of a theme, fonts a projector shows, numbers in three digits."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 395  # px
# plotly's marker and the same sign as text; the first six series differ without any colour.
MARKERS = (
    ("circle", "●"),
    ("square", "■"),
    ("diamond", "◆"),
    ("triangle-up", "▲"),
    ("cross", "✚"),
    ("star", "★"),
)


@dataclass(frozen=True)
class Look:
    """Colours of a theme, as CSS: one per setting, in the order of MARKERS."""

    colours: tuple[str, ...]
    text: str
    muted: str
    grid: str
    background: str


LIGHT = Look(
    ("#0B6BB8", "#D9570A", "#14245C", "#848A92", "#7A1220", "#3F8F5B"),
    "#10141B",
    "#5A6572",
    "#DDE2E9",
    "#FFFFFF",
)


def digits(value: float) -> str:
    """Three digits, short: 2.2e-7."""
    return re.sub(r"e([+-])0*(\d)", lambda m: f"e{m[1].strip('+')}{m[2]}", f"{value:.3g}")


def style(figure: "go.Figure", look: Look, title: str) -> None:
    """Fonts a projector shows, no frame, the legend below; `title` names the vertical axis."""
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 4, "r": 8, "t": 28, "b": 4},
        font={"size": 14, "color": look.text},
        hoverlabel={"font": {"size": 15, "color": look.text}, "bgcolor": look.background},
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "font": {"size": 13, "color": look.text},
        },
        paper_bgcolor=look.background,  # the camera saves it: a picture is readable anywhere
        plot_bgcolor=look.background,
        clickmode="event+select",
        dragmode=False,
    )
    axis: dict[str, Any] = {"tickfont": {"size": 13, "color": look.text}, "showline": False}
    figure.update_xaxes(**axis, showgrid=False, zeroline=False)
    figure.update_yaxes(
        **axis,
        gridcolor=look.grid,
        zeroline=False,
        automargin=True,
        title={"text": title, "font": {"size": 14, "color": look.text}, "standoff": 8},
    )
