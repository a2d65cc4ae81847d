"""The server: `streamlit run dashboard/asgi_app.py` from the repository root.

Torch is loaded in the background once the server answers, so that health checks never wait for it.
"""

import asyncio
import base64
import hashlib
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pandas as pd  # noqa: F401 - first imported by two sessions at once, it failed half loaded
import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import service

logger = logging.getLogger(__name__)

START_AFTER = 0.3  # s after start-up: the socket listens by then, torch's import holds the GIL


def inline_script_hashes() -> str:
    """Hashes of the inline scripts in Streamlit's own page, whatever its version."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


# blob: in script-src is how Components v2 load their modules; emotion writes <style> elements;
# st.camera_input fetches the picture it took from a data: address.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' blob: {inline_script_hashes()}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
}


class SecurityHeaders:
    """Adds HEADERS to every response; websockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap `send` of HTTP requests."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, send_with_headers)


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Start loading after start-up; end the service's threads at shutdown."""
    timer = asyncio.get_running_loop().call_later(START_AFTER, service.start_loading)
    yield
    timer.cancel()
    service.stop()


def apologise(error: Exception) -> bool:
    """The last net, below the pages' own: no stack trace reaches a visitor."""
    logger.error("the app failed", exc_info=error)
    st.error(service.APOLOGY, icon=":material/error:")
    return True


app = st.App(
    "streamlit_app.py",
    lifespan=lifespan,
    middleware=[Middleware(SecurityHeaders)],
    on_script_error=apologise,
)
