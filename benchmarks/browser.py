"""What a visitor waits for: from a click to the paint of its answer, in Chromium.

Server and browser share this machine's cores, and Chromium draws without a GPU.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from benchmarks.measure import Timing, machine, table, verdict
from benchmarks.server import dashboard, first_view
from benchmarks.visitor import IDLE, SCREEN, Visitor, chromium, visit

PHOTOS = ("dog", "horse", "coffee", "rocket", "kitten", "cathedral", "giraffes", "guitar")
LAYERS = ("conv4_3", "conv1_2", "conv3_1", "conv5_1", "conv2_2", "conv4_1", "conv1_1", "conv5_3")
WIDE_MODEL = "vgg16:random"  # bundled networks have fewer channels

RING, CHANNEL = "click on a channel, ring painted", "click on a channel, answered"
AMONG_ALL = "click on a channel among 512, answered"
PHOTO, CLASS, LAYER = "another photo", "another class", "another layer"
ALL_28, ALL_14 = "all 512 maps of 28 px", "all 512 maps of 14 px"
WIDE = {
    **dict.fromkeys(("conv4_1", "conv4_2", "conv4_3"), ALL_28),
    **dict.fromkeys(("conv5_1", "conv5_2", "conv5_3"), ALL_14),
}
BARS = {CHANNEL: 150, ALL_28: 300, ALL_14: 300}  # ms


@dataclass(frozen=True)
class Plan:
    """How often; small for tests."""

    channels: int = 25
    among_all: int = 8
    photos: int = 4
    classes: int = 4  # of each photo
    layers: tuple[str, ...] = LAYERS
    wide: Mapping[str, str] = field(default_factory=lambda: WIDE)  # layer: row of the table
    wide_model: str = WIDE_MODEL


class Waits:
    """Milliseconds of every click, by what was clicked."""

    def __init__(self) -> None:
        self._found: dict[str, list[float]] = defaultdict(list)

    def note(self, name: str, milliseconds: float) -> None:
        """Add one click."""
        self._found[name].append(milliseconds)

    def timings(self) -> dict[str, Timing]:
        """All clicks, in ms."""
        return {name: Timing(tuple(values)) for name, values in self._found.items()}


def measure(plan: Plan | None = None) -> dict[str, Timing]:
    """Start the dashboard, visit it, click; ms by what was clicked."""
    plan, waits = plan or Plan(), Waits()
    with chromium() as browser, dashboard() as server:
        with visit(browser, server.address) as visitor:
            visitor.open()
            channel_clicks(visitor, waits, plan.channels, CHANNEL)
            photos_and_classes(visitor, waits, plan)
            layer_changes(visitor, waits, plan.layers)
        with visit(browser, server.address) as visitor:
            wide_layers(visitor, waits, plan)
            channel_clicks(visitor, waits, plan.among_all, AMONG_ALL)
    return waits.timings()


def channel_clicks(visitor: Visitor, waits: Waits, count: int, row: str) -> None:
    """Choose `count` different channels of the right network, one after the other.

    The browser draws the ring at once; `row` is for the time until the server has answered.
    """
    for channel, x, y in list(_cells(visitor, count)):
        visitor.page.mouse.move(1, 1)
        ring = (
            "((box) => box.width > 0 && "
            f"box.left <= {x} && {x} <= box.right && box.top <= {y} && {y} <= box.bottom)"
            "(find('right_features', '.ring').getBoundingClientRect())"
        )
        ring_ms, answered_ms = visitor.times(
            partial(visitor.page.mouse.click, x, y),
            ring,
            f"{_address('right_channel', channel)} && {IDLE}",
        )
        waits.note(RING, ring_ms)
        waits.note(row, answered_ms)


def _cells(visitor: Visitor, count: int) -> Iterator[tuple[str, int, int]]:
    """Channels of the grid and a point of each; the point is held over, which asks nobody."""
    box = visitor.page.locator(".st-key-right_features .grid").bounding_box()
    if box is None:
        raise RuntimeError("The page shows no feature maps.")
    seen: set[str] = set()
    bottom = min(box["y"] + box["height"], SCREEN["height"])
    for y in range(int(box["y"]) + 12, int(bottom), 20):
        for x in range(int(box["x"]) + 12, int(box["x"] + box["width"]), 20):
            if len(seen) == count:
                return
            visitor.page.mouse.move(x, y)
            channel = visitor.ask("find('right_features', '.large').dataset.channel")
            if channel not in seen:
                seen.add(channel)
                yield channel, x, y


def photos_and_classes(visitor: Visitor, waits: Waits, plan: Plan) -> None:
    """New photos, and on each the classes below the most probable one: nothing is cached."""
    for photo in PHOTOS[: plan.photos]:
        (waited,) = visitor.times(
            visitor.page.locator(f".st-key-photos [data-name={photo}]").click,
            f"{_address('image', photo)} && {IDLE}",
        )
        waits.note(PHOTO, waited)
        for place in range(1, plan.classes + 1):
            bar = visitor.page.locator(".st-key-right_bars button").nth(place)
            name = json.dumps(" " + bar.locator(".label").inner_text())
            painted = f"find('right_overlay', '.stage').dataset.painted.endsWith({name})"
            (waited,) = visitor.times(bar.click, f"{painted} && {IDLE}")
            waits.note(CLASS, waited)


def layer_changes(visitor: Visitor, waits: Waits, layers: tuple[str, ...]) -> None:
    """Layers of the right network; the left one follows."""
    for layer in layers:
        visitor.page.locator(".st-key-right_layer [role=combobox]").click()
        visitor.page.keyboard.type(layer)
        visitor.page.locator("[role=combobox][aria-activedescendant]").wait_for()
        (waited,) = visitor.times(
            lambda: visitor.page.keyboard.press("Enter"),
            f"{_painted('features', '.grid', layer)} && {_painted('overlay', '.stage', layer)}"
            f" && {IDLE}",
            event="keydown",
        )
        waits.note(LAYER, waited)


def wide_layers(visitor: Visitor, waits: Waits, plan: Plan) -> None:
    """All maps of layers with many channels, each asked for the first time."""
    for layer, row in plan.wide.items():
        visitor.open(f"?right={plan.wide_model}&right_layer={layer}")
        visitor.settle()
        (waited,) = visitor.times(
            visitor.page.locator(".st-key-right_features .more").click,
            "!find('right_features', '.title').textContent.includes('strongest') && "
            f"{_painted('features', '.grid', layer)}",
        )
        waits.note(row, waited)


def _painted(part: str, element: str, layer: str) -> str:
    return f"find('right_{part}', '{element}').dataset.painted.startsWith('{layer} ')"


def _address(name: str, value: str) -> str:
    return f"new URLSearchParams(location.search).get('{name}') === '{value}'"


def describe(timings: dict[str, Timing]) -> str:
    """The table, bars included."""
    rows = [
        (
            name,
            f"{len(timing.seconds)}",
            f"{timing.best:.0f}",
            f"{timing.median:.0f}",
            f"{timing.percentile(0.95):.0f}",
            verdict(timing.median, BARS[name]) if name in BARS else "",
        )
        for name, timing in timings.items()
    ]
    return table(("ms from click to paint", "clicks", "best", "p50", "p95", "bar for p50"), rows)


def main() -> None:
    """Measure and print."""
    shown = first_view()
    print(f"{shown.left.model} beside {shown.right.model}; all maps: {WIDE_MODEL}")
    print(machine())
    print(describe(measure()))
