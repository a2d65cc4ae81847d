"""How long from `vgg-viz dashboard` to an answer and to a painted page, on a set-up checkout."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.measure import Timing, machine, table
from benchmarks.server import dashboard, first_view
from benchmarks.visitor import chromium, visit

# Every Python process started with this on its path notes when it first looks for torch.
WATCH = """
import os, sys, time

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            with open(os.environ["TORCH_WANTED"], "a") as file:
                file.write(f"{time.time()}\\n")

sys.meta_path.insert(0, Watch())
"""


@dataclass(frozen=True)
class Start:
    """Seconds since the command was started."""

    healthy: float
    torch_wanted: float | None  # None: not before the page was painted
    painted: float | None  # None: without a browser


def start_once(browser: Browser | None) -> Start:
    """Start, wait for health, open the page in a browser with empty caches, stop."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sitecustomize.py").write_text(WATCH, encoding="utf-8")
        note = Path(folder, "wanted")
        with dashboard({"PYTHONPATH": folder, "TORCH_WANTED": str(note)}) as server:
            painted = None
            if browser is not None:
                with visit(browser, server.address) as visitor:
                    visitor.open()
                    painted = time.time() - server.started
            times = note.read_text(encoding="utf-8").split() if note.exists() else []
            wanted = min(map(float, times)) - server.started if times else None
            return Start(server.healthy - server.started, wanted, painted)


def measure(rounds: int = 5) -> list[Start]:
    """Several starts; the browser runs already, as a visitor's does."""
    with chromium() as browser:
        return [start_once(browser) for _ in range(rounds)]


def describe(starts: list[Start]) -> str:
    """The table, and whether torch was left alone until the server answered."""
    columns = {
        "health check answers": [start.healthy for start in starts],
        "torch begins to load": [s.torch_wanted for s in starts if s.torch_wanted is not None],
        "Compare page painted": [s.painted for s in starts if s.painted is not None],
    }
    rows = [
        (title, f"{timing.best:.2f}", f"{timing.median:.2f}", f"{max(timing.seconds):.2f}")
        for title, timing in ((title, Timing(tuple(v))) for title, v in columns.items() if v)
    ]
    header = ("s after the command", "best", "median", "worst")
    early = sum(s.torch_wanted is not None and s.torch_wanted < s.healthy for s in starts)
    said = f"torch imported before the health answer: in {early} of {len(starts)} starts"
    return f"{table(header, rows)}\n{said}"


def main() -> None:
    """Measure and print."""
    shown = first_view()
    print(f"`vgg-viz dashboard`: {shown.left.model} beside {shown.right.model}")
    print(machine())
    print(describe(measure()))
