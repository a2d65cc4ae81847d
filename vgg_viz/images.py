"""From the bytes of a file to a picture in memory, and back to small files.

    bytes --decode--> Photo (uint8 RGB, at most 2048 px) --thumbnail, encode_*--> small pictures

Only Pillow and numpy are used. `decode` is made for files of strangers: it answers with a `Photo`
or an `ImageError`, and its time and memory are bounded by MAX_BYTES and MAX_PIXELS. Pixels are
taken as sRGB; embedded colour profiles are ignored, as in the training of the networks shown here.
What a network makes of a Photo stands in `preprocessing`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from vgg_viz.errors import ImageError, InputError

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "Photo",
    "Pixels",
    "Sample",
    "as_image",
    "decode",
    "encode_jpeg",
    "encode_png",
    "load_samples",
    "thumbnail",
]

Pixels = NDArray[np.uint8]

MAX_BYTES = 10 * 2**20
MAX_PIXELS = 50_000_000
MAX_SIDE = 2048  # px; networks read 224 px, screens show about 1000
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

_ADVICE = "Use a JPEG, PNG, WebP, GIF, BMP or TIFF picture."

# libjpeg walks over the whole picture once per scan, and a scan can be 100 bytes long: 10 MB could
# hold 80,000 of them. Cameras and encoders write 1 to 12.
_MAX_JPEG_SCANS = 100

# Every GIF frame starts with a comma (0x2C). 10 MB of noise hold 41,000; more would be frames of
# nothing, which take tens of seconds to count.
_MAX_GIF_COMMAS = 65_536


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded picture, upright, RGB, with its long side at most MAX_SIDE px."""

    pixels: Pixels  # uint8 (H, W, 3), 0..255, sRGB, C-contiguous, read-only
    digest: str  # sha256 of the original bytes, 64 hex digits
    notes: tuple[str, ...] = ()  # whole sentences: what was changed on the way from the file


@dataclass(frozen=True)
class Sample:
    """A bundled photo with its origin; details stand in assets/images/SOURCES.md."""

    name: str  # slug, used in URLs
    title: str
    file: Path
    classes: tuple[str, ...]  # right answers among the bundled classes; may be ()
    author: str
    licence: str


# --- bytes -> Photo ------------------------------------------------------------------------------


def decode(data: bytes) -> Photo:
    """Decode the bytes of a picture file.

    The format is decided from the bytes. Animations give their first frame, transparent parts
    become white, EXIF rotation is applied, 16-bit grey values v become round(v / 257), CMYK becomes
    RGB without a colour profile, and a long side above MAX_SIDE px is scaled down; `Photo.notes`
    tells what was done.

    Raises ImageError, and nothing else, when `data` is not bytes, is empty, is larger than
    MAX_BYTES, is not one of FORMATS, has more than MAX_PIXELS pixels, or is damaged.
    """
    _check_bytes(data)
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_header(image, data)
            pixels, notes = _read(image, data)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(_too_many_pixels()) from None
    except UnidentifiedImageError:
        raise ImageError(_not_a_picture(data)) from None
    except MemoryError:
        raise ImageError(
            "There is not enough memory to decode this picture; save it with fewer pixels."
        ) from None
    except Exception as error:
        # On damaged files Pillow raises OSError, SyntaxError, ValueError, EOFError, struct.error,
        # zlib.error, KeyError, IndexError, TypeError and more, so none is singled out here.
        raise ImageError(
            f"The picture is damaged or cut off ({str(error).strip() or type(error).__name__}); "
            "copy it again or save it anew from a picture program."
        ) from error
    return Photo(_frozen(pixels), hashlib.sha256(data).hexdigest(), notes)


def _check_bytes(data: object) -> None:
    if not isinstance(data, bytes):
        raise ImageError(
            f"Expected the bytes of a picture file, got {type(data).__name__}; read the file first."
        )
    if not data:
        raise ImageError("The file is empty; choose another or copy it again.")
    if len(data) > MAX_BYTES:
        raise ImageError(
            f"The file has {len(data) / 2**20:.1f} MB and the limit is {MAX_BYTES / 2**20:g} MB; "
            "save it smaller or as JPEG."
        )


