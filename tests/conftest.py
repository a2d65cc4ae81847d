"""Fixtures that several test files share."""

import gc
import os
import sys

import pytest
from hypothesis import settings

from browser import launched, running_dashboard
from dashboard import service as dashboard_service
from fake_service import FakeService
from pages import whole_app
from tests.tiny_assets import make_assets
from vgg_viz import cli
from vgg_viz.images import decode
from vgg_viz.service.execution import Executor
from vgg_viz.service.local import LocalService

# A deadline would make a busy machine fail: tests assert no time. The examples are the same in
# every run, so that a change is what breaks a test; HYPOTHESIS_EXPLORE=1 draws others.
settings.register_profile(
    "any machine", deadline=None, derandomize="HYPOTHESIS_EXPLORE" not in os.environ
)
settings.load_profile("any machine")


def pytest_collection_finish():
    """Leave modules and thousands of collected tests out of every later garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def fake(monkeypatch):
    """The service behind the pages of this test: one without networks."""
    made = FakeService()
    monkeypatch.setattr(dashboard_service, "get_service", lambda: made)
    return made


@pytest.fixture
def vgg(capsys, monkeypatch):
    """Run a `vgg-viz` command in this process: (exit code, stdout, stderr)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["vgg-viz", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.app_entry()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return run


@pytest.fixture
def app(fake):
    """All pages over the fake service."""
    return whole_app()


@pytest.fixture(scope="module")
def assets(tmp_path_factory):
    """A folder of tiny networks and photos, in place of the bundled ones."""
    folder = make_assets(tmp_path_factory.mktemp("assets"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGG_VIZ_ASSETS", str(folder))
        patch.setenv("VGG_VIZ_CACHE", str(folder / "cache"))
        patch.setenv("VGG_VIZ_INDEXES", str(folder / "indexes"))
        yield folder


@pytest.fixture(scope="module")
def service(assets):
    """A real service with tiny networks."""
    with LocalService("cpu") as made:
        yield made


@pytest.fixture(scope="module")
def executor(assets):
    """What answers on the worker's thread, over the tiny networks."""
    return Executor("cpu")


@pytest.fixture(scope="module")
def photo(assets):
    """The cat."""
    return decode((assets / "images" / "cat.jpg").read_bytes())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of a dashboard over the fake service."""
    log = tmp_path_factory.mktemp("server") / "log"
    with running_dashboard(log, {"VGG_VIZ_SERVICE": "fake_service:make_service"}) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    """A browser."""
    with launched() as browser:
        yield browser
