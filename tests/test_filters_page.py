"""The page "Filters", run by Streamlit's AppTest over a service without networks."""

import io
import json
from types import SimpleNamespace
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from dashboard import filters_kernels, filters_place, filters_reconstruction, session
from dashboard.filters_code import kernels_code, reconstruction_code
from dashboard.filters_settings import FilterSettings, reconstruction_request
from dashboard.selection import Selection, Side
from fake_models import fake_model
from fake_reconstruction import SILENT
from pages import at_page, charts, texts
from vgg_viz.architecture import describe_network, unit_fields
from vgg_viz.errors import OutOfMemoryError
from vgg_viz.figures.reconstruction_pictures import Region
from vgg_viz.requests import (
    ChannelKernelRequest,
    GalleryRequest,
    KernelStudyRequest,
    LayerKernelsRequest,
    ReconstructionRequest,
)
from vgg_viz.results import RULES

RULE_TITLES = [rule.title for rule in RULES.values()]


def opened(app, **params):
    return at_page(app, "filters", **params)


def asked(fake, kind=ReconstructionRequest):
    return [request for request in fake.asked if isinstance(request, kind)]


def images(app):
    return [element.proto.imgs[0].alt for element in app.get("image")]


def titles(app):
    return [element.value for element in app.markdown]


def test_the_default_view_shows_three_rules_for_both_networks(app, fake):
    opened(app)
    assert not app.error
    assert not app.warning
    left, right = asked(fake)[-2:]
    assert (left.model, left.layer, left.channel) == ("zfnet_b:bundled", "conv5", None)
    assert (right.model, right.layer, right.units) == ("vgg16:bundled", "conv5_3", "strongest")
    for title in RULE_TITLES:
        assert titles(app).count(f"**{title}**") == 2
    assert all(images(app))
    # rules; gallery, kernel and top patches of the channels; the first layers' kernels
    assert len(images(app)) == 2 * 3 + 2 * 3 + 2
    words = texts(app)
    assert words.count("Nearly class-insensitive") == 2
    assert "learned: bundled weights" in words
    assert "Frame: receptive field, 139 px" in words
    assert app.query_params == {}


def test_the_table_says_what_the_rules_do(app):
    opened(app)
    (table,) = [value for value in titles(app) if "Forward mask" in value and "|" in value]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    assert rows == [
        ["**Gradient**", "✓", "–", "1312.6034"],
        ["**Deconvnet**", "–", "✓", "1311.2901"],
        ["**Guided backprop**", "✓", "✓", "1412.6806"],
    ]


def test_another_view_of_the_same_units_asks_for_nothing_else(app, fake):
    opened(app)
    first = set(asked(fake))
    for name, value in (("rule", "deconvnet"), ("zoom", "field"), ("ends", "row")):
        app.segmented_control(key=f"filters_{name}").set_value(value).run()
    assert set(asked(fake)) == first
    assert titles(app).count("**Deconvnet**") == 2
    assert "**Gradient**" not in titles(app)
    assert app.query_params == {"rule": "deconvnet", "zoom": "field", "ends": "row"}


def test_nine_units_and_fewer(app, fake):
    opened(app, units="top9", left_channel="3")
    assert asked(fake)[-1].units == "top9"
    assert "Only 4 of 9 units fire" in texts(app)
    assert "and 8 more" in texts(app)


def test_a_silent_channel_says_why(app):
    opened(app, left_channel=str(SILENT))
    assert f"Channel {SILENT} of conv5 never fires: z = -0.25." in app.info[0].value.replace(
        "\\", ""
    )
    assert titles(app).count("**Deconvnet**") == 1  # of the right network
    picker = app.selectbox(key="left_filters_channel")
    assert picker.value == SILENT
    assert picker.format_func(SILENT) == f"{SILENT} · silent"


def test_the_channel_is_the_selections(app, fake):
    opened(app)
    picker = app.selectbox(key="right_filters_channel")
    assert picker.value == filters_reconstruction.STRONGEST
    ranked = [int(option.partition(" ")[0]) for option in picker.options]
    assert ranked[0] == ranked[1]  # "strongest" is the first of the others
    picker.set_value(7).run()
    assert asked(fake)[-1].channel == 7
    assert app.query_params == {"right_channel": "7"}
    app.selectbox(key="right_filters_channel").set_value(filters_reconstruction.STRONGEST).run()
    assert app.query_params == {}


