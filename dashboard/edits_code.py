"""The Python that reproduces a panel, as text; tests run it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from vgg_viz.requests import Request

UPLOADED = 64  # hexadecimal digits in the name of an uploaded photo


def show_code(requests: Sequence[Request[Any]], shown: str, *, key: str) -> None:
    """An expander with the program that asks `requests` and prints `shown` of each answer."""
    expander = st.expander("Show the code", icon=":material/code:", key=key, on_change="rerun")
    if expander.open:
        with expander:
            st.code(program(requests, shown), language="python", wrap_lines=True)


def program(requests: Sequence[Request[Any]], shown: str) -> str:
    """A whole program; `shown` are lines that use `answer`."""
    names = sorted({type(request).__name__ for request in requests})
    uploaded = [name for request in requests for name in _photos(request) if len(name) == UPLOADED]
    lines = [
        *(["from pathlib import Path", ""] if uploaded else []),
        f"from vgg_viz.requests import {', '.join(names)}",
        "from vgg_viz.service.local import LocalService",
        "",
        "with LocalService() as service:",
    ]
    lines += [
        f'    service.put_image(Path("photo.jpg").read_bytes())  # is {name[:12]}...'
        for name in dict.fromkeys(uploaded)
    ]
    for request in requests:
        lines.append(f"    answer = service.run({request!r})")
        lines += [f"    {line}" for line in shown.splitlines()]
    return "\n".join(lines)


def _photos(request: Any) -> tuple[str, ...]:
    return getattr(request, "images", None) or (request.image,)
