"""A mini-map of every layer in a row; a click chooses the layer."""

from collections.abc import Callable

from dashboard.components.register import register

_LAYER_STRIP = register(
    "layer_strip",
    """
<div class="host">
  <div class="strip" role="listbox" aria-orientation="horizontal" aria-label="Layers"></div>
  <p class="facts"></p>
</div>
""",
)


def layer_strip(frame: bytes, *, key: str, on_layer: Callable[[], None]) -> None:
    """Mount the frame of `figures.layer_strip_frame`.

    `on_layer` finds what a person clicked in `st.session_state[key].layer`: {"name", "orders"},
    the layer and how each side's `channel_grid` is sorted.
    """
    _LAYER_STRIP(key=key, data=frame, on_layer_change=on_layer)
