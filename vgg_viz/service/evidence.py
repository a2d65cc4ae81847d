"""Reading an evidence bundle of a stranger, and making its maps again.

A bundle is data: names, sizes and digests are checked before anything is used, no pickle is read,
and nothing of it is executed or written to disk.
"""

import hashlib
import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np

from vgg_viz import __version__
from vgg_viz.errors import InputError, VggVizError
from vgg_viz.requests import AttributionRequest, TrustJob
from vgg_viz.results import Float32, Provenance, Trust
from vgg_viz.results.evidence import (
    ARRAYS,
    EVIDENCE_FORMAT,
    EVIDENCE_VERSION,
    MANIFEST,
    PAGE,
    SCRIPT,
    Replay,
    ReplayedMap,
)
from vgg_viz.service.engine import ModelService

MAX_BUNDLE = 64 * 2**20  # bytes of the .zip
MAX_CONTENT = 256 * 2**20  # bytes of all that is in it, unpacked
MAX_FILES = 200
MAX_MANIFEST = 4 * 2**20
# Relative to the bundle's largest magnitude. Another processor or thread count adds up in another
# order; LRP-0 and the like divide by small numbers and make more of it.
TOLERANCE = {"fp32": 1e-3, "bf16": 5e-2}
TRUST_TOLERANCE = 0.02  # of areas, in [0, 1]
NAMED_WEIGHTS = re.compile(r"\w+:(bundled|imagenet|random(-\d+)?)")
PHOTOS = ("photo.png", "photo.webp")
# What zipfile raises for bytes that were changed; its own error is one of many.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # a password, or a kind of compression that is not there
    ValueError,  # a name that is no text
)


