"""An evidence bundle: one .zip with a page that opens alone, raw maps, and how to redo them.

    evidence.html    everything to read, pictures inside; no scripts, nothing fetched
    map_1.png ...    each map over what its network saw
    maps.npz         raw, signed maps and curves, float32; no pickles
    photo.png        the photo, lossless, so that the maps can be made again
    manifest.json    settings, versions, digests; the SHA-256 of every other file
    again.py         the exact Python

The same results give the same bytes. `vgg-viz replay` reads it (vgg_viz.service.evidence).
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from vgg_viz.figures.evidence_page import evidence_page
from vgg_viz.figures.overlay import overlay_png
from vgg_viz.results import Attribution, MapCurves, MapEvidence, Picture, Trust
from vgg_viz.results.evidence import (
    ARRAYS,
    EVIDENCE_FORMAT,
    EVIDENCE_VERSION,
    MANIFEST,
    PAGE,
    SCRIPT,
)

PNG_LIMIT = 9 * 2**20  # bytes; larger photos go as lossless WebP, within what can be read again
CASCADE_BYTES = 24 * 2**20  # of all maps with random weights; a bundle of more leaves them out
NO_CASCADES = "The maps with random weights are too many for this bundle; their numbers are in it."
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's earliest date: the same evidence is the same file


def evidence_zip(
    maps: Sequence[MapEvidence], photo: Picture, credit: str, *, titles: Mapping[str, str]
) -> bytes:
    """The bundle of `maps`. `photo` is the whole photo (PictureRequest(image, size=2048)), `credit`
    its title, author and licence, `titles` the methods' (MethodInfo.title by name).
    """
    keys = [f"map_{number}" for number in range(1, len(maps) + 1)]
    pictures = {
        f"{key}.png": overlay_png(
            each.picture,
            each.attribution,
            map_caption(each.attribution, titles, credit),
            limit=each.limit,
        )
        for key, each in zip(keys, maps, strict=True)
    }
    name, image = _photo(photo)
    files: dict[str, bytes] = {
        ARRAYS: _arrays(dict(zip(keys, maps, strict=True))),
        name: image,
        SCRIPT: _script(maps, keys, name).encode(),
        **pictures,
    }
    described = [_described(key, each) for key, each in zip(keys, maps, strict=True)]
    if not _with_cascades(maps):
        for each in described:
            each["notes"].append(NO_CASCADES)
    page = evidence_page(maps, list(pictures.values()), credit, titles, _script(maps, keys, name))
    files[PAGE] = page
    manifest = {
        "format": EVIDENCE_FORMAT,
        "version": EVIDENCE_VERSION,
        "photo": {"file": name, "credit": credit},
        "maps": described,
        "files": {file: hashlib.sha256(data).hexdigest() for file, data in sorted(files.items())},
    }
    files[MANIFEST] = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
    return _zipped(files)


def map_caption(found: Attribution, titles: Mapping[str, str], credit: str) -> str:
    """What a map is, for the picture: method, class, score, layer, upsampling, weights, photo."""
    rows, columns = found.grid.shape
    score = f"class {found.target}, logit {found.score:.3f}"
    wanted = found.target_name
    if found.versus is not None:
        wanted += f" and not {found.versus_name}"
        score = f"classes {found.target} and {found.versus}, difference {found.score:.3f}"
    made = found.provenance
    unfinished = "" if found.complete else f"\nStopped after {found.done} of {found.total} steps"
    return (
        f"{titles.get(found.method, found.method)} for {wanted} ({score}) at {found.layer}, "
        f"{rows} x {columns}, upsampled {found.upsampling}{unfinished}\n"
        f"{made.model}, {made.weights}, {made.precision} on {made.device}\nPhoto: {credit}"
    )


def _described(key: str, each: MapEvidence) -> dict[str, Any]:
    found = each.attribution
    made = found.provenance
    return {
        "key": key,
        "picture": f"{key}.png",
        "request": {
            "model": made.model,
            "layer": found.layer,
            "target": found.target,
            "method": found.method,
            "precision": made.precision,
            "versus": found.versus,
            "parameters": [list(pair) for pair in found.parameters],
            "seed": found.seed,
        },
        "shape": list(found.grid.shape),
        "target_name": found.target_name,
        "versus_name": found.versus_name,
        "score": found.score,
        "upsampling": found.upsampling,
        "normalisation": {
            "photo": found.normalisation,
            "map": "none: raw values; drawn over the largest magnitude drawn"
            if each.limit is None
            else f"none: raw values; drawn up to {each.limit:.6g}, shared with other maps",
            "drawn_limit": each.limit,
            "positive_only_drawn": found.relu,
        },
        "done": found.done,
        "total": found.total,
        "seconds": found.seconds,
        "checks": dict(found.checks),
        "notes": list(found.notes),
        "provenance": {**asdict(made), "versions": dict(made.versions)},
        "trust": None if each.trust is None else _trust(each.trust),
    }


def _trust(found: Trust) -> dict[str, Any]:
    curves = [*([found.curves] if found.curves else []), *found.references]
    return {
        "verdict": found.verdict,
        "share": found.share,
        "findings": [asdict(each) for each in found.findings],
        "extent": dict(found.extent),
        "probability": found.probability,
        "areas": {
            each.name: {"deletion": each.deletion.area, "insertion": each.insertion.area}
            for each in curves
        },
        "drop": found.drop,
        "randomised": [
            {
                "layer": row.layer,
                "layers": row.layers,
                "rank": row.rank,
                "absolute_rank": row.absolute_rank,
                "ssim": row.ssim,
            }
            for row in found.randomised
        ],
        "seeds": None if found.seeds is None else asdict(found.seeds),
        "pointing": None if found.pointing is None else asdict(found.pointing),
        "protocol": list(found.protocol),
    }


def _arrays(maps: Mapping[str, MapEvidence]) -> bytes:
    """Readable by `numpy.load` without pickle."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    cascades = _with_cascades(list(maps.values()))
    for key, each in maps.items():
        arrays[key] = each.attribution.grid
        if each.trust is None:
            continue
        curves = [*([each.trust.curves] if each.trust.curves else []), *each.trust.references]
        for one in curves:
            arrays.update(_curve_arrays(f"{key}_{one.name}", one))
        for row in each.trust.randomised if cascades else ():
            arrays[f"{key}_random_{row.layers}"] = row.grid
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:  # np.savez writes the time
        for name, array in arrays.items():
            data = BytesIO()
            np.lib.format.write_array(data, np.asarray(array, np.float32), allow_pickle=False)
            archive.writestr(_entry(f"{name}.npy"), data.getvalue())
    return out.getvalue()


