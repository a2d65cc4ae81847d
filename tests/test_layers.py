"""The tree explains the program, imports point one way, and these tests say so.

`violations(folder)` reads source only, so it also holds for modules that nothing imports yet. It is
proved on small bad trees below: a checker that finds nothing anywhere would be green as well.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Low to high: a module may import what stands above it here, and its own line without circles.
LAYERS = [
    {"errors"},
    {"requests", "results"},
    {"models", "clips", "images", "preprocessing", "architecture", "published", "recordings"}
    | {"patch_index"},
    {"capture"},
    {"gradient_flow", "initialization"},  # trainings record the one and start from the other
    {"activations", "arithmetic", "attribution", "dense", "edits", "effective_field"}
    | {"feature_vis", "filters", "invariance", "profiling", "transfer"}
    | {"correspondence", "inversion"}
    | {"top_patches"},
    {"training"},  # records what attributions show while a network learns
    {"service"},
    {"api"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
ANALYSIS = LAYERS[5]

FIGURES_SEES = {"architecture", "errors", "published", "results"}  # tables and answers
SEES_FIGURES = {"cli"}
DASHBOARD_SEES = {"architecture", "errors", "figures", "published", "requests"} | {
    "results",
    "service",
}

TORCH = {"captum", "pytorchcv", "torch", "torchvision"}
TORCH_FREE = {"errors", "figures", "published", "requests", "results"}
HOOK = re.compile(r"register_(\w+_)?hook")
VAGUE = re.compile(r"(.*_)?(utils?|helpers?|managers?)")
MAX_LINES = 400


def imports(tree: ast.Module, package: list[str]) -> Iterator[tuple[int, str]]:
    """Line and name of every import, also in functions and for types; `from a import b`: a.b."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                base = package[: len(package) - node.level + 1] if node.level else []
                prefix = ".".join([*base, node.module] if node.module else base)
                yield from ((node.lineno, f"{prefix}.{alias.name}") for alias in node.names)
            case ast.Call(
                func=ast.Attribute(attr="import_module")
                | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def part(parts: list[str]) -> str:
    """The noun a module belongs to: vgg_viz.models.weights -> models, vgg_viz.__version__ -> ''."""
    return parts[1] if len(parts) > 1 and not parts[1].startswith("__") else ""


def forbidden(importer: list[str], target: list[str]) -> str | None:
    """Why `importer` must not import `target`, or None."""
    package, here, library = importer[0], part(importer), target[0]
    if library == "streamlit" and package == "vgg_viz":
        return "streamlit belongs to the dashboard"
    if library in TORCH and (package == "dashboard" or here in TORCH_FREE):
        return f"{library} stays behind the service"
    if library == "plotly" and (package, here) != ("vgg_viz", "figures"):
        return "plotly is drawn with in vgg_viz.figures only"
    if library == "dashboard":
        return forbidden_dashboard(package, here, part(target))
    if library == "vgg_viz":
        return forbidden_library(package, here, part(target))
    return None


def forbidden_dashboard(package: str, here: str, there: str) -> str | None:
    if package == "vgg_viz":
        return "the library does not know the dashboard"
    if there == "app_pages" and here != "streamlit_app":
        return "a page is used by streamlit_app only; shared parts go to controls or components"
    return None


def forbidden_library(package: str, here: str, there: str) -> str | None:
    if there in {"", here} and package == "vgg_viz":
        return None
    if package == "dashboard":
        return (
            None
            if there in DASHBOARD_SEES | {""}
            else f"the dashboard does not see vgg_viz.{there}"
        )
    if here == "figures":
        return None if there in FIGURES_SEES else "figures see tables, results and errors only"
    if there == "figures":
        return None if here in SEES_FIGURES else "figures are for the dashboard and the cli"
    if there not in RANK:
        return f"vgg_viz.{there} has no layer, or a name is taken from the package itself"
    if {here, there} <= ANALYSIS:
        return "analysis packages do not import one another"
    if here and RANK.get(here, -1) < RANK[there]:
        return "the arrow points up"
    return None


def circles(edges: set[tuple[str, str]]) -> Iterator[str]:
    """Pairs of nouns that reach each other."""
    reach = set(edges)
    while more := {(a, d) for a, b in reach for c, d in reach if b == c} - reach:
        reach |= more
    yield from (
        f"{a} and {b} import each other" for a, b in sorted(reach) if a < b and (b, a) in reach
    )


def hooks(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.Constant(value=str(name)) if HOOK.fullmatch(name):
                yield node.lineno


def violations(root: Path) -> list[str]:
    """Everything below `root` that breaks the rules of the house, as `path:line: reason`."""
    found: list[str] = []
    edges: set[tuple[str, str]] = set()
    for path in sorted(p for name in ("vgg_viz", "dashboard") for p in (root / name).rglob("*.py")):
        where = path.relative_to(root)
        module = list(where.with_suffix("").parts)
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source, str(where))

        if any(VAGUE.fullmatch(name) for name in module):
            found.append(f"{where}:1: the name does not say what is inside")
        if (lines := source.count("\n")) > MAX_LINES:
            found.append(f"{where}:1: {lines} lines; {MAX_LINES} at most")
        if module[0] == "vgg_viz" and part(module) not in {*RANK, "figures", ""}:
            found.append(f"{where}:1: vgg_viz.{part(module)} has no layer; add it to LAYERS")
        if module != ["vgg_viz", "capture"]:
            found += [
                f"{where}:{line}: hooks are registered in capture.py only" for line in hooks(tree)
            ]

        # For a package's __init__, `from . import x` starts at the package itself.
        for line, name in imports(tree, module[:-1]):
            target = name.split(".")
            if reason := forbidden(module, target):
                found.append(f"{where}:{line}: imports {name}: {reason}")
            elif target[0] == module[0] and part(module) and part(target):
                edges.add((f"{module[0]}.{part(module)}", f"{module[0]}.{part(target)}"))
    return found + list(circles(edges))


def test_the_tree_keeps_its_rules():
    assert violations(ROOT) == []


def test_figures_do_not_load_torch():
    """At run time too: a process without torch draws figures from results on disk."""
    if not (ROOT / "vgg_viz" / "figures").is_dir():
        pytest.skip("vgg_viz.figures is not written yet")
    program = """
import importlib, pkgutil, sys
import vgg_viz.figures
for module in pkgutil.walk_packages(vgg_viz.figures.__path__, "vgg_viz.figures."):
    importlib.import_module(module.name)
loaded = sorted({"torch", "torchvision", "streamlit"} & set(sys.modules))
sys.exit(", ".join(loaded) or None)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"importing vgg_viz.figures failed or loaded {run.stderr}"


GOOD_TREE = {
    "vgg_viz/__init__.py": "__version__ = '0.1.0'",
    "vgg_viz/errors.py": "class VggVizError(Exception): ...",
    "vgg_viz/requests.py": "from vgg_viz.results import Map",
    "vgg_viz/results.py": "import numpy; from .errors import VggVizError",
    "vgg_viz/models/__init__.py": "from vgg_viz.models.networks import build",
    "vgg_viz/models/networks.py": "import torch; from . import configs; from .. import errors",
    "vgg_viz/capture.py": "def inspect(layer):\n    return layer.register_forward_hook(print)",
    "vgg_viz/attribution/cam.py": "from vgg_viz.capture import inspect; from vgg_viz import models",
    "vgg_viz/figures/maps.py": "import plotly.express; from vgg_viz.results import Map",
    "vgg_viz/service/local.py": "from vgg_viz.attribution import cam; import vgg_viz.filters",
    "vgg_viz/cli.py": "import typer; from vgg_viz import __version__, figures, service",
    "dashboard/streamlit_app.py": "import streamlit; from dashboard.app_pages import cam",
    "dashboard/app_pages/cam.py": "from vgg_viz import figures; from dashboard.service import run",
    "dashboard/service.py": "from vgg_viz.service import ModelService",
}


def write(root: Path, tree: dict[str, str]) -> Path:
    for name, source in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return root


def test_the_checker_accepts_a_good_tree(tmp_path):
    assert violations(write(tmp_path, GOOD_TREE)) == []


@pytest.mark.parametrize(
    ("path", "source", "reason"),
    [
        ("vgg_viz/errors.py", "from vgg_viz.results import Map", "points up"),
        ("vgg_viz/results.py", "import torch", "torch stays behind"),
        ("vgg_viz/models/zoo.py", "from ..capture import inspect", "points up"),
        ("vgg_viz/models/zoo.py", "def f():\n    from vgg_viz import service", "points up"),
        ("vgg_viz/models/zoo.py", "from vgg_viz import build", "no layer, or a name"),
        ("vgg_viz/filters.py", "import vgg_viz.attribution.cam", "do not import one another"),
        ("vgg_viz/filters.py", "import streamlit as st", "belongs to the dashboard"),
        ("vgg_viz/filters.py", "import plotly.express", "in vgg_viz.figures only"),
        ("vgg_viz/filters.py", "from vgg_viz.figures import maps", "for the dashboard and the cli"),
        ("vgg_viz/filters.py", "import dashboard.service", "does not know the dashboard"),
        ("vgg_viz/filters.py", "x.register_full_backward_hook(f)", "in capture.py only"),
        ("vgg_viz/filters.py", "getattr(x, 'register_hook')(f)", "in capture.py only"),
        ("vgg_viz/models/capture.py", "x.register_hook(f)", "in capture.py only"),
        ("vgg_viz/service/wire.py", "import vgg_viz.cli", "points up"),
        ("vgg_viz/figures/maps.py", "from vgg_viz.requests import Ask", "results and errors only"),
        ("vgg_viz/figures/maps.py", "import torchvision.utils", "torchvision stays behind"),
        ("vgg_viz/figures/maps.py", "import importlib\nimportlib.import_module('torch')", "torch"),
        ("vgg_viz/new_idea.py", "x = 1", "has no layer"),
        ("vgg_viz/models/tensor_utils.py", "x = 1", "does not say what is inside"),
        ("dashboard/helpers.py", "x = 1", "does not say what is inside"),
        ("vgg_viz/errors.py", "x = 1\n" * 401, "401 lines"),
        ("dashboard/service.py", "import torch.nn", "torch stays behind"),
        (
            "dashboard/controls.py",
            "from vgg_viz.models import configs",
            "does not see vgg_viz.models",
        ),
        ("dashboard/controls.py", "from dashboard.app_pages import cam", "by streamlit_app only"),
        ("dashboard/app_pages/two.py", "from . import cam", "by streamlit_app only"),
    ],
)
def test_the_checker_finds(tmp_path, path, source, reason):
    found = violations(write(tmp_path, GOOD_TREE | {path: source}))
    assert len(found) == 1
    assert found[0].startswith(path)
    assert reason in found[0]


def test_the_checker_finds_circles(tmp_path):
    tree = {
        "vgg_viz/models/zoo.py": "from vgg_viz.images import load",
        "vgg_viz/images.py": "from vgg_viz.architecture import shapes",
        "vgg_viz/architecture.py": "from vgg_viz.models import zoo",
    }
    found = violations(write(tmp_path, GOOD_TREE | tree))
    assert "vgg_viz.images and vgg_viz.models import each other" in found
