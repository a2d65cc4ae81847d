"""Files of weights, also of strangers: read, recognised, refused. None of them runs code."""

import io
import json
import os
import pickle
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from tests.tiny import logits
from tiny import ALL_NETWORKS, CLASSES, tiny_config, tiny_image, tiny_network
from vgg_viz.errors import CheckpointError
from vgg_viz.models import checkpoint as reading
from vgg_viz.models.checkpoint import read_checkpoint
from vgg_viz.models.configs import build
from vgg_viz.models.keymaps import LAYOUTS, from_paper_names, to_paper_names
from vgg_viz.models.networks import build_network
from vgg_viz.models.recognition import (
    check,
    classes_of,
    detect_config,
    load_into,
    preprocessing_of,
)
from vgg_viz.preprocessing import IMAGENET

# Networks whose names, kernels and widths no other network shares.
UNMISTAKABLE = tuple(name for name in ALL_NETWORKS if name != "vgg11_lrn")


def torch_bytes(content, *, legacy=False):
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def state_of(name="vgg11"):
    return {key: t.contiguous() for key, t in tiny_network(name).state_dict().items()}


def zipped(**files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return file.getvalue()


GOOD = {
    "safetensors": save,
    "torch": torch_bytes,
    "legacy torch": lambda state: torch_bytes(state, legacy=True),
    "state_dict": lambda state: torch_bytes({"state_dict": state, "epoch": 3, "arch": "vgg"}),
    "model": lambda state: torch_bytes({"model": state, "optimizer": {"lr": 0.1, "state": {}}}),
    "nested": lambda state: torch_bytes({"model": {"state_dict": state}}),
    "pth in a zip": lambda state: zipped(mine__pth=torch_bytes(state)),
    "legacy pth in a zip": lambda state: zipped(mine__pth=torch_bytes(state, legacy=True)),
    "safetensors in a zip": lambda state: zipped(mine__safetensors=save(state)),
}


@pytest.mark.parametrize("by_path", [True, False])
@pytest.mark.parametrize("kind", GOOD)
def test_every_format_gives_the_same_tensors(kind, by_path, tmp_path):
    state = state_of()
    data = GOOD[kind](state)
    path = tmp_path / "mine.weights"
    path.write_bytes(data)
    found = read_checkpoint(path if by_path else data, "mine")
    assert found.tensors.keys() == state.keys()
    assert all(torch.equal(found.tensors[key], state[key]) for key in state)
    assert len(found.digest) == 64


def test_the_header_of_safetensors_is_read(tmp_path):
    header = {"network": "vgg11", "classes": '["a"]'}
    save_file(state_of(), tmp_path / "a.safetensors", metadata=header)
    data = (tmp_path / "a.safetensors").read_bytes()
    assert read_checkpoint(tmp_path / "a.safetensors").metadata == header
    assert read_checkpoint(data).metadata == header


def test_parameters_and_gradients_become_plain_tensors():
    state = {key: torch.nn.Parameter(t) for key, t in state_of().items() if t.is_floating_point()}
    found = read_checkpoint(torch_bytes(state)).tensors
    assert not any(tensor.requires_grad for tensor in found.values())


# --- files that are refused ----------------------------------------------------------------------


class RunsCode:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("wrapped", ["alone", "among weights", "in a zip", "plain pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_the_code_does_not_run(
    tmp_path, wrapped, legacy
):
    trap = tmp_path / "executed"
    content = RunsCode(trap) if wrapped == "alone" else {**state_of(), "trap": RunsCode(trap)}
    data = torch_bytes(content, legacy=legacy)
    if wrapped == "plain pickle":
        data = pickle.dumps(content["trap"])
    elif wrapped == "in a zip":
        data = zipped(mine__pth=data)
    (tmp_path / "evil.pth").write_bytes(data)
    for source in (tmp_path / "evil.pth", data):
        with pytest.raises(CheckpointError, match="safetensors"):
            read_checkpoint(source, "evil.pth")
    assert not trap.exists()
    if wrapped != "plain pickle":
        with pytest.raises(CheckpointError, match=r"would run code.*(posix|nt)\.mkdir"):
            read_checkpoint(data, "evil.pth")


@pytest.mark.parametrize("legacy", [True, False])
def test_a_whole_pickled_module_is_refused(legacy):
    data = torch_bytes(torch.nn.Sequential(torch.nn.Linear(2, 2)), legacy=legacy)
    with pytest.raises(CheckpointError, match=r"would run code.*whole pickled model.*state_dict"):
        read_checkpoint(data, "whole.pth")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_is_refused():
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), file)
    with pytest.raises(CheckpointError, match=r"TorchScript.*safetensors"):
        read_checkpoint(file.getvalue(), "script.pt")