def _check_header(image: Image.Image, data: bytes) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError("The picture has no pixels; choose another.")
    if width * height > MAX_PIXELS:
        raise ImageError(_too_many_pixels(f"{width} x {height} px"))
    if image.format in ("JPEG", "MPO") and data.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise ImageError("This JPEG has far too many passes to decode; save it anew.")


def _too_many_pixels(size: str = "too many pixels") -> str:
    return (
        f"The picture has {size} and the limit is {MAX_PIXELS / 1e6:g} megapixels; "
        "save it with fewer pixels."
    )


def _not_a_picture(data: bytes) -> str:
    head, brand = data[:64].lstrip(), data[4:12]
    kinds: Mapping[str, bool] = {
        "a PDF": head.startswith(b"%PDF"),
        "an SVG drawing or a web page": head.startswith(b"<"),
        "a ZIP archive or an office document": head.startswith(b"PK"),
        "a HEIC photo of a phone": brand in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"),
        "an AVIF picture": brand in (b"ftypavif", b"ftypavis"),
        "a video": brand.startswith(b"ftyp") or head.startswith(b"\x1aE\xdf\xa3"),
        "a Photoshop file": head.startswith(b"8BPS"),
    }
    guess = next((f" (it looks like {kind})" for kind, found in kinds.items() if found), "")
    return f"This file is not a picture that can be read{guess}. {_ADVICE}"


def _read(image: Image.Image, data: bytes) -> tuple[Pixels, tuple[str, ...]]:
    """Decode the first frame, and tell what was changed."""
    notes = [_frames_note(image, data)]
    orientation = turn = _orientation(image)
    if image.format == "TIFF":
        image.load()
        turn = 1  # Pillow turns TIFFs while loading
    size = image.size
    target = _capped(*size, MAX_SIDE)
    if image.format in ("JPEG", "MPO"):
        # libjpeg can decode at 1/2, 1/4 or 1/8 of the size, here never below `target`.
        image.draft(None, target)
    image.load()
    plain, note = _plain(image)
    notes.append(note)
    if plain.size != target:
        plain = plain.resize(target, Image.Resampling.LANCZOS, reducing_gap=3.0)
    rgb, note = _on_white(plain)
    notes.append(note)
    if turn in _TURNS:
        rgb = rgb.transpose(_TURNS[turn])
    if orientation in _TURNS:
        notes.append("Rotated as the camera's EXIF tag asks.")
    if max(size) > MAX_SIDE:
        before = size[::-1] if turn >= 5 else size
        notes.append(
            f"Scaled down from {before[0]} x {before[1]} px to {rgb.width} x {rgb.height} px."
        )
    return np.asarray(rgb), tuple(note for note in notes if note)


def _frames_note(image: Image.Image, data: bytes) -> str:
    """Tell that only the first frame is taken, and of how many where counting them is cheap."""
    if image.format not in ("GIF", "WEBP", "PNG", "TIFF"):
        return ""  # the second picture inside an MPO photo is a preview, not a frame
    word, many = ("page", "file") if image.format == "TIFF" else ("frame", "animation")
    countable = image.format in ("WEBP", "PNG") or (
        image.format == "GIF" and data.count(b",") <= _MAX_GIF_COMMAS
    )
    try:
        # A second view of the file: counting moves about, and later frames may be damaged.
        with Image.open(BytesIO(data), formats=[image.format]) as view:
            if not getattr(view, "is_animated", False):
                return ""
            count = getattr(view, "n_frames", 0) if countable else 0
    except Exception:  # noqa: BLE001 - as many types as in `decode`
        # The first frame can still be whole: whether it is, decoding it will tell.
        count = 0
    article = "an" if many == "animation" else "a"
    if count:
        return f"First of {count} {word}s of {article} {many}."
    return f"First {word} of {article} {many} with several {word}s."


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1..8; 1 is upright."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - as many types as in `decode`
        # Damaged EXIF is no reason to refuse a photo.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _capped(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the size with its long side at most `side`, its short side at least 1."""
    long = max(width, height)
    if long <= side:
        return width, height
    return max(1, round(width * side / long)), max(1, round(height * side / long))