def _with_cascades(maps: Sequence[MapEvidence]) -> bool:
    """Whether there is room for the maps with random weights: noise, which no zip makes smaller."""
    rows = [row for each in maps if each.trust is not None for row in each.trust.randomised]
    return sum(row.grid.nbytes for row in rows) <= CASCADE_BYTES


def _curve_arrays(name: str, curves: MapCurves) -> dict[str, np.ndarray[Any, Any]]:
    return {
        f"{name}_fractions": curves.deletion.fractions,
        f"{name}_deletion": curves.deletion.scores,
        f"{name}_insertion": curves.insertion.scores,
    }


def _photo(photo: Picture) -> tuple[str, bytes]:
    image, out = Image.fromarray(photo.pixels), BytesIO()
    image.save(out, "PNG")
    if len(out.getvalue()) <= PNG_LIMIT:
        return "photo.png", out.getvalue()
    out = BytesIO()
    image.save(out, "WEBP", lossless=True, quality=50, method=2)
    return "photo.webp", out.getvalue()


def _script(maps: Sequence[MapEvidence], keys: Sequence[str], photo: str) -> str:
    """Python that makes every map again and says how far it is from the kept one."""
    lines = [
        '"""Make the maps of this bundle again. Run it where the bundle was unpacked."""',
        "",
        "import numpy as np",
        "",
        "from vgg_viz import api",
        "from vgg_viz.service.local import LocalService",
        "",
        f'kept = np.load("{ARRAYS}", allow_pickle=False)',
        "with LocalService(allow_paths=True) as service:",
    ]
    for key, each in zip(keys, maps, strict=True):
        found = each.attribution
        lines += [
            f"    {key} = api.cam(",
            f'        "{photo}",',
            f"        {found.provenance.model!r},",
            f"        {found.layer!r},",
            f"        method={found.method!r},",
            f"        target={found.target},  # {found.target_name!r}",
            *([] if found.versus is None else [f"        versus={found.versus},"]),
            f"        parameters={found.parameters!r},",
            f"        seed={found.seed},",
            f"        precision={found.provenance.precision!r},",
            "        service=service,",
            "    )",
            f'    print("{key}: largest difference", abs({key}.grid - kept["{key}"]).max())',
        ]
    return "\n".join(lines) + "\n"


def _zipped(files: Mapping[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in [PAGE, *sorted(name for name in files if name != PAGE)]:
            archive.writestr(_entry(name), files[name])
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
