"""Registration: from the files in frontend/ to a function that mounts the component."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

FRONTEND = Path(__file__).parent / "frontend"


def register(name: str, html: str) -> ComponentRenderer:
    """Register `name` once, at import. frame.js goes before its code: blobs cannot import files."""
    code = [(FRONTEND / file).read_text(encoding="utf-8") for file in ("frame.js", f"{name}.js")]
    style = FRONTEND / f"{name}.css"
    return st.components.v2.component(
        f"vgg_viz.{name}",
        html=html,
        css=style.read_text(encoding="utf-8") if style.exists() else None,
        js="\n".join(code),
    )


def nothing() -> None:
    """Callback of a state nobody waits for: without one, the state would not exist."""