def _plain(image: Image.Image) -> tuple[Image.Image, str]:
    """Bring any of Pillow's modes to L, RGB or RGBA, 8 bits a channel."""
    if image.mode == "F" or image.mode.startswith("I"):
        return _eight_bits(image)
    if image.mode in ("L", "RGB", "RGBA") and "transparency" not in image.info:
        return image, ""
    if image.has_transparency_data:
        return image.convert("RGBA"), ""
    if image.mode == "CMYK":
        return image.convert("RGB"), "CMYK was converted to RGB without a colour profile."
    return image.convert("RGB"), ""


def _eight_bits(image: Image.Image) -> tuple[Image.Image, str]:
    """Scale greyscale of 16 bits by 255 / 65535, of other depths from its own range to 0..255."""
    values = np.array(image)
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() <= 65_535:
        grey = (values.astype(np.uint32) * 255 + 32_767) // 65_535  # = round(v / 257), never a half
        note = "16-bit greyscale was scaled to 8 bits."
        return Image.fromarray(grey.astype(np.uint8)), note
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    values[~finite] = low
    # In place, for 50 megapixels of float64 are 400 MB.
    scaled = values.astype(np.float64)
    scaled -= low
    scaled *= 255 / (float(high) - float(low)) if high > low else 0.0
    note = f"32-bit greyscale was scaled to 8 bits from its own range, {low:g} to {high:g}."
    return Image.fromarray(np.rint(scaled, out=scaled).astype(np.uint8)), note


def _on_white(image: Image.Image) -> tuple[Image.Image, str]:
    """Return RGB with c * a + 255 * (1 - a) where there is an alpha channel a."""
    if image.mode != "RGBA":
        return image.convert("RGB"), ""
    alpha = image.getchannel("A")
    white = Image.new("RGB", image.size, "white")
    white.paste(image.convert("RGB"), mask=alpha)
    opaque = alpha.getextrema()[0] == 255
    return white, "" if opaque else "Transparent parts were put on white."


def _frozen(pixels: Pixels) -> Pixels:
    own = np.array(pixels, dtype=np.uint8, order="C")
    own.setflags(write=False)
    return own


# --- pixels -> pictures, small files -------------------------------------------------------------


def as_image(pixels: object) -> Image.Image:
    """Return a Pillow picture of uint8 pixels (H, W, 3); ImageError when they are anything else."""
    refusal = "Expected pixels as a uint8 array (height, width, 3); use `decode` to make them."
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise ImageError(refusal)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ImageError(refusal)
    return Image.fromarray(pixels)


def encode_jpeg(pixels: Pixels, quality: int = 88) -> bytes:
    """Return a JPEG of uint8 pixels (H, W, 3) or (H, W); `quality` 1..95."""
    return _encoded(pixels, "JPEG", quality=quality)


def encode_png(pixels: Pixels) -> bytes:
    """Return a lossless PNG of uint8 pixels (H, W, 3), (H, W) or, with alpha, (H, W, 4)."""
    return _encoded(pixels, "PNG")


def _encoded(pixels: Pixels, kind: str, **options: int) -> bytes:
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, kind, **options)
    return file.getvalue()


def thumbnail(pixels: Pixels, side: int) -> Pixels:
    """Return the whole picture, uint8 (h, w, 3), with its long side at most `side` px."""
    image = as_image(pixels)
    size = _capped(image.width, image.height, side)
    return np.array(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


# --- bundled photos ------------------------------------------------------------------------------


def load_samples(folder: Path) -> tuple[Sample, ...]:
    """Read the bundled photos listed in `folder`/samples.json, in that order.

    Raises InputError when the list is missing or damaged, or names a file that is not there.
    """
    try:
        entries = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
        samples = tuple(_sample(folder, entry) for entry in entries)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"The list of sample photos in {folder} cannot be read ({error}); reinstall vgg-viz."
        ) from error
    for sample in samples:
        if not sample.file.is_file():
            raise InputError(f"The sample photo {sample.file} is missing; reinstall vgg-viz.")
    return samples


def _sample(folder: Path, entry: Mapping[str, Any]) -> Sample:
    return Sample(
        name=entry["name"],
        title=entry["title"],
        file=folder / entry["file"],
        classes=tuple(entry["classes"]),
        author=entry["author"],
        licence=entry["licence"],
    )