def test_the_unit_at_the_place_is_the_nearest_one():
    info = fake_model("vgg16", "bundled")
    selection = Selection("cat", Side("x", "conv1"), Side(info.name, "conv5_3", channel=4))
    selection = Selection(**{**vars(selection), "place": (0.25, 0.75)})
    found = reconstruction_request("right", info, selection, FilterSettings(units="place"))
    fields = unit_fields(describe_network("vgg16"), "conv5_3")
    assert (found.row, found.column) == (fields.nearest(167.5), fields.nearest(55.5))
    assert (found.channel, found.units) == (4, "place")
    plain = reconstruction_request("right", info, selection, FilterSettings())
    assert (plain.row, plain.column) == (None, None)


def test_lrn_is_a_setting(app, fake):
    opened(app, lrn="derivative")
    assert asked(fake)[-1].lrn == "derivative"


@pytest.mark.parametrize(
    ("view", "kind", "words"),
    [
        ("first", KernelStudyRequest, "conv1: 12 kernels 7x7"),
        ("norms", LayerKernelsRequest, "Most alike: 0 and 4 (-0.97)"),
        ("slices", ChannelKernelRequest, "the 24 strongest of its 30 slices"),
        ("frequency", ChannelKernelRequest, "frequency response"),
    ],
)
def test_only_the_kernels_view_that_is_shown_is_asked_for(app, fake, view, kind, words):
    opened(app, kernels=view)
    kinds = {KernelStudyRequest, LayerKernelsRequest}
    assert {type(request) for request in fake.asked} & kinds == {kind} & kinds
    assert words in texts(app)
    assert "bundled weights, 19 classes" in texts(app)


def test_dead_and_alike_kernels_are_marked_and_a_click_chooses(app, monkeypatch):
    opened(app, kernels="norms")
    chart = charts(app)[0]
    names = {trace["name"]: trace for trace in chart["data"]}
    assert any(name.startswith("dead") for name in names)
    alike = next(trace for name, trace in names.items() if name.startswith("alike"))
    assert set(np.ravel(alike["customdata"])) <= {0, 4, 5}
    symbols = [trace["marker"]["symbol"] for trace in chart["data"]]
    assert len(set(symbols)) == len(symbols)

    changes = []
    monkeypatch.setattr(session, "change", changes.append)
    state = {"left_filters_norms": {"selection": {"points": [{"customdata": [11]}]}}}
    monkeypatch.setattr(filters_kernels.st, "session_state", state)
    filters_kernels._on_norm(SimpleNamespace(where="left"), "left_filters_norms")
    start = Selection("cat", Side("a", "b"), Side("c", "d"))
    assert changes[0](start, None).left.channel == 11


def links(app):
    return {
        link.proto.label: dict(parse_qsl(link.proto.query_string)) for link in app.get("page_link")
    }


def test_each_channel_is_shown_from_its_other_sides(app, fake):
    opened(app, right="vgg11:random", pairing="free", left_channel="3")
    assert GalleryRequest("zfnet_b:bundled", "conv5", 3) in fake.asked
    assert ChannelKernelRequest("zfnet_b:bundled", "conv5", 3) in fake.asked
    assert "Optimised picture of channel 3 of conv5" in " ".join(images(app))
    assert any("There is no gallery for random weights" in info.value for info in app.info)
    words = texts(app)
    assert "**Kernel** 30x3x3, its 24 strongest slices of 30" in words
    assert "photo patches" in words


def test_the_first_layers_kernel_is_drawn_as_colours(app):
    opened(app, left_layer="conv1", left_channel="2", pairing="free")
    assert "**Kernel** 3x" in texts(app)
    assert "as colours" in texts(app)