BAD = {
    "empty": (b"", "is empty"),
    "text": (b"hello, these are my weights", "no weights file"),
    "HTML": (b"\n<!DOCTYPE html><html>Sign in</html>", "web page"),
    "XML": (b"<?xml version='1.0'?><Error/>", "web page"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(40), "no weights file"),
    "zeros": (bytes(4096), "no weights file"),
    "one byte": (b"\x80", "no weights file"),
    "no tensors": (torch_bytes({"epoch": 3}), "no weights by name"),
    "a list": (torch_bytes([torch.zeros(2)]), "no weights by name"),
    "a tensor": (torch_bytes(torch.zeros(2)), "no weights by name"),
    "wrapper of nothing": (torch_bytes({"state_dict": {"epoch": 3}}), "no weights by name"),
    "zip of text": (zipped(readme__txt="hello"), "0 weights files"),
    "zip of two": (zipped(a__pth=b"1", b__pth=b"2"), "2 weights files"),
    "zip in zip": (zipped(a__pth=zipped(b__pth=b"1")), "zip in a zip"),
    "zip of HTML": (zipped(a__pth=b"<html>"), "web page"),
    "empty zip": (zipped(), "damaged|no weights file"),
    "sparse": (torch_bytes({"conv1.weight": torch.eye(3).to_sparse()}), "not a plain tensor|run"),
    "strided": (torch_bytes({"fc6.weight": torch.zeros(1).expand(10**9)}), r"claims 4000\.0 MB"),
    "meta": (torch_bytes({"fc6.weight": torch.empty(9, device="meta")}), "plain tensor|claims|run"),
}


@pytest.mark.parametrize("kind", BAD)
def test_other_files_are_refused_by_name(kind, tmp_path):
    data, said = BAD[kind]
    (tmp_path / "given.pth").write_bytes(data)
    for source in (data, tmp_path / "given.pth"):
        with pytest.raises(CheckpointError, match=said):
            read_checkpoint(source, "given.pth")


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
def test_truncated_files_are_refused(kind, share, tmp_path):
    data = GOOD[kind](state_of())
    data = data[: int(len(data) * share)]
    (tmp_path / "cut.pth").write_bytes(data)
    for source in (data, tmp_path / "cut.pth"):
        with pytest.raises(CheckpointError, match=r"^cut\.pth"):
            read_checkpoint(source, "cut.pth")


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(CheckpointError, match="cannot be opened"):
            read_checkpoint(path)


def test_a_zip_that_unpacks_to_far_too_much_is_refused_unread(monkeypatch):
    monkeypatch.setattr(reading, "MAX_UNPACKED", 2**20)
    bomb = zipped(bomb__pth=bytes(2**22))
    assert len(bomb) < 10_000
    with pytest.raises(CheckpointError, match="would unpack to"):
        read_checkpoint(bomb)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_never_raise_anything_else(data):
    kind = data.draw(st.sampled_from(sorted(GOOD)))
    content = bytearray(FUZZED[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, min(len(content), 4000) - 1))
        content[place] = data.draw(st.integers(0, 255))
    try:
        found = read_checkpoint(bytes(content))
        config, layout = detect_config(found.tensors, found.metadata)
        check(to_paper_names(config, found.tensors, layout), config)
    except CheckpointError:
        pass


SMALL = build_network(build("alexnet", width=0.02, classes=2, input_size=63), seed=0).state_dict()
FUZZED = {kind: make({k: t.contiguous() for k, t in SMALL.items()}) for kind, make in GOOD.items()}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(data):
    with pytest.raises(CheckpointError):
        read_checkpoint(data)


# --- recognising ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", UNMISTAKABLE)
def test_networks_are_recognised_by_their_shapes(name, layout):
    wanted = tiny_config(name)
    state = from_paper_names(wanted, state_of(name), layout)
    config, found = detect_config(state, {})
    assert (config.network, found) == (name, layout)
    assert (config.channels, config.hidden) == (wanted.channels, wanted.hidden)
    assert config.classes == CLASSES
    assert config.layer("avgpool") == wanted.layer("avgpool")


