"""Two networks as columns of blocks to scale; a click on a block chooses its layer."""

from collections.abc import Callable

from dashboard.components.register import register

_NETWORK_COLUMNS = register(
    "network_columns",
    """
<div class="networks">
  <div class="stage" tabindex="0" role="application">
    <svg aria-hidden="true" xmlns="http://www.w3.org/2000/svg"></svg>
    <div class="tip" hidden></div>
  </div>
  <div class="below">
    <span class="hint">Point at a block for its numbers; click a convolution to choose it on
      every page.</span>
    <button class="save" type="button" data-format="png">PNG</button>
    <button class="save" type="button" data-format="svg">SVG</button>
  </div>
  <div class="live" aria-live="polite"></div>
</div>
""",
    scripts=("network_columns_picture",),
)


def network_columns(frame: bytes, *, key: str, on_pick: Callable[[], None]) -> None:
    """Mount the frame of `figures.network_columns_frame`.

    `on_pick` finds the chosen convolution in `st.session_state[key].picked`: {"side", "layer"}.
    """
    _NETWORK_COLUMNS(key=key, data=frame, on_picked_change=on_pick)