@dataclass(frozen=True, eq=False)
class BundledMap:
    """What a bundle says of one map."""

    key: str
    request: AttributionRequest  # its image is "": the photo is in the bundle
    grid: Float32
    complete: bool
    digest: str  # of the weights
    versions: tuple[tuple[str, str], ...]
    device: str
    trust: Mapping[str, Any] | None

    @property
    def network(self) -> str:
        """Such as "vgg16"."""
        return self.request.model.partition(":")[0]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that was read: whole, and in agreement with its own list of files."""

    maps: tuple[BundledMap, ...]
    photo: bytes
    credit: str


def read_bundle(data: bytes) -> Bundle:
    """Read the bytes of a bundle. InputError, with the reason, for what is none or was changed."""
    if len(data) > MAX_BUNDLE:
        raise InputError(_refused(f"has {len(data) / 2**20:.0f} MB, {MAX_BUNDLE >> 20} at most"))
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            files = _unpacked(archive)
    except _DAMAGE as error:
        raise InputError(_refused(f"is damaged, or is no .zip ({error})")) from error
    manifest = _manifest(files)
    _check_digests(files, manifest)
    try:
        return _bundle(files, manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            _refused(f"has settings that cannot be read ({type(error).__name__}: {error})")
        ) from error


def replay(
    service: ModelService,
    bundle: Bundle,
    *,
    models: Sequence[str] = (),
    tolerance: float | None = None,
    trust: bool = False,
) -> Replay:
    """Make every map again, and with `trust` what was measured of it; what fails is a remark.

    Of `models`, the one of a map's network takes the place of the bundle's: weights that were a
    file have another name here.
    """
    image = service.put_image(bundle.photo).id
    here = {model.partition(":")[0]: model for model in models}
    maps = tuple(
        _again(service, each, image, here.get(each.network), tolerance, trust)
        for each in bundle.maps
    )
    return Replay(maps, _other_versions(bundle))


def _again(
    service: ModelService,
    kept: BundledMap,
    image: str,
    model: str | None,
    tolerance: float | None,
    trust: bool,
) -> ReplayedMap:
    request = replace(kept.request, image=image, model=model or kept.request.model)
    allowed = TOLERANCE.get(request.precision, 1e-3) if tolerance is None else tolerance
    title = f"{request.method} at {request.layer}, class {request.target}, {request.model}"
    if not kept.complete:
        remark = "It was stopped before its end, and cannot be stopped at the same place again."
        return ReplayedMap(kept.key, title, None, None, allowed, agrees=False, remarks=(remark,))
    if not NAMED_WEIGHTS.fullmatch(request.model) and model is None:
        # Not even looked for: the name comes from a stranger and could be any path.
        remark = f"Its weights were a file; say which one it is here: --model {kept.network}:FILE"
        return ReplayedMap(kept.key, title, None, None, allowed, agrees=False, remarks=(remark,))
    try:
        found = service.run(request)
    except VggVizError as error:
        return ReplayedMap(
            kept.key, title, None, None, allowed, agrees=False, remarks=(str(error),)
        )
    remarks = _remarks(kept, found.provenance)
    if found.grid.shape != kept.grid.shape:
        wrong = f"The map has {found.grid.shape} values here, {kept.grid.shape} in the bundle."
        return ReplayedMap(
            kept.key, title, None, None, allowed, agrees=False, remarks=(wrong, *remarks)
        )
    difference, relative = differences(kept.grid, found.grid)
    agrees = relative <= allowed
    if trust and kept.trust is not None:
        same, said = _trust_again(service, kept.trust, request)
        agrees, remarks = agrees and same, (*remarks, *said)
    return ReplayedMap(kept.key, title, difference, relative, allowed, agrees, remarks)


def differences(kept: Float32, found: Float32) -> tuple[float, float]:
    """(largest |difference|, the same over the largest magnitude kept); infinite where one of two
    values is no number.
    """
    both = np.isnan(kept) & np.isnan(found)
    with np.errstate(invalid="ignore"):
        apart = np.where(both | (kept == found), 0, np.abs(kept.astype(np.float64) - found))
    largest = float(np.nan_to_num(apart, nan=math.inf).max(initial=0))
    scale = float(np.nan_to_num(np.abs(kept)).max(initial=0))
    return largest, largest / scale if scale > 0 else (0.0 if largest == 0 else math.inf)


def _remarks(kept: BundledMap, here: Provenance) -> tuple[str, ...]:
    remarks = []
    if kept.digest != here.digest:
        remarks.append(f"Other weights: {here.digest[:12]} here, {kept.digest[:12]} in the bundle.")
    if kept.device != here.device:
        remarks.append(f"Computed on {here.device}, in the bundle on {kept.device}.")
    return tuple(remarks)


def _trust_again(
    service: ModelService, kept: Mapping[str, Any], request: AttributionRequest
) -> tuple[bool, tuple[str, ...]]:
    """Whether areas agree, and how far they are apart."""
    if kept["share"] < 1:
        return False, ("What was measured of its trust was stopped before its end.",)
    pointing = kept["pointing"]
    box = None if pointing is None else tuple(float(value) for value in pointing["box"])
    extent = {name: int(value) for name, value in kept["extent"].items()}
    job = TrustJob.of(request, box, **extent)  # type: ignore[arg-type] # checked by the service
    try:
        found: Trust = service.run(job)
    except VggVizError as error:
        return False, (str(error),)
    curves = {each.name: each for each in (found.curves, *found.references) if each is not None}
    apart = max(
        abs(float(areas[kind]) - getattr(curves[name], kind).area)
        for name, areas in kept["areas"].items()
        for kind in ("deletion", "insertion")
    )
    said = f"Areas of its curves: largest difference {apart:.2g}, at most {TRUST_TOLERANCE:g}."
    if found.verdict != kept["verdict"]:
        said += f" Verdict {found.verdict} here, {kept['verdict']} in the bundle."
    return apart <= TRUST_TOLERANCE, (said,)


def _other_versions(bundle: Bundle) -> tuple[tuple[str, str, str], ...]:
    """(name, in the bundle, here) of every version that is another one here."""
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, tuple[str, str, str]] = {}
    for name, kept in (pair for each in bundle.maps for pair in each.versions):
        try:
            here = __version__ if name == "vgg-viz" else version(name)
        except PackageNotFoundError:
            here = "not installed"
        if here.partition("+")[0] != kept.partition("+")[0]:
            found[name] = (name, kept, here)
    return tuple(found.values())


# --- reading -------------------------------------------------------------------------------------


def _refused(why: str) -> str:
    return f"This bundle {why}; make it again, or get it again from where it came."


def _unpacked(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Every file, after names and sizes were looked at; sizes are counted, not believed."""
    entries = archive.infolist()
    if len(entries) > MAX_FILES:
        raise InputError(_refused(f"has {len(entries)} files, {MAX_FILES} at most"))
    files: dict[str, bytes] = {}
    left = MAX_CONTENT
    for entry in entries:
        _check_entry(entry, files)
        with archive.open(entry) as file:
            content = file.read(left + 1)
        left -= len(content)
        if left < 0:
            raise InputError(_refused(f"holds more than {MAX_CONTENT >> 20} MB"))
        files[entry.filename] = content
    return files


def _check_entry(entry: zipfile.ZipInfo, seen: Mapping[str, bytes]) -> None:
    name = entry.filename
    number = name.removeprefix("map_").removesuffix(".png")
    known = name in (MANIFEST, PAGE, ARRAYS, SCRIPT, *PHOTOS) or (
        name == f"map_{number}.png" and number.isascii() and number.isdigit() and len(number) < 4
    )
    if not known:
        raise InputError(_refused(f"holds {name[:80]!r}, which is no part of one"))
    if name in seen:
        raise InputError(_refused(f"holds {name} twice"))
    if entry.flag_bits & 1:
        raise InputError(_refused("is encrypted"))
    if (entry.external_attr >> 16) & 0o170000 == 0o120000:
        raise InputError(_refused(f"holds a link, {name}"))


