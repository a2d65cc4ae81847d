"""The panel of one unit: frame, picker, code and file, over the fake service and a real one."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import unit_panel
from dashboard.charts import csv_file
from dashboard.selection import Selection, Side
from pages import PATIENCE, opened, texts
from tests.fake_service import FakeService
from vgg_viz.architecture import describe_network, unit_fields
from vgg_viz.errors import OutOfMemoryError
from vgg_viz.figures import UnitLabels, unit_frame, unpack
from vgg_viz.requests import UnitRequest
from vgg_viz.results import PassedOn

LABELS = UnitLabels("VGG-16 (D)", "bundled weights", "A cat")
VGG = "vgg16:bundled"


def page():
    import streamlit as st

    from dashboard import controls, service, session, unit_panel

    offered = service.get_service().describe()
    selection = session.selection(offered)
    controls.notes()
    for where in ("left", "right"):
        unit_panel.panel(where, selection, offered, layer=st.session_state.get("shown_layer"))


@pytest.fixture
def panel(fake):
    return AppTest.from_function(page, default_timeout=PATIENCE)


def asked_units(fake):
    return [request for request in fake.asked if isinstance(request, UnitRequest)]


# --- the frame -----------------------------------------------------------------------------------


def answer(layer, channel=3, row=0, column=0, model=VGG, count=8):
    return FakeService().run(UnitRequest(model, "cat", layer, channel, row, column, count))


def arrays(parts, line):
    return {
        name.partition(".")[2]: np.frombuffer(
            data, np.uint8 if name.endswith("inside") else np.float32
        )
        for name, data in parts.items()
        if name.startswith(f"{line}.")
    }


@pytest.mark.parametrize(
    ("layer", "kinds"),
    [
        ("conv3_2", ["products"] * 8 + ["rest", "bias", "function"]),
        ("conv1_1", ["products"] * 3 + ["bias", "function"]),
        ("fc8", ["products"] * 8 + ["rest", "bias"]),
        ("pool2", ["window"]),
    ],
)
def test_lines_add_up_and_end_at_the_network_s_value(layer, kinds):
    unit = answer(layer)
    header, parts = unpack(unit_frame(unit, LABELS))
    lines = header["lines"]
    assert [line["kind"] for line in lines] == kinds
    total = 0.0
    for i, line in enumerate(lines):
        if line["kind"] == "products":
            got = arrays(parts, i)
            products = got["given"].astype(float) * got["weights"]
            assert products.sum() == pytest.approx(line["amount"], rel=1e-9, abs=1e-12)
            assert np.abs(got["given"]).max() <= header["scales"]["given"]
            assert np.abs(products).max() <= header["scales"]["product"]
            assert len(got["inside"]) == np.prod(line["size"])
        if line["amount"] is not None:
            assert line["before"] == pytest.approx(total, rel=1e-9, abs=1e-12)
            total += line["amount"]
            assert line["after"] == pytest.approx(total, rel=1e-9, abs=1e-12)
    ends = [line for line in lines if "check" in line]
    assert [end["check"]["layer"] for end in ends] == [step.layer for step in unit.steps]
    for end in ends:
        assert end["after"] == pytest.approx(end["check"]["network"], rel=1e-5, abs=1e-5)
        assert end["check"]["agrees"]
    assert header["value"] == unit.first.network


def test_colours_of_the_photo_and_padding_are_marked():
    header, parts = unpack(unit_frame(answer("conv1_1"), LABELS))
    assert {line["hue"] for line in header["lines"][:3]} == {"red", "green", "blue"}
    inside = arrays(parts, 0)["inside"].reshape(3, 3)
    assert inside.tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1]]
    assert header["lines"][0]["first"] == [-1, -1]


def test_the_field_and_the_neighbours_travel():
    unit = answer("norm1", channel=0, row=3, column=5, model="zfnet_b:bundled")
    fields = unit_fields(describe_network("zfnet_b"), "norm1")
    picture = FakeService().run(unit_panel.PictureRequest("cat", VGG, 224))
    header, parts = unpack(unit_frame(unit, LABELS, picture, fields))
    assert header["field"]["span"] == [list(fields.spans[3]), list(fields.spans[5])]
    assert parts["photo"] == picture.jpeg
    line = header["lines"][0]
    assert (line["kind"], line["channels"], line["own"]) == ("neighbours", [0, 1, 2], 0)
    values = arrays(parts, 0)["given"]
    assert line["squares"] == pytest.approx((values.astype(float) ** 2).sum())
    assert line["denominator"] == pytest.approx((2 + 2e-5 * line["squares"]) ** 0.75)
    assert "k = 2, α = 0.0001, n = 5, β = 0.75" in header["formula"]


def test_values_that_are_not_finite_are_told_not_hidden():
    unit = answer("conv1_1")
    broken = replace(unit.last, network=np.nan, value=np.inf, parts=PassedOn(np.nan, (0, 0, 0)))
    header, _ = unpack(unit_frame(replace(unit, steps=(unit.first, broken)), LABELS))
    assert header["after"] is None
    check = header["lines"][-1]["check"]
    assert (check["network"], check["difference"], check["agrees"]) == (None, None, False)


# --- the panel -----------------------------------------------------------------------------------


def test_it_shows_the_unit_of_the_selection(panel, fake):
    opened(panel, right_layer="conv4_2", right_channel="5", x="0.9643", y="0.0357")
    assert list(panel.error) == []
    right = asked_units(fake)[-1]
    fields = unit_fields(describe_network("vgg16"), "conv4_2")
    expected = fields.nearest(0.0357 * 224 - 0.5), fields.nearest(0.9643 * 224 - 0.5)
    assert (right.layer, right.channel) == ("conv4_2", 5)
    assert (right.row, right.column) == expected
    assert "VGG-16 (D), bundled weights, 19 classes" in texts(panel)


def test_without_a_choice_it_is_the_middle_and_the_strongest_channel(panel, fake):
    opened(panel)
    left, right = asked_units(fake)
    assert (left.layer, left.channel) == ("conv5", None)
    assert (right.layer, right.channel) == ("conv5_3", None)
    assert right.row == right.column == 6


def test_the_pool_behind_shows_the_same_channel(panel, fake):
    opened(panel, right_channel="5")
    picker = panel.segmented_control[1]
    assert picker.options == ["conv5_3 → relu5_3", "pool5"]
    assert panel.segmented_control[0].options == ["conv5 → relu5", "pool5"]
    picker.set_value("pool5").run()
    assert not panel.exception
    last = asked_units(fake)[-1]
    assert (last.layer, last.channel) == ("pool5", 5)
    assert last.row == last.column == 3


def test_chains_are_those_of_the_tables():
    zfnet, bn = describe_network("zfnet_b"), describe_network("vgg11_bn")
    assert unit_panel.chain(zfnet, "conv1") == ["conv1", "relu1", "norm1"]
    assert unit_panel.pools_behind(zfnet, "conv1") == ["pool1"]
    assert unit_panel.chain(bn, "conv1_1") == ["conv1_1", "bn1_1", "relu1_1"]
    assert unit_panel.pools_behind(zfnet, "conv3") == []
    assert unit_panel.pools_behind(bn, "fc6") == []
    selection = Selection("cat", Side(VGG, "conv5_3"), Side(VGG, "conv5_3"), place=(0.9, 0.9))
    assert unit_panel.unit_at(selection, zfnet, "fc7") == (0, 0)


def test_a_layer_that_one_network_lacks_is_said_and_the_other_shown(panel, fake):
    panel.session_state["shown_layer"] = "norm1"
    opened(panel)
    assert len(asked_units(fake)) == 1
    assert "Unknown layer of vgg16 'norm1'" in panel.error[0].value


def test_errors_of_the_service_take_the_place_of_the_panel(panel, fake):
    fake.errors[UnitRequest] = OutOfMemoryError("cpu has too little memory")
    opened(panel)
    assert [error.value for error in panel.error] == ["cpu has too little memory"] * 2


def test_a_network_without_weights_offers_to_fetch_them(panel, fake):
    opened(panel, right="vgg16:imagenet")
    assert {request.model for request in asked_units(fake)} == {"zfnet_b:bundled"}
    assert any("etch" in button.label for button in panel.button)


# --- file and code -------------------------------------------------------------------------------


def test_the_file_holds_every_number(fake):
    unit = answer("conv3_2")
    rows = unit_panel.table(unit)
    read = list(csv.DictReader(io.StringIO(csv_file(rows, "ours").decode())))
    products = [row for row in read if row["what"] == "product"]
    assert len(products) == unit.first.parts.given.size
    bias = next(float(row["value"]) for row in read if row["what"] == "bias")
    total = sum(float(row["value"]) for row in products) + bias
    values = [float(row["value"]) for row in read if row["what"] == "value of the network"]
    assert total == pytest.approx(unit.first.value, rel=1e-12)
    assert values == [step.network for step in unit.steps]
    assert read[0]["source"] == "ours"
    one = products[100]
    assert float(one["input"]) * float(one["weight"]) == float(one["value"])
    window = unit_panel.table(answer("pool2"))
    assert max(row["input"] for row in window if row["what"] == "in the window") == pytest.approx(
        answer("pool2").first.network
    )
    norm = unit_panel.table(answer("norm1", model="zfnet_b:bundled"))
    assert sum(row["what"] == "neighbour" for row in norm) == 5


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        (VGG, "conv2_1"),
        (VGG, "relu2_1"),
        (VGG, "pool2"),
        (VGG, "avgpool"),
        (VGG, "fc6"),
        ("zfnet_b:bundled", "norm1"),
        ("vgg11_bn:bundled", "bn1_1"),
    ],
)
def test_the_code_gives_the_network_s_value(service, model, layer, capsys):
    place = (0, 0) if layer in ("fc6", "avgpool") else (1, 2)
    unit = service.run(UnitRequest(model, "cat", layer, 1, *place))
    side = Side(model, "conv1")
    names = {}
    exec(unit_panel.code(unit, Selection("cat", side, side)), names)  # noqa: S102 - our own text
    assert names["value"] == pytest.approx(unit.first.value, rel=1e-12)
    assert abs(names["value"] - unit.first.network) <= unit.first.tolerance
    assert "the network has" in capsys.readouterr().out


def test_the_code_of_an_upload_reads_a_file(fake):
    side = Side(VGG, "conv1_1")
    text = unit_panel.code(answer("conv1_1"), Selection("0" * 64, side, side))
    compile(text, "code", "exec")
    assert 'Path("your-photo.jpg")' in text
    assert "from pathlib import Path" in text
    assert json.dumps("0" * 64) not in text
