"""What tests of pages share: a page over the fake service, opened at an address, and its words."""

import json
import time
from pathlib import Path

from streamlit.testing.v1 import AppTest

DASHBOARD = Path(__file__).resolve().parent.parent / "dashboard"
PATIENCE = 120  # s; a busy machine is slow, not wrong


def whole_app() -> AppTest:
    """All pages, at Compare."""
    return AppTest.from_file(str(DASHBOARD / "streamlit_app.py"), default_timeout=PATIENCE)


def one_page(name: str) -> AppTest:
    """The page dashboard/app_pages/<name>.py by itself."""
    path = DASHBOARD / "app_pages" / f"{name}.py"
    return AppTest.from_file(str(path), default_timeout=PATIENCE)


def opened(app, **params):
    """The page at an address, without a traceback."""
    for name, value in params.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def at_page(app, name, **params):
    """The page of the whole app at an address, reached from Compare as a person does."""
    app.run()
    app.switch_page(f"app_pages/{name}.py")
    return opened(app, **params)


def charts(app):
    """Every plotly chart, as plotly's own JSON."""
    return [json.loads(element.proto.spec) for element in app.get("plotly_chart")]


def texts(app) -> str:
    """All running text, without Markdown's escapes."""
    return " ".join(e.value for e in [*app.markdown, *app.caption]).replace("\\", "")


def worked(app, fake, button, jobs):
    """The page after a click on a button that starts `jobs()`, when all of them are through."""
    app.button(key=button).click().run()
    assert not app.exception
    end = time.monotonic() + 60
    while not all(fake.events(fake.find(job))[-1].final for job in jobs()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return opened(app)
