"""Evidence bundles: what is inside, that they can be made again, and what is refused."""

import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from vgg_viz import figures
from vgg_viz.errors import InputError
from vgg_viz.figures import evidence as figures_evidence
from vgg_viz.figures import evidence_zip
from vgg_viz.requests import AttributionRequest, PictureRequest, TrustJob
from vgg_viz.results import MapEvidence, Picture
from vgg_viz.service import evidence as module
from vgg_viz.service.evidence import differences, read_bundle, replay

TITLES = {"grad_cam": "Grad-CAM", "lrp": "LRP"}
CREDIT = 'A "cat" & <b>more</b>, CC0'


@pytest.fixture(scope="module")
def maps(service):
    requests = (
        AttributionRequest("vgg16", "cat", target=3, versus=1),
        AttributionRequest("zfnet_b", "cat", method="lrp", parameters=(("gamma", 0.5),)),
    )
    found = []
    for request in requests:
        attribution = service.run(request)
        picture = service.run(PictureRequest("cat", attribution.provenance.model))
        found.append(MapEvidence(attribution, picture))
    job = TrustJob.of(requests[0], (0.1, 0.1, 0.6, 0.7), points=4, random_maps=1, seeds=2)
    return [replace(found[0], trust=service.run(job)), found[1]]


@pytest.fixture(scope="module")
def photo(service):
    return service.run(PictureRequest("cat", None, 2048))


@pytest.fixture(scope="module")
def bundle(maps, photo):
    return evidence_zip(maps, photo, CREDIT, titles=TITLES)


def files_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files, **entry):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            for key, value in entry.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return out.getvalue()


def listed(files, change=None):
    """The same files with a list that fits them, its manifest changed by `change`."""
    manifest = json.loads(files["manifest.json"])
    if change is not None:
        change(manifest)
    manifest["files"] = {
        name: hashlib.sha256(data).hexdigest()
        for name, data in files.items()
        if name != "manifest.json"
    }
    return zipped({**files, "manifest.json": json.dumps(manifest).encode()})


# --- what is inside ------------------------------------------------------------------------------


def test_a_bundle_holds_what_made_the_maps(bundle, maps, photo):
    files = files_of(bundle)
    assert next(iter(files)) == "evidence.html"
    assert set(files) == {
        "evidence.html",
        "manifest.json",
        "maps.npz",
        "again.py",
        "photo.png",
        "map_1.png",
        "map_2.png",
    }
    manifest = json.loads(files["manifest.json"])
    first = manifest["maps"][0]
    made = maps[0].attribution.provenance
    assert first["provenance"]["digest"] == made.digest
    assert first["provenance"]["versions"] == dict(made.versions)
    assert first["request"] == {
        "model": "vgg16:bundled",
        "layer": "conv5_3",
        "target": 3,
        "method": "grad_cam",
        "precision": "fp32",
        "versus": 1,
        "parameters": [],
        "seed": 0,
    }
    assert "align_corners=False" in first["upsampling"]
    assert "minus mean" in first["normalisation"]["photo"]
    assert first["trust"]["verdict"] == maps[0].trust.verdict
    assert first["trust"]["extent"] == {"points": 4, "random_maps": 1, "seeds": 2}
    assert manifest["maps"][1]["trust"] is None
    with np.load(io.BytesIO(files["maps.npz"]), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["map_1"], maps[0].attribution.grid)
        np.testing.assert_array_equal(
            arrays["map_1_map_deletion"], maps[0].trust.curves.deletion.scores
        )
        assert arrays["map_1_random_16"].shape == maps[0].attribution.grid.shape
    from PIL import Image

    np.testing.assert_array_equal(Image.open(io.BytesIO(files["photo.png"])), photo.pixels)


def test_the_same_evidence_is_the_same_file(bundle, maps, photo):
    assert evidence_zip(maps, photo, CREDIT, titles=TITLES) == bundle


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.sources, self.tags, self.alts, self.ids = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        self.sources += [found[key] for key in ("src", "href") if key in found]
        self.ids += [found["id"]] if "id" in found else []
        if tag == "img":
            self.alts.append(found.get("alt", ""))


