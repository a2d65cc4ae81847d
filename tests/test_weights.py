"""Names of models, and loading what they name: bundled, published, random, by file."""

import gc
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib import resources

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torchvision.models import get_model_weights
from torchvision.transforms import InterpolationMode

from file_server import serve
from tests.tiny import logits
from tiny import CLASSES, tiny_config, tiny_image, tiny_network
from vgg_viz.errors import (
    CheckpointError,
    InputError,
    UnknownNameError,
    VggVizError,
    WeightsUnavailableError,
)
from vgg_viz.models import registry, weights
from vgg_viz.models.configs import NETWORKS, build
from vgg_viz.models.fetch import RemoteFile, fetch
from vgg_viz.models.keymaps import from_paper_names
from vgg_viz.models.networks import build_network
from vgg_viz.models.registry import (
    PUBLISHED,
    ModelName,
    assets_folder,
    bundled_cards,
    class_names,
    imagenet_available,
    parse_model_name,
    published,
)
from vgg_viz.models.weights import inspect_file, load_model, parameters_digest
from vgg_viz.preprocessing import IMAGENET
from vgg_viz.training.bundle import evaluation_of, save_bundle
from vgg_viz.training.data import PhotoSet
from vgg_viz.training.recipes import Recipe

NAMES = tuple(f"thing {i}" for i in range(CLASSES))


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test sees this machine's caches; bundles are looked for in an empty folder."""
    monkeypatch.setenv("VGG_VIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assets = tmp_path / "assets"
    assets.mkdir()
    shutil.copy(assets_folder() / "imagenet_classes.json", assets)
    monkeypatch.setenv("VGG_VIZ_ASSETS", str(assets))
    yield
    gc.collect()


@pytest.fixture
def served(tmp_path):
    behaviour, stop = serve(tmp_path / "www")
    yield behaviour
    stop()


def bundle(name, folder):
    """A bundle as the training writes it, of a tiny network."""
    config = tiny_config(name)
    recipe = Recipe(name, 1 / 16, 1, 0.01, sizes=(config.input_size,))
    photos = PhotoSet(torch.zeros(CLASSES, 3, 8, 8), torch.arange(CLASSES), NAMES)
    evaluation = evaluation_of(torch.eye(CLASSES, dtype=torch.int64), NAMES)
    return save_bundle(tiny_network(name), recipe, photos, evaluation, [], folder)


@pytest.fixture
def bundles():
    return assets_folder() / "weights"


def half(state):
    return {k: t.half().float() if t.is_floating_point() else t for k, t in state.items()}


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("vgg16:bundled", ModelName("vgg16", "bundled")),
        ("vgg16:imagenet", ModelName("vgg16", "imagenet")),
        ("vgg16:random", ModelName("vgg16", "random")),
        ("vgg16:random-0", ModelName("vgg16", "random")),
        ("vgg16:random-7", ModelName("vgg16", "random", "7")),
        (" zfnet_b:file-1a2b3c4d ", ModelName("zfnet_b", "file", "1a2b3c4d")),
        ("vgg16:/home/me/a:b.safetensors", ModelName("vgg16", "path", "/home/me/a:b.safetensors")),
        ("vgg16:C:\\models\\mine", ModelName("vgg16", "path", "C:\\models\\mine")),
        ("vgg16:mine.PTH", ModelName("vgg16", "path", "mine.PTH")),
        ("vgg16", ModelName("vgg16", "bundled")),
        ("vgg19", ModelName("vgg19", "random")),
        ("vgg19:", ModelName("vgg19", "random")),
    ],
)
def test_names_are_read(text, name):
    assert parse_model_name(text, bundled=["vgg16"]) == name