def test_links_take_the_channel_along(app):
    opened(app, left_channel="3", right_channel="7", x="0.25", y="0.75")
    found = links(app)
    assert set(found) >= {"Optimise it", "Top patches", "Switch it off and watch"}
    for address in found.values():
        assert (address["left_channel"], address["right_channel"]) == ("3", "7")
        assert (address["x"], address["y"]) == ("0.25", "0.75")
    # of the same label the last one counts: the right network's
    assert found["Switch it off and watch"]["right_edit"] == "vgg16:bundled conv5_3 7x0"


def test_a_channel_that_nobody_chose_goes_along_too(app, fake):
    opened(app)
    strongest = asked(fake)[-1]
    channel = fake.run(strongest).channel
    assert links(app)["Optimise it"]["right_channel"] == str(channel)


def test_a_click_on_the_photo_chooses_the_unit_at_its_place(monkeypatch):
    changes, settings = [], {}
    monkeypatch.setattr(session, "change", changes.append)
    monkeypatch.setattr(session, "set_settings", settings.update)
    state = {"key": SimpleNamespace(placed={"x": 0.5, "y": 0.25})}
    monkeypatch.setattr(filters_place.st, "session_state", state)
    filters_place._on_place("key", Region(top=112, left=56, side=112), 224)
    start = Selection("cat", Side("a", "b"), Side("c", "d"))
    assert changes[0](start, None).place == (0.5, 0.625)  # 56 + 56 of 224, 112 + 28 of 224
    assert settings == {"units": "place"}


def test_the_code_is_shown_when_it_is_opened(app):
    opened(app)
    assert not app.code
    written = reconstruction_code(
        ReconstructionRequest("vgg16:bundled", "cat", "conv5_3", 3),
        rules=("guided",),
        zoom=True,
        together=False,
        series=1,
    )
    assert "channel=3" in written
    compile(written, "snippet", "exec")
    compile(
        kernels_code(LayerKernelsRequest("a:b"), ChannelKernelRequest("a:b")), "snippet", "exec"
    )


def test_bad_links_are_noted(app):
    opened(app, units="all", rule="smooth", kernels="x", left_channel="999999")
    assert not app.error
    text = app.warning[0].value
    for word in ("units", "rule", "kernels", "channel"):
        assert word in text
    assert len(titles(app)) > 5


def test_errors_of_the_service_leave_the_page_standing(app, fake):
    fake.errors[ReconstructionRequest] = OutOfMemoryError("cpu has too little memory.")
    opened(app)
    assert [error.value for error in app.error] == ["cpu has too little memory."] * 2
    fake.errors.clear()
    fake.errors[KernelStudyRequest] = RuntimeError("boom")
    app.run()
    assert titles(app).count("**Deconvnet**") == 2
    assert "that is our fault" in app.error[0].value


def test_weights_that_are_elsewhere_are_offered_to_fetch(app):
    opened(app, right="vgg16:imagenet")
    assert any("is not on this machine yet" in info.value for info in app.info)
    assert titles(app).count("**Deconvnet**") == 1


def test_random_weights_are_said_loudly(app):
    opened(app, right="vgg11:random", pairing="free")
    assert "random weights, nothing learned" in texts(app)


def test_downloads_hold_pictures_and_numbers(app, fake):
    info = fake.models["zfnet_b:bundled"]
    selection = Selection("cat", Side(info.name, "conv5"), Side("vgg16:bundled", "conv5_3"))
    settings = FilterSettings()
    sent = filters_reconstruction._ask("left", info, selection, settings)
    sheet = Image.open(io.BytesIO(filters_reconstruction.picture_file(sent, settings, "Photo: x")))
    assert sheet.width > 4 * 448
    caption = filters_reconstruction.caption(sent, "Photo: x")
    for words in ("ZFNet (b)", "bundled weights, 19 classes", "class-insensitive", "LRN", "Photo"):
        assert words in caption
    with np.load(io.BytesIO(filters_reconstruction.numbers_file(sent, "Photo: x"))) as data:
        for rule in RULES:
            np.testing.assert_array_equal(data[rule], sent.found.signal(rule))
        about = json.loads(str(data["about"]))
    assert about["provenance"]["weights"] == "bundled weights, 19 classes, 0.25 x width"
    assert about["units"][0]["value"] == pytest.approx(float(sent.found.maxima.max()))
