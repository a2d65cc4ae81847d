"""The one model service of this process, and how its errors reach the page."""

import gc
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from vgg_viz.errors import VggVizError
from vgg_viz.requests import Answer, Request

if TYPE_CHECKING:
    from vgg_viz.service.engine import ModelService

logger = logging.getLogger(__name__)

FACTORY = "VGG_VIZ_SERVICE"  # environment: "module:factory", for tests and other engines
WEIGHTS = "VGG_VIZ_WEIGHTS"  # environment: checkpoints to offer, as PATH lists folders
LOCAL = "vgg_viz.service.local:LocalService"
SWITCH_INTERVAL = 0.0005  # s; many sessions click faster while one of them computes
APOLOGY = (
    "Something went wrong here; that is our fault, not yours. The server's log has the details."
)

_making = threading.Lock()


@cache
def _made_service(factory: str) -> "ModelService":
    module, _, name = factory.partition(":")
    made: ModelService = getattr(importlib.import_module(module), name)()
    return made


def get_service() -> "ModelService":
    """The service of this process; made on first use, which costs nothing and loads no torch."""
    with _making:
        return _made_service(os.environ.get(FACTORY, LOCAL))


def run(request: Request[Answer]) -> Answer:
    """Ask the service. It keeps answers itself, so a rerun costs no pass."""
    return get_service().run(request)


@contextmanager
def messages() -> Iterator[None]:
    """Errors inside become a message in place of what was to be drawn; the page goes on."""
    try:
        yield
    except VggVizError as error:
        st.error(str(error), icon=":material/error:")
    except Exception:
        logger.exception("a page failed")
        st.error(APOLOGY, icon=":material/error:")


def attempt(action: Callable[[], None]) -> None:
    """As `messages`, for callbacks, which draw nothing: the text waits for the next run."""
    try:
        action()
    except VggVizError as error:
        tell(str(error))
    except Exception:
        logger.exception("a callback failed")
        tell(APOLOGY)


def tell(text: str) -> None:
    """Keep a note for the top of the page, until it is dismissed."""
    notes: list[str] = st.session_state.setdefault("notes", [])
    if text not in notes:
        notes.append(text)


def start_loading() -> None:
    """Load the networks in the background, then tune the process for many sessions."""
    threading.Thread(target=_load_and_tune, name="vgg-viz start", daemon=True).start()


def _load_and_tune() -> None:
    service = get_service()
    start, wait = getattr(service, "start", None), getattr(service, "wait_ready", None)
    if start is None or wait is None:  # a remote engine loads elsewhere
        return
    start()
    wait(None)
    _add_weights(service)
    tune_runtime()


def _add_weights(service: "ModelService") -> None:
    """Offer the checkpoints that `vgg-viz dashboard --weights PATH` named."""
    for name in filter(None, os.environ.get(WEIGHTS, "").split(os.pathsep)):
        path = Path(name)
        try:
            service.put_weights(path.read_bytes(), path.name)
        except (VggVizError, OSError):
            logger.exception("%s is not offered", path)


def tune_runtime() -> None:
    """Exempt what is loaded by now from garbage collection.

    A full collection would walk all of torch. Streamlit's own after every run is off
    (.streamlit/config.toml); Python's automatic ones go on, over what came later.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.collect()
    gc.freeze()


def stop() -> None:
    """End the service's threads at shutdown, if it was ever made."""
    if _made_service.cache_info().currsize:
        close = getattr(get_service(), "close", None)
        if close is not None:
            close()