@given(
    network=st.sampled_from(sorted(NETWORKS)),
    rest=st.sampled_from(["bundled", "imagenet", "random", "file-00ff00ff", "/x/y:z.pth", "a.pt"])
    | st.integers(0, 10**17).map("random-{}".format),
)
def test_names_are_written_as_they_are_read(network, rest):
    name = parse_model_name(f"{network}:{rest}", bundled=())
    assert parse_model_name(str(name), bundled=()) == name


@pytest.mark.parametrize("text", ["vgg17", "", ":", "vgg17:bundled", "../vgg16", "VGG16"])
def test_unknown_networks_are_refused(text):
    with pytest.raises(UnknownNameError, match="Unknown network"):
        parse_model_name(text)


@pytest.mark.parametrize(
    "text",
    ["vgg16:bundle", "vgg16:random-x", "vgg16:random--1", "vgg16:file-123", "vgg16:file-1A2B3C4D"],
)
def test_unknown_weights_are_refused_with_choices(text):
    with pytest.raises(UnknownNameError, match="bundled, imagenet, random"):
        parse_model_name(text)


def test_a_network_alone_means_its_bundle_as_soon_as_there_is_one(bundles):
    assert parse_model_name("vgg11").weights == "random"
    bundle("vgg11", bundles)
    assert parse_model_name("vgg11").weights == "bundled"


