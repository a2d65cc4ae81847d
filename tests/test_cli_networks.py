"""`vgg-viz describe` at other sizes and `vgg-viz diff`, as programs and people read them."""

import csv
import io
import json
import re

import pytest

from vgg_viz.architecture import describe, describe_network, diff
from vgg_viz.models.configs import build

COSTS = ("parameters", "macs", "activation_bytes", "depth", "receptive_field")


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def sums(rows):
    return tuple(sum(int(row[name]) for row in rows) for name in COSTS)


# --- describe ------------------------------------------------------------------------------------


def test_describe_builds_for_the_input_and_fc6_grows_with_it(vgg):
    code, out, err = vgg("describe", "vgg16", "--input", 384, "--format", "json")
    found = json.loads(out)
    fc6 = next(row for row in found["layers"] if row["name"] == "fc6")
    assert (code, err) == (0, "")
    assert fc6["in_channels"] == 512 * 12 * 12
    assert fc6["parameters"] == (512 * 12 * 12 + 1) * 4096
    rows = rows_of(vgg("describe", "vgg16", "--input", 384, "--format", "csv")[1])
    assert sum(int(row["parameters"]) for row in rows) == found["parameters"]
    assert sum(int(row["macs"]) for row in rows) == found["macs"]
    assert [row["receptive_field"] for row in rows][-1] == str(212 + 11 * 32)


def test_describe_can_keep_the_fully_connected_layers(vgg):
    words = ("describe", "vgg16", "--input", 384, "--keep-fc")
    found = json.loads(vgg(*words, "--format", "json")[1])
    expected = describe(build("vgg16"), 384)
    assert (found["parameters"], found["macs"]) == (138_357_544, expected.macs)
    pool = next(row for row in found["layers"] if row["name"] == "avgpool")
    assert (pool["in_side"], pool["out_side"]) == (12, 7)
    assert "at 384 px" in vgg(*words)[1]


def test_help_says_what_the_input_does_to_fc6(vgg):
    for command in ("describe", "diff"):
        text = " ".join(vgg(command, "--help")[1].split())
        assert "fc6 takes the whole last map" in text
        assert "no parameter is added" in text


# --- diff ----------------------------------------------------------------------------------------


def test_diff_as_csv_adds_up(vgg):
    code, out, err = vgg("diff", "zfnet_b", "vgg16", "--format", "csv")
    rows = rows_of(out)
    ledger = diff(describe_network("zfnet_b"), describe_network("vgg16"))
    assert (code, err) == (0, "")
    assert sums(rows) == (30_729_920, 12_993_559_424, 94_335_104, 8, 404 - 331)
    assert [row["change"] for row in rows] == [change.status for change in ledger.changes]
    first = rows[0]
    assert (first["before"], first["after"], first["kind"]) == ("conv1", "conv1_1", "conv")
    assert first["words"].startswith("kernel 7 -> 3, stride 2 -> 1")
    assert [row["after"] for row in rows if row["before"] == "norm1"] == [""]


def test_diff_as_json_holds_both_totals(vgg):
    words = ("--width", 0.25, "--classes", 19, "--input", 128)
    found = json.loads(vgg("diff", "vgg11", "vgg13", *words, "--format", "json")[1])
    a, b = (
        describe_network(name, width=0.25, classes=19, input_size=128)
        for name in ("vgg11", "vgg13")
    )
    assert found["before"]["parameters"] == a.parameters
    assert found["after"]["macs"] == b.macs
    assert (found["after"]["width"], found["after"]["input_size"]) == (0.25, 128)
    assert sums(found["changes"]) == tuple(found["difference"][name] for name in COSTS)
    assert found["difference"]["depth"] == 2


def test_diff_as_a_table_lists_what_changed_and_the_sum(vgg):
    out = vgg("diff", "vgg11", "vgg13")[1]
    lines = out.splitlines()
    assert lines[0].startswith("VGG-11 (A) (arXiv 1409.1556) at 224 px")
    assert [line.split()[:2] for line in lines if line.startswith("+  ")] == [
        ["+", name] for name in ("conv1_2", "relu1_2", "conv2_2", "relu2_2")
    ]
    assert re.search(r"sum of the changes +\+184,512 +\+3,699,376,128 +\+38,535,168 +\+2 +\+6", out)
    assert re.search(r"VGG-13 \(B\) +133,047,848 +11,308,466,176", out)
    assert "+ 4 added, - 0 removed, ~ 0 changed; 30 are the same" in out
    assert not any(line.endswith(" ") for line in lines)


def test_diff_of_a_network_with_itself_lists_nothing(vgg):
    out = vgg("diff", "vgg16", "vgg16")[1]
    assert "+ 0 added, - 0 removed, ~ 0 changed" in out
    assert re.search(r"sum of the changes +0 +0 +0 +0 +0", out)


def test_diff_with_fc6_kept_changes_no_parameter_of_it(vgg):
    rows = rows_of(vgg("diff", "vgg11", "vgg13", "--keep-fc", "--input", 320, "--format", "csv")[1])
    assert sums(rows)[0] == 184_512
    assert next(row for row in rows if row["after"] == "fc6")["change"] == "same"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["zfnet_b", "vgg61"], r"Unknown network 'vgg61'; choose one of: .*vgg16"),
        (["vgg11", "alexnet", "--input", "40"], r"too small for alexnet: .* at pool5\. .* 63 px"),
        (["vgg11", "vgg16", "--input", "3"], r"nothing is left at pool2\. Give at least 32 px"),
        (["vgg11", "vgg16", "--width", "9"], r"Width 9.0 is out of range"),
        (["vgg11", "vgg16", "--classes", "0"], r"give at least 1"),
    ],
)
def test_diff_says_what_to_do(vgg, words, message):
    code, out, err = vgg("diff", *words)
    assert (code, out) == (2, "")
    assert re.match(f"Error: .*{message}", err)