def _manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    data = files.get(MANIFEST)
    if data is None:
        raise InputError(_refused(f"has no {MANIFEST}, so it is no evidence of vgg-viz"))
    if len(data) > MAX_MANIFEST:
        raise InputError(_refused(f"has a {MANIFEST} of {len(data) >> 20} MB"))
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(_refused(f"has a {MANIFEST} that cannot be read ({error})")) from error
    if not isinstance(manifest, dict) or manifest.get("format") != EVIDENCE_FORMAT:
        raise InputError(_refused("is no evidence of vgg-viz"))
    if manifest.get("version") != EVIDENCE_VERSION:
        raise InputError(
            f"This bundle has version {manifest.get('version')!r} and this program reads "
            f"{EVIDENCE_VERSION}; use the program that made it, or a newer one."
        )
    return manifest


def _check_digests(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    """Every file is as the list says, none is missing, none was added."""
    listed = manifest.get("files")
    if not isinstance(listed, dict):
        raise InputError(_refused("has no list of its files"))
    there = set(files) - {MANIFEST}
    if missing := sorted(set(listed) - there):
        raise InputError(_refused(f"lacks {', '.join(map(str, missing))[:200]}"))
    if added := sorted(there - set(listed)):
        raise InputError(_refused(f"holds files that its list does not name: {', '.join(added)}"))
    for name in there:
        if hashlib.sha256(files[name]).hexdigest() != listed[name]:
            raise InputError(_refused(f"was changed: {name} is not what it was when it was made"))


def _bundle(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Bundle:
    photo = str(manifest["photo"]["file"])
    if photo not in PHOTOS or photo not in files:
        raise ValueError("no photo")
    described = manifest["maps"]
    if not isinstance(described, list) or not described:
        raise ValueError("no maps")
    arrays = _arrays(files[ARRAYS], [str(each["key"]) for each in described])
    maps = tuple(_map(each, arrays[str(each["key"])]) for each in described)
    return Bundle(maps, files[photo], str(manifest["photo"]["credit"]))


def _map(described: Mapping[str, Any], grid: Float32) -> BundledMap:
    asked, made = described["request"], described["provenance"]
    versus = asked["versus"]
    request = AttributionRequest(
        model=str(asked["model"]),
        image="",
        layer=str(asked["layer"]),
        target=int(asked["target"]),
        method=str(asked["method"]),
        precision="bf16" if asked["precision"] == "bf16" else "fp32",
        versus=None if versus is None else int(versus),
        parameters=tuple((str(name), _value(value)) for name, value in asked["parameters"]),
        seed=int(asked["seed"]),
    )
    if list(grid.shape) != list(described["shape"]):
        raise ValueError(f"a map of {grid.shape} values where {described['shape']} is said")
    return BundledMap(
        key=str(described["key"]),
        request=request,
        grid=grid,
        complete=int(described["done"]) >= int(described["total"]),
        digest=str(made["digest"]),
        versions=tuple((str(name), str(text)) for name, text in made["versions"].items()),
        device=str(made["device"]),
        trust=described["trust"],
    )


def _value(value: object) -> float | int | str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"a parameter cannot be {value!r}")
    return value


def _arrays(data: bytes, keys: list[str]) -> dict[str, Float32]:
    """The maps called `keys`, float32 (h, w); an array of Python objects is never unpickled."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as inner:
            entries = inner.infolist()
            if len(entries) > 100 * MAX_FILES or sum(e.file_size for e in entries) > MAX_CONTENT:
                raise InputError(_refused(f"holds too much in {ARRAYS}"))
            return {key: _array(inner, key) for key in keys}
    except _DAMAGE as error:
        raise InputError(_refused(f"has a {ARRAYS} that is damaged ({error})")) from error


def _array(inner: zipfile.ZipFile, key: str) -> Float32:
    with inner.open(f"{key}.npy") as file:
        content = file.read(MAX_CONTENT + 1)
    try:
        array = np.lib.format.read_array(BytesIO(content), allow_pickle=False, max_header_size=1000)
    except ValueError as error:
        raise InputError(_refused(f"has numbers that are refused: {error}")) from error
    if array.dtype != np.float32 or array.ndim != 2 or not array.size:
        raise InputError(_refused(f"has a map of {array.dtype} {array.shape}"))
    array.flags.writeable = False
    return array