def test_reading_names_and_cards_needs_no_torch(bundles):
    bundle("vgg11", bundles)
    program = """
import sys
from vgg_viz.models.registry import *
import vgg_viz.models.fetch, vgg_viz.models.keymaps
assert parse_model_name("vgg11").weights == "bundled"
assert not imagenet_available("vgg16") and len(class_names()) == 1000
sys.exit(", ".join({"torch", "torchvision", "pytorchcv", "httpx"} & set(sys.modules)) or None)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


# --- data ----------------------------------------------------------------------------------------


def test_imagenets_classes_are_torchvisions():
    categories = get_model_weights("vgg16").DEFAULT.meta["categories"]
    assert list(class_names()) == categories


def test_the_assets_lie_beside_the_package_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("VGG_VIZ_ASSETS")
    assert (assets_folder() / "imagenet_classes.json").is_file()


@pytest.mark.parametrize("name", [n for n, e in PUBLISHED.items() if "torchvision" in e.publisher])
def test_published_files_are_torchvisions(name):
    entry, theirs = PUBLISHED[name], get_model_weights(name).IMAGENET1K_V1
    assert entry.file.url == theirs.url
    assert entry.file.filename == theirs.url.rpartition("/")[2]
    assert entry.file.filename.removesuffix(".pth").endswith(f"-{entry.file.digest}")
    assert entry.file.digest_kind == "sha256-prefix"
    assert entry.file.bytes == round(theirs.meta["_file_size"] * 2**20)
    assert entry.file.bytes == pytest.approx(4 * theirs.meta["num_params"], rel=0.001)
    assert entry.top1 == pytest.approx(theirs.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100)
    transforms = theirs.transforms()
    assert (transforms.resize_size, transforms.crop_size) == ([256], [224])
    assert (tuple(transforms.mean), tuple(transforms.std)) == (IMAGENET.mean, IMAGENET.std)
    assert transforms.interpolation == InterpolationMode.BILINEAR


@pytest.mark.parametrize(("name", "theirs"), [("zfnet_a", "zfnet"), ("zfnet_b", "zfnetb")])
def test_published_files_are_pytorchcvs(name, theirs):
    table = resources.files("pytorchcv") / "models/common/model_metainfos.csv"
    rows = [line.replace('"', "").split(",") for line in table.read_text().splitlines()]
    row = dict(zip(rows[0], next(row for row in rows if row[0] == theirs), strict=True))
    source = PUBLISHED[name].file
    filename = f"{theirs}-{row['error_value']}-{row['checksum'][:8]}.pth"
    assert source.filename == filename
    assert source.url == (
        "https://github.com/osmr/imgclsmob/releases/download/"
        f"{row['repo_release_tag']}/{filename}.zip"
    )
    assert (source.digest_kind, source.digest) == ("sha1", row["checksum"])
    assert source.bytes == 4 * int(row["net_weights"])
    assert source.packed
    # Its preprocessing: 224 px out of 224 / 0.875 = 256 px.
    assert (int(row["img_size"]), int(row["img_size"]) / float(row["img_scale"])) == (
        IMAGENET.crop,
        IMAGENET.resize,
    )


def test_networks_that_nobody_publishes_are_named():
    assert NETWORKS.keys() - PUBLISHED.keys() == {"vgg11_lrn", "vgg13_5x5", "vgg16_c"}
    with pytest.raises(UnknownNameError, match="vgg16"):
        published("vgg16_c")
    assert not imagenet_available("vgg16_c")


# --- bundled -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg16_bn", "vgg11", "zfnet_b"])
def test_a_bundle_loads_as_it_was_measured(name, bundles):
    bundle(name, bundles)
    loaded = load_model(parse_model_name(name))
    card = bundled_cards()[name]
    assert loaded.name == ModelName(name, "bundled")
    assert loaded.config == tiny_config(name) == card.config
    assert loaded.classes == NAMES
    assert loaded.preprocessing.crop == tiny_config(name).input_size
    # 144-px photos, of which training saw crops of 120 px on average: objects 1.2 x as large.
    assert loaded.preprocessing.resize == round(1.2 * loaded.preprocessing.crop)
    assert loaded.digest == hashlib.sha256(card.file.read_bytes()).hexdigest()
    assert loaded.weights_title == "bundled weights, 7 classes, 0.0625 x width"
    assert (card.top1, card.parameters) == (
        1.0,
        sum(p.numel() for p in loaded.network.parameters()),
    )

    # The same logits as an independent reading: fp16 and back, in a fresh network.
    reference = build_network(tiny_config(name))
    reference.load_state_dict(half(tiny_network(name).state_dict()))
    assert torch.equal(
        logits(loaded.network, tiny_image(name)), logits(reference, tiny_image(name))
    )


def test_a_bundle_is_frozen_fp32_channels_last_in_eval_mode(bundles):
    bundle("vgg11_bn", bundles)
    network = load_model(parse_model_name("vgg11_bn")).network
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert {p.device.type for p in network.parameters()} == {"cpu"}
    assert not any(p.requires_grad for p in network.parameters())
    assert not any(module.training for module in network.modules())
    assert network.conv2_1.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_bundle_that_is_not_its_cards_is_refused(bundles):
    bundle("vgg11", bundles)
    file = bundles / "vgg11.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="not the file its model card describes"):
        load_model(ModelName("vgg11", "bundled"))
    file.unlink()
    with pytest.raises(CheckpointError, match="cannot be opened"):
        load_model(ModelName("vgg11", "bundled"))


def test_networks_without_a_bundle_are_named(bundles):
    bundle("vgg11", bundles)
    with pytest.raises(UnknownNameError, match=r"'vgg19'; choose one of: vgg11\."):
        load_model(ModelName("vgg19", "bundled"))


def test_cards_may_have_more_fields_and_must_not_have_fewer(bundles):
    assert bundled_cards() == {}
    path = bundle("vgg11", bundles)
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | {"licence": "CC0", "novel": [1]}))
    assert bundled_cards()["vgg11"].licence == "CC0"
    assert bundled_cards()["vgg11"].fields["novel"] == [1]
    for damaged in ("{", "[]", "{}", json.dumps(card | {"network": "vgg17"})):
        path.write_text(damaged)
        with pytest.raises(VggVizError, match="reinstall"):
            bundled_cards()


def test_a_card_cannot_point_out_of_its_folder(bundles):
    path = bundle("vgg11", bundles)
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | {"file": "../../secret.safetensors"}))
    assert bundled_cards()["vgg11"].file == bundles / "secret.safetensors"


# --- random --------------------------------------------------------------------------------------


def test_random_weights_are_full_size_and_depend_on_the_seed_only():
    first = load_model(parse_model_name("alexnet:random-7"))
    assert first.config == build("alexnet")
    assert first.classes == class_names()
    assert first.preprocessing == IMAGENET
    assert first.weights_title == "random weights (He), seed 7"
    assert not any(p.requires_grad for p in first.network.parameters())
    digest = first.digest
    del first
    assert len(digest) == 64
    again = build_network(build("alexnet"), seed=7)
    assert parameters_digest(again) == digest
    with torch.no_grad():
        again.fc8.bias[0] += 1e-6
    assert parameters_digest(again) != digest


# --- published -----------------------------------------------------------------------------------


def test_weights_that_are_not_here_say_how_to_fetch_them():
    with pytest.raises(WeightsUnavailableError) as found:
        load_model(parse_model_name("vgg16:imagenet"))
    assert "vgg-viz weights fetch vgg16" in str(found.value)
    assert "vgg16-397923af.pth" in str(found.value)
    assert "553 MB" in str(found.value)


def torch_file(state, path, **options):
    torch.save(state, path, **options)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("place", ["cache", "torch/hub/checkpoints"])
def test_torchvisions_real_format_loads_from_either_cache(place, tmp_path, monkeypatch):
    config = build("alexnet")
    ours = build_network(config, seed=5)
    state = from_paper_names(config, ours.state_dict(), "torchvision")
    (tmp_path / place).mkdir(parents=True)
    scratch = tmp_path / place / "scratch.pth"
    # torchvision's files of 2017 are of torch's old format.
    digest = torch_file(state, scratch, _use_new_zipfile_serialization=place == "cache")
    del state
    source = PUBLISHED["alexnet"].file
    if place == "cache":
        source = replace(source, digest=digest[:8])
        scratch.rename(scratch.with_name(source.filename))
    else:
        source = replace(source, older=(("alexnet-owt-4df8aa71.pth", digest[:8]),))
        scratch.rename(scratch.with_name("alexnet-owt-4df8aa71.pth"))
    entry = replace(PUBLISHED["alexnet"], file=source)
    monkeypatch.setitem(registry.PUBLISHED, "alexnet", entry)

    assert imagenet_available("alexnet")
    loaded = load_model(parse_model_name("alexnet:imagenet"))
    assert loaded.digest == digest
    assert loaded.classes == class_names()
    assert loaded.preprocessing == IMAGENET
    assert "torchvision" in loaded.weights_title
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    assert torch.equal(logits(loaded.network, image), logits(ours, image))


def test_a_damaged_file_in_the_cache_is_not_used(tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "vgg16-397923af.pth").write_bytes(b"half a file")
    assert imagenet_available("vgg16")
    with pytest.raises(WeightsUnavailableError, match="Fetch them"):
        load_model(parse_model_name("vgg16:imagenet"))


def test_pytorchcvs_real_format_is_fetched_unpacked_and_loaded(tmp_path, monkeypatch, served):
    config = build("zfnet_a")
    ours = build_network(config, seed=6)
    source = PUBLISHED["zfnet_a"].file
    path = tmp_path / source.filename
    torch.save(from_paper_names(config, ours.state_dict(), "pytorchcv"), path)
    with zipfile.ZipFile(served.folder / "zfnet.pth.zip", "w") as archive:
        archive.write(path, path.name)
    sha1 = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
    path.unlink()
    source = replace(source, url=f"{served.url}/zfnet.pth.zip", digest=sha1)
    entry = replace(PUBLISHED["zfnet_a"], file=source)
    monkeypatch.setitem(registry.PUBLISHED, "zfnet_a", entry)

    fetch(source)
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [source.filename]
    loaded = load_model(parse_model_name("zfnet_a:imagenet"))
    assert "pytorchcv zfnet" in loaded.weights_title
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    assert torch.equal(logits(loaded.network, image), logits(ours, image))


# --- files ---------------------------------------------------------------------------------------


def my_file(folder, name="vgg11", suffix=".safetensors", layout="ours", **header):
    path = folder / f"mine{suffix}"
    state = {k: t.contiguous() for k, t in tiny_network(name).state_dict().items()}
    state = from_paper_names(tiny_config(name), state, layout)
    if suffix == ".safetensors":
        save_file(state, path, metadata=header or None)
    else:
        torch.save({"state_dict": {f"module.{k}": t for k, t in state.items()}}, path)
    return path


@pytest.mark.parametrize("layout", ["ours", "torchvision", "pytorchcv"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_persons_own_file_loads_by_its_path(tmp_path, suffix, layout):
    path = my_file(tmp_path, "vgg16_bn", suffix, layout)
    loaded = load_model(parse_model_name(f"vgg16_bn:{path}"), allow_paths=True)
    assert loaded.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.classes == tuple(f"class {i}" for i in range(CLASSES))
    assert (loaded.preprocessing.resize, loaded.preprocessing.crop) == (74, 64)
    assert loaded.weights_title == f"weights from mine{suffix}, 7 classes"
    image = tiny_image("vgg16_bn")
    assert torch.equal(logits(loaded.network, image), logits(tiny_network("vgg16_bn"), image))


def test_paths_are_closed_to_servers(tmp_path):
    path = my_file(tmp_path)
    with pytest.raises(InputError, match="opens no files by their path"):
        load_model(parse_model_name(f"vgg11:{path}"))


def test_an_upload_is_found_by_the_start_of_its_hash(tmp_path):
    path = my_file(tmp_path, classes=json.dumps(NAMES), licence="CC0")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = parse_model_name(f"vgg11:file-{digest[:8]}")
    with pytest.raises(UnknownNameError, match="upload it again"):
        load_model(name, uploads=tmp_path / "uploads")
    with pytest.raises(UnknownNameError, match="upload it again"):
        load_model(name)
    (tmp_path / "uploads").mkdir()
    path.rename(tmp_path / "uploads" / digest)
    loaded = load_model(name, uploads=tmp_path / "uploads")
    assert (loaded.digest, loaded.classes, loaded.licence) == (digest, NAMES, "CC0")


def test_a_file_of_another_network_says_which(tmp_path):
    path = my_file(tmp_path, "vgg13")
    with pytest.raises(CheckpointError, match=r"mine\.safetensors holds VGG-13 \(B\), not VGG-16"):
        inspect_file(path, network="vgg16")


def test_inspecting_tells_what_a_file_is(tmp_path):
    found = inspect_file(my_file(tmp_path, "zfnet_b", layout="pytorchcv"))
    assert found.config.network == "zfnet_b"
    assert found.config.channels == tiny_config("zfnet_b").channels
    assert "conv5.weight" in found.tensors


def test_a_bundle_is_a_file_like_any_other(bundles):
    card = bundle("zfnet_a", bundles)
    found = inspect_file(card.with_suffix(".safetensors"))
    assert found.config == tiny_config("zfnet_a")
    assert found.classes == NAMES
    assert found.preprocessing == bundled_cards()["zfnet_a"].preprocessing


def test_every_kind_of_name_has_a_title():
    config = build("vgg16", width=0.25, classes=19, input_size=128)
    titles = {
        kind: weights.weights_title(ModelName("vgg16", kind), config, "mine.pth")
        for kind in ("bundled", "imagenet", "random", "file", "path")
    }
    assert titles["bundled"] == "bundled weights, 19 classes, 0.25 x width"
    assert titles["imagenet"] == "ImageNet weights (torchvision IMAGENET1K_V1)"
    assert titles["random"] == "random weights (He), seed 0"
    assert titles["file"] == titles["path"] == "weights from mine.pth, 19 classes"
    assert isinstance(PUBLISHED["vgg16"].file, RemoteFile)
