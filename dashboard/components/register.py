"""Registration: from the files in frontend/ to a function that mounts the component."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

FRONTEND = Path(__file__).parent / "frontend"


def register(name: str, html: str, *, scripts: Sequence[str] = ()) -> ComponentRenderer:
    """Register `name` once, at import, with `scripts` that its code is split into.

    frame.js and the scripts go before its code: blobs cannot import files.
    """
    files = ("frame", *scripts, name)
    code = [(FRONTEND / f"{file}.js").read_text(encoding="utf-8") for file in files]
    style = FRONTEND / f"{name}.css"
    return st.components.v2.component(
        f"vgg_viz.{name}",
        html=html,
        css=style.read_text(encoding="utf-8") if style.exists() else None,
        js="\n".join(code),
    )


def nothing() -> None:
    """Callback of a state nobody waits for: without one, the state would not exist."""