def test_the_page_opens_alone(bundle):
    page = files_of(bundle)["evidence.html"].decode()
    links = Links()
    links.feed(page)
    inside = [source for source in links.sources if source.startswith("#")]
    assert inside == [f"#{name}" for name in links.ids] == ["#map_1", "#map_2"]
    pictures = [source for source in links.sources if source not in inside]
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    assert len(pictures) == 2
    assert all(links.alts)
    assert "script" not in links.tags
    assert "b" not in links.tags, "text is escaped"
    assert "http" not in page
    for words in ("Grad-CAM", "deletion area", "SHA-256", "align_corners=False", "api.cam("):
        assert words in page


def test_the_overview_tells_every_verdict_and_the_scale_that_was_drawn(maps, photo, monkeypatch):
    first, second = maps
    shared = [replace(first, limit=0.25), replace(second, limit=0.25)]
    files = files_of(evidence_zip(shared, photo, CREDIT, titles=TITLES))
    page = files["evidence.html"].decode()
    overview = page[: page.index('id="map_1"')]
    assert "2 maps" in overview
    assert "not measured" in overview
    assert figures.strip_words(first.trust) in overview
    assert f"<td>{first.trust.curves.deletion.area:.2f}</td>" in overview
    assert "Drawn up to 0.25, shared" in page
    for described in json.loads(files["manifest.json"])["maps"]:
        assert described["normalisation"]["drawn_limit"] == 0.25
    # Noise makes a zip no smaller: above a limit the maps with random weights stay out of it.
    monkeypatch.setattr(figures_evidence, "CASCADE_BYTES", 0)
    files = files_of(evidence_zip(maps, photo, CREDIT, titles=TITLES))
    with np.load(io.BytesIO(files["maps.npz"]), allow_pickle=False) as arrays:
        assert not [name for name in arrays if "random_1" in name]
        assert "map_1_random_deletion" in arrays
    assert "too many for this bundle" in json.loads(files["manifest.json"])["maps"][0]["notes"][-1]


def test_its_python_makes_the_maps_again(bundle, tmp_path, service):
    for name, data in files_of(bundle).items():
        (tmp_path / name).write_bytes(data)
    run = subprocess.run(
        [sys.executable, "again.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    apart = [float(number) for number in re.findall(r"difference (\S+)", run.stdout)]
    assert len(apart) == 2
    assert max(apart) < 1e-5


def test_a_photo_too_large_for_png_goes_as_lossless_webp(maps, monkeypatch):
    from vgg_viz.figures import evidence as writer

    monkeypatch.setattr(writer, "PNG_LIMIT", 10)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 3), dtype=np.uint8)
    data = evidence_zip(maps[1:], Picture(pixels, b"", ()), "", titles=TITLES)
    from PIL import Image

    found = np.asarray(Image.open(io.BytesIO(files_of(data)["photo.webp"])).convert("RGB"))
    np.testing.assert_array_equal(found, pixels)
    assert read_bundle(data).photo == files_of(data)["photo.webp"]


# --- made again ----------------------------------------------------------------------------------


def test_what_is_made_again_agrees(bundle, service):
    found = replay(service, read_bundle(bundle), trust=True)
    assert found.agrees
    assert found.versions == ()
    assert [each.relative for each in found.maps] == [0, 0]
    assert "Areas of its curves" in found.maps[0].remarks[0]


def test_other_numbers_do_not_agree(bundle, service):
    files = files_of(bundle)
    with np.load(io.BytesIO(files["maps.npz"])) as arrays:
        changed = {name: arrays[name] for name in arrays.files}
    changed["map_2"] = changed["map_2"].copy()
    largest = np.abs(changed["map_2"]).max()
    changed["map_2"][0, 0] += 0.5 * largest
    out = io.BytesIO()
    np.savez(out, **changed)
    forged = listed({**files, "maps.npz": out.getvalue()})
    found = replay(service, read_bundle(forged))
    assert not found.agrees
    assert [each.agrees for each in found.maps] == [True, False]
    assert found.maps[1].difference == pytest.approx(0.5 * largest, rel=1e-5)
    assert 0.3 < found.maps[1].relative <= 0.5
    assert replay(service, read_bundle(forged), tolerance=0.6).agrees


