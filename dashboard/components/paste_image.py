"""A picture pasted anywhere on the page."""

from collections.abc import Callable

from dashboard.components.register import register

_PASTE_IMAGE = register(
    "paste_image",
    """
<span hidden></span>
""",
)


def paste_image(*, key: str, on_paste: Callable[[], None]) -> None:
    """Mount. `st.session_state[key].pasted` is {"data": base64} or {"error": text}."""
    _PASTE_IMAGE(key=key, on_pasted_change=on_paste)
