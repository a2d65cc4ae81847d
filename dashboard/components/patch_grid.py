"""Nine patches beside their nine reconstructions; a click on a patch chooses it."""

from collections.abc import Callable

from dashboard.components.register import register

_PATCH_GRID = register(
    "patch_grid",
    """
<div class="host">
  <div class="pair">
    <section><h4>Patches</h4><div class="grid patches" role="group"></div></section>
    <section><h4>Deconvnet</h4><div class="grid signals"></div></section>
  </div>
  <p class="readout" aria-live="polite"></p>
</div>
""",
)


def patch_grid(frame: bytes, *, key: str, on_pick: Callable[[], None]) -> None:
    """Mount the frame of `figures.patch_frame`.

    `on_pick` finds the number of the patch in `st.session_state[key].picked`.
    """
    _PATCH_GRID(key=key, data=frame, on_picked_change=on_pick)
