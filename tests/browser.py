"""What tests in a real browser share: server, Chromium, and a visitor who notices complaints."""

import io
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
LOADED = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
SCREEN = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE = 60_000  # ms; a busy machine is slow, not wrong

expect.set_options(timeout=PATIENCE)

_contexts: WeakKeyDictionary[Browser, dict[str, BrowserContext]] = WeakKeyDictionary()


@contextmanager
def running_dashboard(log: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Address of a dashboard that runs as a person would start it; its log holds no traceback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = os.pathsep.join(str(path) for path in (ROOT, ROOT / "tests"))
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/asgi_app.py"]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": paths, **environment},
            stdout=out,
            stderr=out,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: healthy(address), PATIENCE / 1000)
            yield address
        finally:
            process.terminate()
            process.wait(30)
    assert "Traceback" not in log.read_text()


@contextmanager
def launched() -> Iterator[Browser]:
    """A Chromium: the one of $CHROMIUM, or the system's."""
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def healthy(address):
    """Whether the server answers its health check."""
    try:
        with urllib.request.urlopen(address + "/_stcore/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_until(condition, seconds):
    """Wait for `condition()`, and fail when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def context_of(browser: Browser, options: Mapping[str, object]) -> BrowserContext:
    """One context for all visitors with the same options: its cache holds the page's scripts.

    Opening the page again in it takes a third of the time.
    """
    kept = _contexts.setdefault(browser, {})
    key = repr(sorted(options.items()))
    if key not in kept:
        kept[key] = browser.new_context(**{"viewport": SCREEN, **options})
    return kept[key]


@contextmanager
def visiting(browser: Browser, address: str, kind: type, page: str = "") -> Iterator[Callable]:
    """Open visitors of a page by `make(query, **options)`; with options, in a context of their own.

    At the end none of them had an error in the console or left this machine.
    """
    visitors = []

    def make(query="", *, kind=kind, **options):
        visitors.append(kind(context_of(browser, options), address))
        visitors[-1].open(f"{page}?{query}" if query else page)
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.page.close()
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    assert not complaints, complaints  # pytest does not rewrite the asserts of this file


class Visitor:
    """A page, and what its console said."""

    def __init__(self, context, address):
        self.context = context
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.address, self.complaints, self.sent = address, [], []
        self.page.on("console", self.on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("websocket", self.on_websocket)
        self.page.on("request", self.on_request)

    def on_websocket(self, websocket):
        # In a lambda: Playwright marks handlers, and a built-in method cannot be marked.
        websocket.on("framesent", lambda frame: self.sent.append(frame))  # noqa: PLW0108

    def on_console(self, message):
        # Opened below the root, Streamlit's page looks for its server there first.
        below = message.location["url"].removeprefix(self.address)
        probing = re.match(r"/\w+/_stcore/", below) is not None
        if message.type in ("error", "warning") and not probing:
            self.complaints.append(message.text)

    def on_request(self, request):
        local = request.url.startswith((self.address, "data:", "blob:"))
        if not local:
            self.complaints.append(f"asks {request.url}")

    def open(self, query=""):
        self.page.goto(f"{self.address}/{query}")
        self.painted()
        return self.page

    def painted(self):
        self.idle()
        for where in ("left", "right"):
            for part in ("overlay .stage", "features .grid"):
                drawn = self.page.locator(f".st-key-{where}_{part}[data-painted]")
                expect(drawn).to_be_visible()

    def plotly(self, key=""):
        """A plotly chart, not the stale copy that stands beside it while the page is redrawn."""
        box = f".st-key-{key}" if key else "[data-testid=stElementContainer]"
        return self.page.locator(f"{box}[data-stale=false] .js-plotly-plot")

    def idle(self):
        expect(self.page.locator(IDLE)).to_be_attached()

    def until(self, condition):
        """Wait for `condition()`; not by `wait_for_function`, which the page's CSP forbids."""
        end = time.monotonic() + PATIENCE / 1000
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            self.page.wait_for_timeout(50)

    def pictures(self):
        """Wait for every picture of the page: one whose page is left early is answered by a 404."""
        self.until(lambda: self.page.evaluate(LOADED))

    def picture(self, where, layer=".stage"):
        png = self.page.locator(f".st-key-{where}_overlay {layer}").screenshot()
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)

    def detail(self, where):
        return self.page.locator(f".st-key-{where}_features .large")
