"""From the bytes of a short clip to photos: frames at even steps, upright, no larger than needed.

    bytes --read_clip--> Clip(frames: Photos, seconds)

Animations (GIF, WebP, APNG) are read by Pillow, videos (MP4, MOV, WebM, Matroska, AVI) by PyAV,
which is FFmpeg. Made for files of strangers: bytes, pixels and frames are bounded, the container
is the one that the first bytes name (so no playlist, which could name other files, is ever
opened), and only common codecs are decoded.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

from vgg_viz.errors import ImageError
from vgg_viz.images import MAX_PIXELS, Photo, Pixels, thumbnail

MAX_BYTES = 64 * 2**20
MAX_FRAMES = 1800  # of the file: a minute at 30 a second
MAX_WORK = 4_000_000_000  # px of all frames together: every one of them is decoded
MOST_TAKEN = 48
SIDE = 512  # px of the long side that is kept; networks read 224
CODECS = "av1,h263,h264,hevc,libdav1d,libvpx,libvpx-vp9,mjpeg,mpeg1video,mpeg2video,mpeg4,vp8,vp9"

_KINDS = "Use an MP4, MOV, WebM, MKV or AVI video, or a GIF, WebP or PNG animation."
_ANIMATIONS = ("GIF", "WEBP", "PNG")
# Every frame of a GIF starts with a comma: see images.
_MAX_COMMAS = 65_536


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames of a clip in the order of time."""

    frames: tuple[Photo, ...]  # at least 2
    seconds: tuple[float, ...]  # when each is shown; as many
    total: int  # frames of the file
    notes: tuple[str, ...] = ()  # whole sentences: what was left out or changed


def read_clip(data: bytes, *, most: int = MOST_TAKEN) -> Clip:
    """Take at most `most` frames, evenly spaced from the first to the last.

    Raises ImageError, and nothing else, when `data` is empty, larger than MAX_BYTES, neither a
    video nor an animation, damaged before its second frame, too long or too large to decode
    (MAX_FRAMES, MAX_WORK, MAX_PIXELS a frame), or a single picture.
    """
    if not data:
        raise ImageError("The clip is empty; choose another file or copy it again.")
    if len(data) > MAX_BYTES:
        raise ImageError(
            f"The clip has {len(data) / 2**20:.0f} MB and the limit is {MAX_BYTES / 2**20:g} MB; "
            "cut it shorter or save it smaller."
        )
    try:
        container = _container(data)
        return _video(data, container, most) if container else _animation(data, most)
    except ImageError:
        raise
    except MemoryError:
        raise ImageError("There is not enough memory for this clip; save it smaller.") from None
    except Exception as error:
        # Pillow and FFmpeg raise too many types on damaged files to single any out.
        raise ImageError(
            f"The clip is damaged or cut off ({str(error).strip() or type(error).__name__}); copy "
            "it again or save it anew."
        ) from error


def evenly(total: int, most: int) -> list[int]:
    """At most `most` of 0 .. total - 1, the first and the last among them, at even steps."""
    count = min(total, most)
    return [round(i * (total - 1) / max(1, count - 1)) for i in range(count)]


def _container(data: bytes) -> str | None:
    """FFmpeg's name of a video's container by its first bytes; None for everything else."""
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") and data[8:12] not in (b"avif", b"heic"):
        return "mov"
    if data.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    return "avi" if data.startswith(b"RIFF") and data[8:12] == b"AVI " else None


def _check(width: int, height: int, total: int) -> None:
    if total < 2:
        raise ImageError(
            "This file holds a single picture, and a clip needs two or more; take it as the photo, "
            "or choose several pictures at once."
        )
    if total > MAX_FRAMES:
        raise ImageError(
            f"The clip has {total:,} frames and the limit is {MAX_FRAMES:,}; cut it shorter."
        )
    if width * height > MAX_PIXELS or width * height * total > MAX_WORK:
        raise ImageError(
            f"The clip is too large to decode: {total:,} frames of {width} x {height} px; save it "
            "smaller or cut it shorter."
        )