def test_what_cannot_be_made_again_is_a_remark(bundle, service):
    def stopped(manifest):
        manifest["maps"][0]["total"] = 9
        manifest["maps"][1]["request"]["model"] = "zfnet_b:/etc/passwd"

    found = replay(service, read_bundle(listed(files_of(bundle), stopped)))
    assert not found.agrees
    assert "stopped" in found.maps[0].remarks[0]
    assert "--model zfnet_b:FILE" in found.maps[1].remarks[0]
    assert found.maps[0].difference is None

    def other(manifest):
        manifest["maps"][0]["request"]["method"] = "magic"
        manifest["maps"][1]["provenance"] |= {"digest": "f" * 64, "device": "cuda:0"}
        manifest["maps"][1]["provenance"]["versions"]["torch"] = "1.0"

    found = replay(service, read_bundle(listed(files_of(bundle), other)))
    assert "magic" in found.maps[0].remarks[0]
    assert "Other weights" in found.maps[1].remarks[0]
    assert "cuda:0" in found.maps[1].remarks[1]
    assert found.maps[1].agrees, "the numbers decide"
    assert [(name, kept) for name, kept, _ in found.versions] == [("torch", "1.0")]


def test_differences_by_hand():
    kept = np.array([[1.0, -4.0], [np.nan, 0.0]], np.float32)
    found = np.array([[1.5, -4.0], [np.nan, 0.0]], np.float32)
    assert differences(kept, found) == (0.5, 0.125)
    assert differences(kept, np.nan_to_num(found))[1] == np.inf
    assert differences(kept * 0 + 0, kept * 0) == (0, 0)
    zeros = np.zeros((2, 2), np.float32)
    assert differences(zeros, zeros) == (0, 0)
    assert differences(zeros, zeros + 1) == (1, np.inf)


# --- what is refused -----------------------------------------------------------------------------


def bad(files):
    """(bytes, words of the refusal) of bundles that were changed or are none."""
    manifest = files["manifest.json"]
    without = {name: data for name, data in files.items() if name != "maps.npz"}
    yield b"", "no .zip"
    yield b"PK\x03\x04 and more", "no .zip"
    yield zipped({"a.txt": b"x"}), "no part of one"
    yield zipped({"../manifest.json": manifest}), "no part of one"
    yield zipped({"/etc/passwd": b""}), "no part of one"
    yield zipped({"map_1.png/../../x": b""}), "no part of one"
    yield zipped({"evidence.html": b""}), "no manifest.json"
    yield zipped({"manifest.json": b"{"}), "cannot be read"
    yield zipped({"manifest.json": b"[" * 100_000}), "cannot be read"
    yield zipped({"manifest.json": b"[]"}), "no evidence"
    yield zipped({"manifest.json": json.dumps({"format": "other"}).encode()}), "no evidence"
    yield zipped({**files, "map_1.png": files["map_2.png"]}), "map_1.png is not what it was"
    yield zipped({**files, "again.py": b"import os"}), "again.py is not what it was"
    yield zipped({**files, "map_9.png": b""}), "does not name"
    yield zipped(without), "lacks maps.npz"
    yield zipped(files, external_attr=0o120777 << 16), "a link"
    yield listed({**files, "maps.npz": b"no archive"}), "maps.npz that is damaged"
    yield listed(files, lambda m: m.update(maps=[])), "cannot be read"
    yield listed(files, lambda m: m["maps"][0].pop("request")), "cannot be read"
    yield listed(files, lambda m: m["maps"][0].update(shape=[1, 2])), "cannot be read"
    yield listed(files, lambda m: m["maps"][0]["request"].update(parameters=5)), "cannot be read"
    yield listed(files, lambda m: m["photo"].update(file="again.py")), "cannot be read"
    yield listed(files, lambda m: m["maps"][0].update(key="map_7")), "cannot be read"


def test_what_is_no_bundle_is_refused_with_the_reason(bundle):
    count = 0
    for data, words in bad(files_of(bundle)):
        with pytest.raises(InputError, match=re.escape(words)):
            read_bundle(data)
        count += 1
    assert count > 20
    assert read_bundle(listed(files_of(bundle))).maps, "the untouched one is read"


def test_a_newer_version_is_told():
    data = zipped({"manifest.json": b'{"format": "vgg-viz evidence", "version": 2}'})
    with pytest.raises(InputError, match="newer"):
        read_bundle(data)


