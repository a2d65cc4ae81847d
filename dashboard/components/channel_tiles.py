"""Channels of a layer as tiles: a click switches one off or on, a slider sets its factor."""

from collections.abc import Callable

from dashboard.components.register import register

_CHANNEL_TILES = register(
    "channel_tiles",
    """
<div class="tiles"><ul role="list"></ul><p class="scale"></p></div>
""",
)


def channel_tiles(frame: bytes, *, key: str, on_edit: Callable[[], None]) -> None:
    """Mount the frame of `figures.channel_tiles_frame`.

    `on_edit` finds {"channel", "factor"} in `st.session_state[key].edited`.
    """
    _CHANNEL_TILES(key=key, data=frame, on_edited_change=on_edit)