def _clip(shown: Iterator[tuple[Pixels, float]], total: int, notes: list[str]) -> Clip:
    """Keep what can be decoded: a clip that is cut off has a beginning."""
    frames, seconds, sizes = [], [], set()
    try:
        for pixels, at in shown:
            sizes.add(pixels.shape)
            frames.append(_photo(thumbnail(pixels, SIDE)))
            seconds.append(at)
    except MemoryError:
        raise
    except Exception as error:
        if len(frames) < 2:
            raise
        notes.append(f"Damaged after {seconds[-1]:.1f} s ({error}); what comes before is shown.")
    if len(frames) < 2:
        raise ImageError("Fewer than two frames of this clip can be decoded; save it anew.")
    if len(sizes) > 1:
        notes.append("The frames differ in size; each is cropped by itself.")
    if total > len(frames):
        notes.insert(0, f"{len(frames)} of {total} frames, evenly spaced.")
    return Clip(tuple(frames), tuple(seconds), total, tuple(notes))


def _photo(pixels: Pixels) -> Photo:
    own = np.array(pixels, order="C")
    own.setflags(write=False)
    return Photo(own, hashlib.sha256(repr(own.shape).encode() + own.tobytes()).hexdigest())


# --- animations ----------------------------------------------------------------------------------


def _animation(data: bytes, most: int) -> Clip:
    try:
        image = Image.open(BytesIO(data), formats=("GIF", "WEBP", "PNG", "JPEG", "BMP", "TIFF"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError("The clip has far too many pixels; save it smaller.") from None
    except OSError:
        raise ImageError(f"This file is no clip that can be read. {_KINDS}") from None
    with image:
        if image.format == "GIF" and data.count(b",") > _MAX_COMMAS:
            raise ImageError("This GIF has far too many frames; cut it shorter.")
        _check(*image.size, 2)  # before frames are counted, which decodes some of them
        animated = image.format in _ANIMATIONS and getattr(image, "is_animated", False)
        total = int(getattr(image, "n_frames", 1)) if animated else 1
        _check(*image.size, total)
        return _clip(_pictures(image, set(evenly(total, most))), total, [])


def _pictures(image: Image.Image, wanted: set[int]) -> Iterator[tuple[Pixels, float]]:
    at = 0.0
    for i, frame in enumerate(ImageSequence.Iterator(image)):
        if i in wanted:
            yield _on_white(frame), at
        # Browsers show a frame without a duration, or with a very short one, for 0.1 s.
        lasts = float(frame.info.get("duration") or 0) / 1000
        at += lasts if lasts > 0.01 else 0.1


def _on_white(frame: Image.Image) -> Pixels:
    whole = frame.convert("RGBA")
    white = Image.new("RGBA", whole.size, "white")
    return np.asarray(Image.alpha_composite(white, whole).convert("RGB"))


# --- videos --------------------------------------------------------------------------------------


def _video(data: bytes, container: str, most: int) -> Clip:
    import av  # FFmpeg: loaded when the first video comes

    known = {"codec_whitelist": CODECS}
    with av.open(BytesIO(data), mode="r", format=container, options=known) as file:
        if not file.streams.video:
            raise ImageError("There is no picture in this file, only sound; choose a video.")
        stream = file.streams.video[0]
        stream.thread_type = "AUTO"
        total = 0
        for packet in file.demux(stream):  # counting decodes nothing
            total += packet.size > 0
            if total > MAX_FRAMES:
                break
        _check(stream.codec_context.width, stream.codec_context.height, total)
        file.seek(0)
        return _clip(_decoded(file, stream, set(evenly(total, most))), total, [])


def _decoded(file: Any, stream: Any, wanted: set[int]) -> Iterator[tuple[Pixels, float]]:
    last = max(wanted)
    for i, frame in enumerate(file.decode(stream)):
        if frame.width * frame.height > MAX_PIXELS:
            raise ImageError("A frame of this clip has far too many pixels; save it smaller.")
        if i in wanted:
            yield upright(frame.to_ndarray(format="rgb24"), frame.rotation), float(frame.time or 0)
        if i >= last:
            return


def upright(pixels: Pixels, rotation: float) -> Pixels:
    """Turn (H, W, 3) as a player does; `rotation` in degrees, anticlockwise, as PyAV gives it."""
    return np.ascontiguousarray(np.rot90(pixels, round(rotation / 90) % 4))
