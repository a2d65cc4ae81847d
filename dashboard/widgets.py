"""Widgets that show a value kept elsewhere and nothing else.

Their state is set from the value before they are drawn, and their callback hands what a person
chose to `apply` before the next run: the value is in one place, and the address bar can hold it.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st


def controlled(
    widget: Callable[..., Any],
    *arguments: Any,
    key: str,
    value: Any,
    apply: Callable[[Any], None],
    **details: Any,
) -> None:
    """Draw `widget(*arguments)` with `value`; `apply` gets what a person chooses, never None."""

    def on_change() -> None:
        picked = st.session_state[key]
        if picked is not None:
            apply(picked)

    st.session_state[key] = value
    widget(*arguments, key=key, on_change=on_change, **details)