@pytest.mark.parametrize("name", [name for name in ALL_NETWORKS if name != "vgg11_lrn"])
def test_full_size_networks_are_for_224_px(name):
    with torch.device("meta"):
        from vgg_viz.models.networks import ConvNet

        state = ConvNet(build(name)).state_dict()
    config, _ = detect_config(state, {})
    assert config == build(name)
    assert config.input_size == 224


@pytest.mark.parametrize(
    ("grid", "size"), [(1, 32), (2, 64), (3, 96), (4, 128), (7, 224), (12, 384)]
)
def test_the_input_size_of_a_vgg_comes_from_fc6(grid, size):
    config = build("vgg16", width=0.03, classes=2, input_size=size + 5)
    assert config.layer("avgpool").out == grid
    state = build_network(config, seed=0).state_dict()
    assert detect_config(state, {})[0].input_size == size


def test_the_input_size_of_a_zfnet_is_the_least_that_gives_the_grid():
    config = build("zfnet_b", width=0.05, classes=2, input_size=128)
    found, _ = detect_config(build_network(config, seed=0).state_dict(), {})
    assert found.network == "zfnet_b"
    least = found.input_size
    grid = config.layer("avgpool").out
    assert found.layer("avgpool").out == grid
    assert build("zfnet_b", input_size=least - 1).layer("avgpool").out < grid


def test_a_alrn_is_told_from_a_by_the_header_or_the_name_only():
    state = state_of("vgg11_lrn")
    assert detect_config(state, {})[0].network == "vgg11"
    assert detect_config(state, {"network": "vgg11_lrn"})[0].network == "vgg11_lrn"
    assert detect_config(state, {}, network="vgg11_lrn")[0].network == "vgg11_lrn"


def test_the_header_wins_where_it_is_possible_and_is_ignored_where_it_is_not(caplog):
    state = state_of("vgg11")  # 64 px, a 2 x 2 grid before fc6
    assert detect_config(state, {"input_size": "70"})[0].input_size == 70
    for size in ("224", "31", "9", "-1", "99999", "x", "", "²"):
        assert detect_config(state, {"input_size": size})[0].input_size == 64
    assert detect_config(state, {"network": "vgg16"})[0].network == "vgg11"
    assert "vgg16" in caplog.text
    assert detect_config(state, {"network": "resnet50"})[0].network == "vgg11"


def test_the_header_may_name_a_zfnet_of_other_widths():
    config = build("zfnet_a", channels=(6, 16, 32, 64, 32), hidden=(9, 9), input_size=96)
    state = build_network(config, seed=0).state_dict()
    assert detect_config(state, {})[0].network == "zfnet_b"
    assert detect_config(state, {"network": "zfnet_a"})[0].network == "zfnet_a"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: {k: t for k, t in s.items() if not k.startswith("fc")}, "6 missing: fc6.weight"),
        (lambda s: {k: t for k, t in s.items() if k != "conv3_1.bias"}, "1 missing: conv3_1.bias"),
        (lambda s: s | {"fc6.weight": torch.zeros(8, 33)}, "fc6 reads 33 numbers"),
        (lambda s: s | {"fc6.weight": torch.zeros(8)}, "do not fit together"),
        (lambda s: s | {"conv1_1.weight": torch.tensor(1.0)}, "do not fit together"),
        (lambda s: s | {"fc8.weight": torch.zeros(0, 256)}, "0 classes"),
        (lambda s: {k: t for k, t in s.items() if k == "fc6.weight"}, "not the weights of"),
        (lambda s: {"conv1.weight": s["conv1_1.weight"], "fc.bias": s["fc6.bias"]}, "not the w"),
    ],
)
def test_what_makes_no_network_is_refused(change, said):
    with pytest.raises(CheckpointError, match=said):
        detect_config(change(state_of("vgg11")), {})


# --- checking and loading ------------------------------------------------------------------------


def test_a_good_state_passes():
    for name in ALL_NETWORKS:
        check(state_of(name), tiny_config(name))


