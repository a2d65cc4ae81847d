"""The command line: exit codes, what goes to stdout and stderr, and the server it starts."""

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vgg_viz
from tests.fake_service import FakeService
from tests.tiny_assets import NAMES
from vgg_viz import cli
from vgg_viz.architecture import describe
from vgg_viz.cli.tables import as_table, in_words
from vgg_viz.models.configs import NETWORKS, build
from vgg_viz.models.networks import build_network
from vgg_viz.requests import AttributionRequest, ClassifyRequest

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ["dashboard", "classify", "cam", "describe", "diff", "weights", "runs"]
COMMANDS += ["activations", "unit", "deconv", "filters", "edit", "clip"]
COMMANDS += ["attribute", "methods", "evidence", "replay", "bench-attribution"]
COMMANDS += ["feature-vis", "top-patches", "invert", "correspondence"]


@pytest.fixture(autouse=True)
def heard():
    """Ctrl-C is heard, also where the tests run in a shell's background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def fake(monkeypatch):
    service = FakeService(fetch_step_seconds=0)
    for module in (cli.photos, cli.attribution, cli.weights):
        monkeypatch.setattr(module, "open_service", lambda _device="auto": nullcontext(service))
    return service


@pytest.fixture(scope="module")
def tiny(assets):
    """The real service with tiny bundled networks."""
    return assets


def opened(path):
    return Image.open(io.BytesIO(path.read_bytes()))


def asked(service, kind):
    return [request for request in service.asked if isinstance(request, kind)]


# --- all commands --------------------------------------------------------------------------------


def test_version(vgg):
    assert vgg("--version") == (0, f"vgg-viz {vgg_viz.__version__}\n", "")


def test_help_names_every_command(vgg):
    code, out, _ = vgg("--help")
    assert code == 0
    assert all(re.search(rf"^  {name} ", out, re.MULTILINE) for name in COMMANDS)
    assert "..." not in out.partition("Commands:")[2]  # no summary is cut


@pytest.mark.parametrize("command", [*COMMANDS, "weights list", "weights fetch", "weights path"])
def test_every_command_has_help(vgg, command):
    code, out, err = vgg(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: vgg-viz {command}")


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["describe", "--width", "wide"],
        ["classify"],
        ["classify", "cat", "--top", "0"],
        ["classify", "cat", "--device", "tpu"],
        ["cam", "cat", "--opacity", "2"],
        ["dashboard", "--port", "99999"],
        ["weights", "fetch"],
    ],
)
def test_usage_errors_end_with_2(vgg, words):
    code, out, err = vgg(*words)
    assert (code, out) == (2, "")
    assert "Error: " in err
    assert "Traceback" not in err


def test_importing_the_command_line_loads_no_torch():
    program = "import sys, vgg_viz.cli; sys.exit(bool({'torch', 'streamlit'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_the_installed_script_is_this_one():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'vgg-viz = "vgg_viz.cli:app_entry"' in project


def test_log_lines_have_no_traceback(vgg, fake, monkeypatch):
    """What the library logs with `exception` reads as one sentence here."""

    def fail(_request):
        try:
            raise RuntimeError("no such device")
        except RuntimeError:
            cli.logging.getLogger("vgg_viz.service.worker").exception("it could not be prepared")
        raise vgg_viz.errors.VggVizError("The device could not be started.")

    monkeypatch.setattr(fake, "run", fail)
    code, _, err = vgg("classify", "cat")
    assert code == 1
    assert "ERROR: it could not be prepared\nRuntimeError: no such device\n" in err
    assert err.endswith("Error: The device could not be started.\n")
    assert "Traceback" not in err


def test_tables_align():
    table = as_table(["name", "n"], [["a", "1,000"], ["long", "7"]])
    assert table.splitlines() == ["name      n", "a     1,000", "long      7"]
    assert [in_words(n, "B") for n in (7, 1500, 553_430_176, 1e10)] == [
        "7 B",
        "1.5 kB",
        "553.4 MB",
        "10 GB",
    ]


# --- describe ------------------------------------------------------------------------------------


def test_describe_one_network_as_json(vgg):
    code, out, err = vgg("describe", "vgg16", "--format", "json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert (found["parameters"], found["macs"]) == (138_357_544, 15_470_264_320)
    assert [row["name"] for row in found["layers"]] == [row.name for row in build("vgg16").layers]
    conv = next(row for row in found["layers"] if row["name"] == "conv5_3")
    assert (conv["receptive_field"], conv["jump"], conv["field_padding"]) == (196, 16, 90)


def test_describe_all_networks(vgg):
    listed = json.loads(vgg("describe", "--format", "json")[1])
    assert [row["network"] for row in listed] == list(NETWORKS)
    table = vgg("describe")[1].splitlines()
    assert len(table) == 1 + len(NETWORKS)
    for line, row in zip(table[1:], listed, strict=True):
        assert line.startswith(row["network"])
        assert f"{row['parameters']:,}" in line
    rows = list(csv.DictReader(io.StringIO(vgg("describe", "--format", "csv")[1])))
    assert [int(row["macs"]) for row in rows] == [row["macs"] for row in listed]


def test_describe_as_csv_has_a_line_for_every_layer(vgg):
    rows = list(csv.DictReader(io.StringIO(vgg("describe", "zfnet_b", "--format", "csv")[1])))
    assert [row["name"] for row in rows] == [row.name for row in build("zfnet_b").layers]
    assert sum(int(row["parameters"]) for row in rows) == 107_627_624


def test_describe_at_another_width_and_size(vgg):
    words = ["--width", "0.25", "--classes", "19", "--input", "128"]
    found = json.loads(vgg("describe", "vgg16", *words, "--format", "json")[1])
    expected = describe(build("vgg16", width=0.25, classes=19, input_size=128))
    assert (found["parameters"], found["macs"]) == (expected.parameters, expected.macs)
    assert (found["width"], found["classes"], found["input_size"]) == (0.25, 19, 128)
    assert "0.25 x width, 19 classes" in vgg("describe", "vgg16", *words)[1]


def test_describe_prints_units_and_sums(vgg):
    out = vgg("describe", "vgg16")[1]
    assert "VGG-16 (D) (arXiv 1409.1556) at 224 px" in out
    assert "138,357,544 (89.4% fully-connected), 553.4 MB in fp32" in out
    assert "15,470,264,320 for one image (99.2% convolutions); FLOPs = 2 x MACs" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vgg61"], r"Unknown network 'vgg61'; choose one of: .*vgg16"),
        (["vgg16", "--input", "3"], r"nothing is left at pool2\. Give at least 32 px"),
        (["vgg16", "--width", "0"], r"Width 0.0 is out of range"),
        (["vgg16", "--classes", "0"], r"give at least 1"),
    ],
)
def test_describe_says_what_to_do(vgg, words, message):
    code, out, err = vgg("describe", *words)
    assert (code, out) == (2, "")
    assert re.match(f"Error: .*{message}", err)


# --- classify ------------------------------------------------------------------------------------


def test_classify_a_sample(vgg, fake):
    code, out, _ = vgg("classify", "cat", "--model", "zfnet_b", "--top", 3)
    head, header, first, *rest = out.splitlines()
    assert code == 0
    assert head == "cat: ZFNet (b), bundled weights, 19 classes, 0.25 x width, fp32 on cpu"
    assert header.split() == ["probability", "logit", "index", "class"]
    assert first.split()[1:] == ["9.000", "2", "cat"]
    assert len(rest) == 2


def test_classify_as_json(vgg, fake):
    found = json.loads(vgg("classify", "dog", "--format", "json", "--precision", "bf16")[1])
    assert (found["photo"], found["model"]) == ("dog", "vgg16:bundled")
    assert [set(row) for row in found["top"]] == [{"index", "class", "probability", "logit"}] * 5
    assert found["top"][0]["class"] == "dog"
    assert found["difference_to_fp32"] == 0.004
    assert found["provenance"]["versions"] == {"torch": "2.14.1"}
    assert asked(fake, ClassifyRequest) == [ClassifyRequest("vgg16:bundled", "dog", "bf16")]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("vgg16", "vgg16:bundled"),
        ("alexnet", "alexnet:imagenet"),
        ("vgg11:random", "vgg11:random"),
    ],
)
def test_a_network_alone_means_the_best_weights_that_are_here(vgg, fake, typed, meant):
    code, _, err = vgg("classify", "cat", "--model", typed)
    assert code == 0
    assert "random" not in err
    assert asked(fake, ClassifyRequest)[0].model == meant


def test_random_weights_are_announced(vgg, tiny):
    code, out, err = vgg("classify", "cat", "--model", "vgg11_lrn", "--device", "cpu")
    assert code == 0
    assert "vgg11_lrn has no weights on this machine: random ones are used." in err
    assert "random weights" in out


def test_weights_that_are_not_here_end_with_1(vgg, fake):
    code, out, err = vgg("classify", "cat", "--model", "vgg16:imagenet")
    assert (code, out) == (1, "")
    assert "not on this machine" in err


def test_a_photo_may_be_a_file_and_goes_before_a_sample(vgg, fake, tmp_path, monkeypatch):
    Image.new("RGB", (40, 30), "red").save(tmp_path / "cat", "PNG")
    monkeypatch.chdir(tmp_path)
    assert vgg("classify", "cat")[0] == 0
    assert asked(fake, ClassifyRequest)[0].image in fake.images


@pytest.mark.parametrize("name", ["nothing.jpg", "."])
def test_a_photo_that_is_not_there(vgg, fake, name):
    code, out, err = vgg("classify", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {name} is neither a file nor a bundled photo. Bundled are: cat,")


def test_a_photo_that_is_none(vgg, tiny, tmp_path):
    bad = tmp_path / "notes.jpg"
    bad.write_text("not a picture")
    code, out, err = vgg("classify", bad)
    assert (code, out) == (2, "")
    assert "JPEG, PNG" in err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_photo_that_may_not_be_read(vgg, fake, tmp_path):
    closed = tmp_path / "photo.png"
    closed.touch(mode=0)
    code, _, err = vgg("classify", closed)
    assert code == 2
    assert "cannot be read: Permission denied." in err


# --- cam -----------------------------------------------------------------------------------------


def test_cam_writes_a_picture(vgg, fake, tmp_path):
    out = tmp_path / "cam.png"
    code, text, _ = vgg("cam", "cat", "--model", "vgg16", "-o", out, "--layer", "conv4_3")
    assert code == 0
    assert asked(fake, AttributionRequest) == [
        AttributionRequest("vgg16:bundled", "cat", "conv4_3")
    ]
    for part in ("Grad-CAM for cat (class 2, logit 9.000) at conv4_3, 28 x 28", "VGG-16 (D)"):
        assert part in text
    assert "bundled weights, 19 classes" in text
    assert "Photo: A cat, A. Painter, CC0 1.0" in text  # the licence asks for the author
    picture = opened(out)
    assert (picture.format, picture.width) == ("PNG", 448)
    assert picture.height > 448  # the caption stands below


def test_opacity_reaches_the_picture(vgg, fake, tmp_path):
    pixels = []
    for opacity in (0, 1):
        vgg("cam", "cat", "-o", tmp_path / "cam.png", "--opacity", opacity)
        pixels.append(np.asarray(opened(tmp_path / "cam.png"))[:448])
    assert (pixels[0] != pixels[1]).mean() > 0.2


def test_cam_keeps_the_raw_map(vgg, fake, tmp_path):
    words = ["-o", tmp_path / "a.png", "--npz", tmp_path / "a.npz", "--format", "json"]
    code, out, _ = vgg("cam", "dog", *words)
    found = json.loads(out)
    request = AttributionRequest("vgg16:bundled", "dog")
    assert code == 0
    assert (found["png"], found["npz"]) == (str(tmp_path / "a.png"), str(tmp_path / "a.npz"))
    assert found["shape"] == [14, 14]
    with np.load(tmp_path / "a.npz") as kept:  # no pickle
        np.testing.assert_array_equal(kept["grid"], fake.run(request).grid)
        assert kept["grid"].min() < 0
        provenance = json.loads(str(kept["provenance"]))
    assert provenance == {key: found[key] for key in provenance}
    assert provenance["provenance"]["digest"] == "0" * 64


@pytest.mark.parametrize(("target", "index"), [("horse", 11), ("HORSE", 11), ("3", 3)])
def test_a_class_by_name_or_index(vgg, fake, tmp_path, target, index):
    code, _, _ = vgg("cam", "cat", "--target", target, "-o", tmp_path / "cam.png")
    assert code == 0
    assert asked(fake, AttributionRequest)[0].target == index


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("hrose", r"Unknown class 'hrose'; choose one of: .*horse"),
        ("crane", r"Several classes are called 'crane'; give an index: 2 or 3\."),
    ],
)
def test_a_class_that_is_none_or_several(vgg, fake, tmp_path, target, message):
    model = "alexnet" if target == "crane" else "vgg16"
    words = ["--model", model, "--target", target, "-o", tmp_path / "cam.png"]
    code, out, err = vgg("cam", "cat", *words)
    assert (code, out) == (2, "")
    assert re.match(f"Error: {message}", err)
    assert not (tmp_path / "cam.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "cam.jpg"], "give a name that ends in .png"),
        (["-o", "cam.png", "--npz", "cam.npy"], "give a name that ends in .npz"),
        (["-o", "nowhere/cam.png"], "There is no folder nowhere"),
        (["-o", "folder.png"], "cannot be written"),
    ],
)
def test_files_that_cannot_be_written(vgg, fake, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    code, out, err = vgg("cam", "cat", *words)
    assert (code, out) == (2, "")
    assert message in err


def test_a_map_without_evidence_says_so(vgg, fake, tmp_path):
    fake.dark = frozenset({"vgg16:bundled"})
    code, _, err = vgg("cam", "cat", "-o", tmp_path / "cam.png")
    assert code == 0
    assert "positive nowhere" in err


# --- the real service ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["vgg16", "zfnet_b"])
def test_real_networks_answer(vgg, tiny, tmp_path, model):
    words = ["--model", model, "--device", "cpu", "--format", "json"]
    code, out, _ = vgg("classify", "cat", "--top", 99, *words)
    scores = json.loads(out)
    assert code == 0
    assert {row["class"] for row in scores["top"]} == set(NAMES)
    assert sum(row["probability"] for row in scores["top"]) == pytest.approx(1, abs=1e-5)
    code, out, _ = vgg("cam", "cat", *words, "-o", tmp_path / "cam.png", "--target", NAMES[1])
    found = json.loads(out)
    assert code == 0
    assert (found["target"], found["target_name"]) == (1, NAMES[1])
    assert found["layer"] == build(model).convs[-1]
    logit = next(row["logit"] for row in scores["top"] if row["index"] == 1)
    assert found["score"] == pytest.approx(logit, abs=1e-5)
    assert opened(tmp_path / "cam.png").format == "PNG"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layer", "conv6_1"], r"Unknown layer of vgg16 'conv6_1'; choose one of: .*conv5_3"),
        (["--target", "999"], "No class 999"),
        (["--model", "vgg61"], "Unknown network 'vgg61'"),
        (["--model", "vgg16:best"], "Unknown weights of vgg16 'best'"),
        (["--model", "vgg16:/nowhere/mine.pth"], "mine.pth cannot be opened: No such file"),
    ],
)
def test_real_names_are_checked(vgg, tiny, tmp_path, words, message):
    code, out, err = vgg("cam", "cat", "-o", tmp_path / "cam.png", "--device", "cpu", *words)
    assert (code, out) == (2, "")
    assert re.search(f"^Error: .*{message}", err, re.MULTILINE)
    assert "Traceback" not in err


def test_a_checkpoint_of_ones_own(vgg, tiny, tmp_path):
    net = build_network(build("vgg16", width=1 / 16, hidden=(32, 32), classes=7), seed=3)
    torch.save(net.state_dict(), tmp_path / "mine.pth")
    words = ["--model", f"vgg16:{tmp_path / 'mine.pth'}", "--device", "cpu", "--format", "json"]
    code, out, err = vgg("classify", "cat", *words)
    assert code == 0, err
    assert len(json.loads(out)["top"]) == 5
    code, _, err = vgg("cam", "cat", *words, "-o", tmp_path / "cam.png")
    assert code == 0, err


# --- weights -------------------------------------------------------------------------------------


def test_weights_are_listed(vgg, fake):
    listed = json.loads(vgg("weights", "list", "--format", "json")[1])
    assert [row["name"] for row in listed] == list(fake.models)
    assert listed[0]["class_count"] == 19
    lines = vgg("weights", "list")[1].splitlines()
    assert len(lines) == 1 + len(listed)
    missing = next(line for line in lines if line.startswith("vgg16:imagenet"))
    assert "fetch, 553.6 MB" in missing


def test_weights_path(vgg, monkeypatch, tmp_path):
    monkeypatch.setenv("VGG_VIZ_CACHE", str(tmp_path))
    assert vgg("weights", "path") == (0, f"{tmp_path}\n", "")


def test_weights_are_fetched_once_and_shown(vgg, fake):
    code, out, err = vgg("weights", "fetch", "vgg16", "vgg16:imagenet")
    assert code == 0
    assert out == "vgg16:imagenet: Fetched and verified.\n"
    assert "vgg16:imagenet" in err
    assert fake.models["vgg16:imagenet"].available


def test_all_weights(vgg, fake):
    code, out, err = vgg("weights", "fetch", "all")
    assert code == 0
    assert [line.split(": ")[0] for line in out.splitlines()] == [
        "alexnet:imagenet",
        "vgg16:imagenet",
    ]
    assert "2 files" in err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vgg61", r"Unknown network with ImageNet weights 'vgg61'; choose one of: .*vgg16"),
        ("vgg16:bundled", "vgg16:bundled is not fetched from anywhere"),
    ],
)
def test_weights_that_nobody_offers(vgg, fake, name, message):
    code, out, err = vgg("weights", "fetch", "alexnet", name)
    assert (code, out) == (2, "")
    assert re.search(message, err)
    assert not fake.jobs


def test_a_fetch_that_fails_ends_with_1(vgg, fake):
    fake.fetch_error = "The server has another file there."
    code, out, err = vgg("weights", "fetch", "vgg16")
    assert (code, out) == (1, "")
    assert err.endswith("Error: The server has another file there.\n")


def test_ctrl_c_cancels_a_fetch(vgg, fake, monkeypatch):
    fake.fetch_step_seconds = 0.1
    monkeypatch.setattr(fake, "events", lambda *_: signal.raise_signal(signal.SIGINT))
    code, out, _ = vgg("weights", "fetch", "vgg16")
    assert (code, out) == (130, "")
    (job,) = fake.jobs.values()
    assert job.cancelled.is_set()


# --- dashboard -----------------------------------------------------------------------------------

STUB = 'import os, streamlit as st\napp = st.App("page.py")\n'
PATIENCE = 150  # s; more than the server is given to start, on a machine that is busy


@pytest.fixture
def start(tmp_path):
    """Start `vgg-viz dashboard` on a stub of an app, in a process of its own."""
    started = []

    def run(*words, app=STUB):
        (tmp_path / "dashboard").mkdir(exist_ok=True)
        (tmp_path / "dashboard" / "asgi_app.py").write_text(app)
        (tmp_path / "dashboard" / "page.py").write_text("import streamlit as st\nst.title('Hi')\n")
        code = (
            "import pathlib, signal; from vgg_viz import cli;"
            "signal.signal(signal.SIGINT, signal.default_int_handler);"  # see `heard`
            f"cli.server.ROOT = pathlib.Path({str(tmp_path)!r}); cli.app_entry()"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, "dashboard", *map(str, words)],
            env=os.environ | {"PYTHONPATH": str(ROOT), "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


@pytest.mark.parametrize(("request_to_end", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_the_dashboard_starts_and_stops(start, request_to_end, code):
    port = free_port()
    server = start("--port", port)
    assert server.stdout.readline() == f"vgg-viz is ready: http://127.0.0.1:{port}\n"
    assert answers(port)
    server.send_signal(request_to_end)
    out, err = server.communicate(timeout=PATIENCE)
    assert (server.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert not answers(port)


def test_a_port_that_is_taken_is_one_clear_line(vgg):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, out, err = vgg("dashboard", "--port", port)
    assert (code, out) == (2, "")
    assert err == f"Error: Port {port} is in use by another program; choose another with --port.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "nowhere.invalid"], "There is no host 'nowhere.invalid'"),
        (["--host", "203.0.113.9"], "203.0.113.9, port 8501 cannot be listened on"),
        (["--weights", "nowhere.pth"], "There is no file nowhere.pth"),
        (["--photos", "nowhere"], "There is no folder nowhere; give one that holds <class>/"),
    ],
)
def test_what_cannot_be_served_is_said_before_a_server_starts(vgg, words, message):
    code, out, err = vgg("dashboard", *words)
    assert (code, out) == (2, "")
    assert message in err


def test_a_server_that_dies_early_leaves_its_last_words(start):
    server = start(
        "--port", free_port(), app=STUB + "raise RuntimeError('no space for pictures')\n"
    )
    out, err = server.communicate(timeout=PATIENCE)
    assert (server.returncode, out) == (1, "")
    assert err.startswith("Error: The server did not start (exit code 1). Its last words:")
    assert err.endswith("RuntimeError: no space for pictures\n")


def test_a_server_that_dies_later_is_noticed(start, tmp_path):
    server = start("--port", free_port(), app=STUB + "open('pid', 'w').write(str(os.getpid()))\n")
    assert "vgg-viz is ready" in server.stdout.readline()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    _, err = server.communicate(timeout=PATIENCE)
    assert server.returncode == 1
    assert err.endswith("Error: The server ended by itself (exit code -9).\n")


def test_own_weights_reach_the_server(start, tmp_path):
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).touch()
    app = STUB + "print('offered', os.environ['VGG_VIZ_WEIGHTS'])\nraise SystemExit(3)\n"
    words = ["--weights", tmp_path / "a.pth", "--weights", tmp_path / "b.pth"]
    _, err = start("--port", free_port(), *words, app=app).communicate(timeout=PATIENCE)
    assert f"offered {tmp_path / 'a.pth'}{os.pathsep}{tmp_path / 'b.pth'}" in err


def test_folders_of_photos_reach_the_server(start, tmp_path):
    for name in ("flowers", "birds"):
        (tmp_path / name).mkdir()
    app = STUB + "print('offered', os.environ['VGG_VIZ_PHOTOS'])\nraise SystemExit(3)\n"
    words = ["--photos", tmp_path / "flowers", "--photos", tmp_path / "birds"]
    _, err = start("--port", free_port(), *words, app=app).communicate(timeout=PATIENCE)
    assert f"offered {tmp_path / 'flowers'}{os.pathsep}{tmp_path / 'birds'}" in err


def test_a_dashboard_that_is_missing(vgg, monkeypatch, tmp_path):
    monkeypatch.setattr(cli.server, "ROOT", tmp_path)
    code, _, err = vgg("dashboard")
    assert code == 1
    assert "install vgg-viz again" in err


def test_the_real_dashboard_serves_its_page():
    if not (ROOT / "dashboard" / "asgi_app.py").is_file():
        pytest.skip("the dashboard is not written yet")
    port = free_port()
    program = "from vgg_viz.cli import app_entry; app_entry()"
    server = subprocess.Popen(
        [sys.executable, "-c", program, "dashboard", "--port", str(port)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout.readline() == f"vgg-viz is ready: http://127.0.0.1:{port}\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as page:
            assert page.status == 200
    finally:
        server.terminate()
        _, err = server.communicate(timeout=PATIENCE)
    assert server.returncode == 0
    assert "Traceback" not in err
