"""One block of bytes for one component: Components v2 takes bytes only as the whole of `data`.

    u32 little-endian length of the header | header (JSON, UTF-8) | payload

The header's "parts" says where each named part lies in the payload: {"photo": [offset, length]}.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any


def pack(header: Mapping[str, Any], parts: Mapping[str, bytes]) -> bytes:
    """Return the frame of `header` and named `parts`; NaN and infinity are refused (not JSON)."""
    places: dict[str, tuple[int, int]] = {}
    offset = 0
    for name, part in parts.items():
        places[name] = (offset, len(part))
        offset += len(part)
    text = json.dumps({**header, "parts": places}, allow_nan=False, separators=(",", ":"))
    encoded = text.encode()
    return b"".join((struct.pack("<I", len(encoded)), encoded, *parts.values()))


def unpack(frame: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return header and parts, as the components' frame.js does."""
    (length,) = struct.unpack_from("<I", frame)
    header: dict[str, Any] = json.loads(frame[4 : 4 + length])
    payload = frame[4 + length :]
    parts = {name: payload[start : start + size] for name, (start, size) in header["parts"].items()}
    return header, parts