def test_the_report_names_everything_at_once():
    state = state_of("vgg11_bn")
    del state["conv1_1.bias"]
    state["bn1_1.running_mean"] = torch.zeros(5)
    state["conv2_1.bias"] = torch.zeros(8, dtype=torch.int64)
    state["fc6.bias"] = torch.full_like(state["fc6.bias"], float("nan"))
    state["fc7.bias"] = state["fc7.bias"].clone()
    state["fc7.bias"][3] = float("inf")
    state |= {f"head.{i}": torch.zeros(1) for i in range(7)}
    with pytest.raises(CheckpointError) as found:
        check(state, tiny_config("vgg11_bn"))
    lines = str(found.value).splitlines()
    assert lines[0] == "This does not fit VGG-11 (A) + BN."
    assert lines[1] == "- 1 missing: conv1_1.bias"
    assert lines[2].startswith("- 7 not of this network: head.0, head.1")
    assert lines[2].endswith("and 2 more")
    assert lines[3] == "- 1 of the wrong shape: bn1_1.running_mean is 5 instead of 4"
    assert lines[4] == "- 1 not real numbers: conv2_1.bias (int64)"
    assert lines[5] == (
        "- 2 with NaN or infinite values: fc6.bias (256 of 256), fc7.bias (1 of 256)"
    )
    assert "state_dict" in lines[6]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_fp32(dtype):
    state = {
        k: t.to(dtype) if t.is_floating_point() else t for k, t in state_of("vgg13_bn").items()
    }
    network = load_into(tiny_config("vgg13_bn"), state)
    assert {t.dtype for t in network.parameters()} == {torch.float32}
    for key, value in network.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(value, state[key].float())


def test_a_loaded_network_is_frozen_in_eval_mode_channels_last_and_answers_the_same():
    for name in ("vgg16_bn", "zfnet_a"):
        network = load_into(tiny_config(name), state_of(name))
        assert not any(p.requires_grad for p in network.parameters())
        assert not any(module.training for module in network.modules())
        first = network.get_submodule(network.config.convs[0])
        assert first.weight.is_contiguous(memory_format=torch.channels_last)
        image = tiny_image(name)
        assert torch.equal(logits(network, image), logits(tiny_network(name), image))


def test_old_checkpoints_without_step_counters_load():
    state = {k: t for k, t in state_of("vgg11_bn").items() if not k.endswith("num_batches_tracked")}
    network = load_into(tiny_config("vgg11_bn"), state)
    assert torch.equal(network.fc8.bias, state["fc8.bias"])


# --- what the header says ------------------------------------------------------------------------


def test_classes_come_from_the_header_or_are_imagenets_or_numbers():
    assert classes_of({"classes": '["cat", "dog"]'}, 2) == ("cat", "dog")
    assert classes_of({}, 1000)[:2] == ("tench", "goldfish")
    assert classes_of({}, 3) == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize("listed", ['["cat"]', "cat", "{}", "[" * 100_000])
def test_classes_that_do_not_count_are_refused(listed):
    with pytest.raises(CheckpointError, match="fc8 has 2"):
        classes_of({"classes": listed}, 2)


def test_preprocessing_comes_from_the_header_or_is_imagenets_scaled():
    header = {"resize": 144, "crop": 128, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}
    found = preprocessing_of({"preprocessing": json.dumps(header)}, 128)
    assert (found.resize, found.crop, found.mean, found.std) == (144, 128, (0.5,) * 3, (0.2,) * 3)
    assert preprocessing_of({}, 224) == IMAGENET
    assert (preprocessing_of({}, 112).resize, preprocessing_of({}, 112).crop) == (128, 112)
    assert preprocessing_of({}, 1).resize == 2


@pytest.mark.parametrize(
    "said",
    [
        "x",
        "[]",
        "{}",
        '{"resize": 10, "crop": 20, "mean": [0,0,0], "std": [1,1,1]}',
        '{"resize": 20, "crop": 10, "mean": [0,0], "std": [1,1,1]}',
        '{"resize": 20, "crop": 10, "mean": [0,0,0], "std": [1,0,1]}',
        '{"resize": 20, "crop": 10, "mean": [0,0,0], "std": [1,1,NaN]}',
        '{"resize": 900000, "crop": 800000, "mean": [0,0,0], "std": [1,1,1]}',
        '{"resize": Infinity, "crop": 8, "mean": [0,0,0], "std": [1,1,1]}',
    ],
)
def test_preprocessing_that_makes_no_sense_is_refused(said):
    with pytest.raises(CheckpointError, match="preprocessing"):
        preprocessing_of({"preprocessing": said}, 64)
