"""A visitor in Chromium, with a clock inside the page: from an input event to the paint after it.

Times are taken in the page, so that the way between this program and the browser is not in them.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SCREEN = {"width": 1440, "height": 900}
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60_000  # ms; random weights of full size take seconds to draw

# Conditions are JavaScript. `find(key, name)` is an element inside a component's shadow root.
IDLE = "document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]') !== null"
DRAWN = [
    f"find('{where}_{part}', '{element}')?.dataset.painted !== undefined"
    for where in ("left", "right")
    for part, element in (("overlay", ".stage"), ("features", ".grid"))
]
WHOLE_PAGE = " && ".join([IDLE, *DRAWN])

FIND = """
const find = (key, name) => {
  for (const host of document.querySelectorAll(`.st-key-${key} *`)) {
    const found = host.shadowRoot?.querySelector(name);
    if (found) return found;
  }
  return null;
};
"""
# Callbacks of requestAnimationFrame run before a frame is painted: `look` sees the condition hold
# before the paint that shows it, and the callback after that runs after it.
CLOCK = """
() => {
  %(find)s
  window.%(name)s = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("waited in vain for " + %(quoted)s)), %(patience)d);
    let start = %(start)s;
    addEventListener("%(event)s", (event) => { start = event.timeStamp; },
      { capture: true, once: true });
    const look = () => requestAnimationFrame(
      start !== null && (%(condition)s) ? () => resolve(performance.now() - start) : look);
    look();
  });
}
"""


class Visitor:
    """One page in a browser context of its own."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        page.set_default_timeout(PATIENCE)

    def open(self, query: str = "") -> float:
        """Go to the page and wait until all of it is painted; ms since the navigation began."""
        self.page.goto(f"{self.address}/{query}", wait_until="commit")
        self._arm("opened", WHOLE_PAGE, start="0")
        return self._read("opened")

    def times(
        self, act: Callable[[], object], *conditions: str, event: str = "click"
    ) -> list[float]:
        """Ms from the `event` that `act` causes to the first paint at which each condition held."""
        names = [f"measured{i}" for i in range(len(conditions))]
        for name, condition in zip(names, conditions, strict=True):
            self._arm(name, condition, event=event)
        act()
        found = [self._read(name) for name in names]
        self.settle()
        return found

    def ask(self, expression: str) -> str:
        """A text from the page; `find` as in conditions."""
        return str(self.page.evaluate(f"() => {{ {FIND} return {expression}; }}"))

    def settle(self) -> None:
        """Wait until the server has nothing to do for this page."""
        self.page.wait_for_timeout(30)
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()

    def _arm(self, name: str, condition: str, *, event: str = "click", start: str = "null") -> None:
        values = {"find": FIND, "name": name, "start": start, "event": event}
        values |= {"condition": condition, "quoted": json.dumps(condition)}
        self.page.evaluate(CLOCK % (values | {"patience": PATIENCE}))

    def _read(self, name: str) -> float:
        return float(self.page.evaluate(f"() => window.{name}"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium: $CHROMIUM, or what is installed."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Browser, address: str) -> Iterator[Visitor]:
    """A new visitor with empty caches."""
    context = browser.new_context(viewport={"width": SCREEN["width"], "height": SCREEN["height"]})
    try:
        yield Visitor(context.new_page(), address)
    finally:
        context.close()