def test_twice_the_same_name_is_refused(bundle):
    out = io.BytesIO(bundle)
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("again.py", b"import os")
    with pytest.raises(InputError, match="twice"):
        read_bundle(out.getvalue())


def test_damage_is_no_stack_trace(bundle):
    random = np.random.default_rng(0)
    for _ in range(40):
        data = bytearray(bundle)
        for at in random.integers(0, len(data), 8):
            data[at] ^= int(random.integers(1, 256))
        try:
            read_bundle(bytes(data))
        except InputError:
            continue
    for end in (10, len(bundle) // 2, len(bundle) - 5):
        with pytest.raises(InputError):
            read_bundle(bundle[:end])


def test_pickles_are_never_opened(bundle, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    out = io.BytesIO()
    np.savez(out, map_1=np.array([[Trap()]], dtype=object), map_2=np.zeros((2, 2), np.float32))
    with pytest.raises(InputError, match="refused"):
        read_bundle(listed({**files_of(bundle), "maps.npz": out.getvalue()}))
    assert not (tmp_path / "sprung").exists()


def test_bombs_are_refused_before_they_fill_the_memory(bundle, monkeypatch):
    monkeypatch.setattr(module, "MAX_CONTENT", 2**20)
    files = {"manifest.json": b"{}", "map_1.png": bytes(2 * 2**20)}
    with pytest.raises(InputError, match="more than 1 MB"):
        read_bundle(zipped(files))
    monkeypatch.setattr(module, "MAX_BUNDLE", 1000)
    with pytest.raises(InputError, match="at most"):
        read_bundle(bundle)
    monkeypatch.undo()
    monkeypatch.setattr(module, "MAX_FILES", 3)
    with pytest.raises(InputError, match="3 at most"):
        read_bundle(bundle)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2)), np.zeros((3,), np.float32), np.zeros((0, 3), np.float32)]
)
def test_only_maps_of_single_precision(bundle, array):
    out = io.BytesIO()
    np.savez(out, map_1=array, map_2=array)
    with pytest.raises(InputError, match="has a map of"):
        read_bundle(listed({**files_of(bundle), "maps.npz": out.getvalue()}))


# --- the commands --------------------------------------------------------------------------------


def test_a_bundle_from_the_command_line_and_back(vgg, assets, tmp_path):
    out = tmp_path / "cat.zip"
    words = ("--model", "vgg16", "--model", "zfnet_b", "--method", "grad-cam", "--method", "lrp")
    code, said, _ = vgg("evidence", "cat", *words, "--param", "preset=epsilon", "-o", out)
    assert code == 0, said
    assert said.count("vgg16:bundled") == 2
    found = read_bundle(out.read_bytes())
    assert len(found.maps) == 4
    assert dict(found.maps[1].request.parameters)["preset"] == "epsilon"
    assert found.maps[0].request.parameters == ()
    code, said, _ = vgg("replay", out, "--format", "json")
    assert code == 0
    told = json.loads(said)
    assert told["agrees"]
    assert len(told["maps"]) == 4


def test_a_bundle_that_does_not_agree_is_exit_code_1(vgg, assets, tmp_path, bundle):
    files = files_of(bundle)

    def other_class(manifest):
        manifest["maps"][0]["request"]["target"] = 5

    (tmp_path / "b.zip").write_bytes(listed(files, other_class))
    code, said, _ = vgg("replay", tmp_path / "b.zip")
    assert code == 1
    assert "Not every map agrees" in said
    assert " NO" in said


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("evidence", "cat", "--method", "magic"), "magic"),
        (("evidence", "cat", "--param", "gamma=1"), "gamma"),
        (("evidence", "cat", "--param", "gamma"), "NAME=VALUE"),
        (("evidence", "cat", "--box", "1,2,3"), "no box"),
        (("evidence", "cat", "--box", "0.5,0,0.1,1"), "x0 < x1"),
        (("evidence", "cat", "-o", "e.html"), ".zip"),
        (("replay", "nowhere.zip"), "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2(vgg, assets, words, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = vgg(*words)
    assert code == 2
    assert reason in err
    assert "Traceback" not in err
