"""Fixtures that several test files share."""

import pytest

from browser import launched, running_dashboard
from dashboard import service
from fake_service import FakeService


@pytest.fixture
def fake(monkeypatch):
    """The service behind the pages of this test: one without networks."""
    made = FakeService()
    monkeypatch.setattr(service, "get_service", lambda: made)
    return made


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
