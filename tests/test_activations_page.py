"""The page "Activations", run by Streamlit's AppTest over a service without networks."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dashboard import (
    activation_answers,
    activation_code,
    activation_files,
    activation_numbers,
    session,
)
from dashboard.activation_settings import (
    ActivationSettings,
    choose_layer,
    chosen_channel,
    keep_orders,
    offered_layers,
    shown,
    view_of,
)
from dashboard.page_settings import settings_params
from dashboard.selection import default_selection
from dashboard.side_layers import keep_unit, partner
from pages import at_page, charts, opened, texts
from tests.fake_service import FakeService
from vgg_viz import figures
from vgg_viz.errors import VggVizError
from vgg_viz.requests import (
    ChannelsRequest,
    LayerMapsRequest,
    LayerStripRequest,
    MapRequest,
    PhotoDifferencesRequest,
)

PAGE = "activations"
MODELS = {"left": "zfnet_b:bundled", "right": "vgg16:bundled"}


def frame(app, key):
    """Header and parts of a mounted component."""
    element = next(e for e in app.get("bidi_component") if key in e.proto.id)
    return figures.unpack(element.proto.bytes)


def asked(fake, kind):
    return [request for request in fake.asked if isinstance(request, kind)]


def test_the_default_view_shows_both_networks_at_their_last_convolution(app, fake):
    at_page(app, PAGE)
    for where, layer in (("left", "conv5"), ("right", "conv5_3")):
        strip, _ = frame(app, f"{where}_strip")
        assert strip["selected"] == layer
        assert "fc8" in [each["name"] for each in strip["layers"]]
        grid, parts = frame(app, f"{where}_grid")
        assert (grid["layer"], grid["when"], grid["scale"]) == (layer, "after ReLU", "shared")
        assert len(parts["maps"]) == len(grid["means"]) * grid["size"] ** 2
        unit, _ = frame(app, f"{where}_unit")
        assert unit["channel"] == int(np.argmax(grid["means"]))
        assert not unit["chosen"]
    limits = [frame(app, f"{where}_grid")[0]["limit"] for where in MODELS]
    largest = max(max(frame(app, f"{where}_grid")[0]["highs"]) for where in MODELS)
    assert limits[0] == limits[1] == pytest.approx(largest, rel=1e-4)
    assert "bundled weights, 19 classes" in texts(app)
    assert [trace["name"] for trace in charts(app)[0]["data"]] == [
        "conv5, ZFNet (b)",
        "conv5_3, VGG-16 (D)",
    ]
    assert not asked(fake, PhotoDifferencesRequest)  # hidden views compute nothing
    assert not asked(fake, LayerMapsRequest)


def test_a_link_holds_layers_channels_place_and_settings(app):
    at_page(
        app,
        PAGE,
        relu="off",
        scale="own",
        left_layer="conv2",
        right_layer="conv2_2",
        right_channel="3",
        x="0.3",
        y="0.6",
        numbers="depth",
    )
    grid, _ = frame(app, "right_grid")
    assert (grid["layer"], grid["when"], grid["scale"]) == ("conv2_2", "before ReLU", "own")
    assert grid["signed"]
    unit, _ = frame(app, "right_unit")
    assert (unit["channel"], unit["chosen"]) == (3, True)
    assert unit["unit"] == [67, 33]  # 0.6 and 0.3 of 112 units
    names = {trace["name"] for trace in charts(app)[0]["data"]}
    assert "dead channels, VGG-16 (D)" in names
    assert len(names) == 6


def test_choosing_a_channel_does_not_change_the_frame_of_the_grid(app):
    """Streamlit then sends a hash in place of the maps."""
    at_page(app, PAGE)
    before = next(e for e in app.get("bidi_component") if "left_grid" in e.proto.id).proto.bytes
    opened(app, left_channel="7", x="0.1", y="0.1")
    app.session_state.selection = app.session_state.selection.with_side("left", channel=7)
    app.run()
    after = next(e for e in app.get("bidi_component") if "left_grid" in e.proto.id).proto.bytes
    assert before == after
    assert frame(app, "left_unit")[0]["channel"] == 7


def test_pools_norms_and_vectors_can_be_shown(app):
    at_page(app, PAGE, left_map="norm1", right_map="fc6", right_feature="5")
    grid, _ = frame(app, "left_grid")
    assert (grid["layer"], grid["when"]) == ("norm1", "")
    grid, _ = frame(app, "right_grid")
    assert (grid["layer"], grid["units"], grid["when"]) == ("fc6", 1, "after ReLU")
    unit, _ = frame(app, "right_unit")
    assert (unit["channel"], unit["unit"], len(unit["spans"])) == (5, [0, 0], 1)


def test_two_networks_of_one_name_are_told_apart(app):
    at_page(app, PAGE, right="zfnet_b:bundled")
    names = [trace["name"] for trace in charts(app)[0]["data"]]
    assert names == ["conv5, ZFNet (b) bundled, left", "conv5, ZFNet (b) bundled, right"]
    assert list(app.dataframe[0].value.columns) == ["", *names]


def test_the_stage_picker_and_the_views_change_the_address(app):
    at_page(app, PAGE)
    app.button_group(key="activation_stage").set_value(False).run()
    assert app.query_params["relu"] == "off"
    app.button_group(key="activation_view").set_value("photos").run()
    assert app.query_params["numbers"] == "photos"
    assert not app.exception
    app.selectbox(key="activation_second").set_value("horse").run()
    assert app.query_params["second"] == "horse"
    assert not app.exception


def test_every_part_follows_another_layer(app):
    """Not the whole page runs: the maps, then the numbers and the arithmetic."""
    at_page(app, PAGE)
    app.selectbox(key="right_any_layer").set_value("conv3_1").run()
    assert not app.exception
    assert (app.query_params["left_layer"], app.query_params["right_layer"]) == (
        "conv2",
        "conv3_1",
    )
    assert frame(app, "right_grid")[0]["layer"] == "conv3_1"
    assert frame(app, "right_strip")[0]["selected"] == "conv3_1"
    assert [trace["name"] for trace in charts(app)[0]["data"]] == [
        "conv2, ZFNet (b)",
        "conv3_1, VGG-16 (D)",
    ]
    assert frame(app, "right_stepper")[0]["layer"] == "conv3_1"


def test_how_the_grids_are_sorted_is_in_the_link(app):
    at_page(app, PAGE, left_sort="max", right_sort="nothing")
    assert frame(app, "left_unit")[0]["order"] == "max"
    assert frame(app, "right_unit")[0]["order"] == "mean"
    assert "nothing" in app.warning[0].value


def test_orders_that_there_are_become_settings(monkeypatch):
    told = {}
    monkeypatch.setattr(session, "set_settings", lambda **names: told.update(names))
    keep_orders({"left": "score", "right": "<script>"})
    assert told == {"left_sort": "score"}


def test_maps_depend_on_nothing_else_than_the_view(offered):
    """The browser shows a layer again that it saw in an equal view."""
    seen, selection, settings = side(offered)
    views = {view_of(seen, selection, settings)}
    for changed in (
        replace(selection, image="dog"),
        replace(selection, precision="bf16"),
        replace(selection, scale="own"),
        replace(selection, pairing="free"),
        selection.with_side("right", label="dog"),
        selection.with_side("left", model="vgg16:bundled"),
    ):
        views.add(view_of(seen, changed, settings))
    views.add(view_of(seen, selection, replace(settings, relu=False)))
    assert len(views) == 8
    same = selection.with_side("right", layer="conv1_1").with_side("left", channel=3)
    assert view_of(seen, same, replace(settings, left_map="pool1")) in views
    free = replace(selection, pairing="free")  # the scale of both depends on the other's layer
    assert view_of(seen, free.with_side("left", layer="conv1"), settings) not in views


def test_a_second_photo_is_compared_channel_by_channel(app, fake):
    at_page(app, PAGE, numbers="photos", second="horse")
    found = asked(fake, PhotoDifferencesRequest)
    assert {request.images for request in found} == {("cat", "horse")}
    assert {request.model for request in found} == set(MODELS.values())
    figure = charts(app)[0]
    assert [trace["name"] for trace in figure["data"][1:]] == [
        "conv5, ZFNet (b)",
        "conv5_3, VGG-16 (D)",
    ]
    table = app.dataframe[0].value
    assert len(table) == 10
    change = table["change"].abs().tolist()
    assert change[:5] == sorted(change[:5], reverse=True)


@pytest.mark.parametrize(
    ("params", "note"),
    [
        ({"relu": "maybe"}, "maybe"),
        ({"left_map": "conv 9!"}, "a layer's name"),
        ({"second": "../x"}, "the name of a photo"),
        ({"right_feature": "-7"}, "-1 to 25088"),
        ({"numbers": "all"}, "all"),
    ],
)
def test_bad_links_are_noted_and_something_is_shown(app, params, note):
    at_page(app, PAGE, **params)
    assert note in app.warning[0].value
    assert frame(app, "left_grid")


def test_a_second_photo_that_is_not_there_is_said_in_its_place(app):
    at_page(app, PAGE, numbers="photos", second="unicorn")
    assert any("unicorn" in error.value for error in app.error)
    assert frame(app, "left_grid")


def test_a_layer_of_another_network_is_said(app):
    at_page(app, PAGE, left_map="pool4")
    assert "ZFNet (b) has no `pool4`; showing conv5." in texts(app)
    assert frame(app, "left_grid")[0]["layer"] == "conv5"


@pytest.mark.parametrize("kind", [LayerStripRequest, ChannelsRequest, MapRequest])
def test_errors_of_the_service_are_messages(app, fake, kind):
    fake.errors[kind] = VggVizError("The device is on fire; try again.")
    at_page(app, PAGE)
    assert app.error[0].value == "The device is on fire; try again."


def test_a_network_without_weights_offers_to_fetch_them(app):
    at_page(app, PAGE, right="vgg16:imagenet")
    assert any("Fetch" in button.label for button in app.button)
    assert frame(app, "left_grid")
    assert frame(app, "left_grid")[0]["scale"] == "own"


# --- values --------------------------------------------------------------------------------------


@pytest.fixture
def offered():
    return FakeService().describe()


def side(offered, where="right", **changes):
    selection = default_selection(offered)
    settings = ActivationSettings(**changes)
    return shown(where, offered.model(MODELS[where]), selection, settings), selection, settings


def test_a_relu_follows_what_has_weights_behind_a_batch_norm_too(offered):
    for layer, follows in (("conv1_1", True), ("pool1", False), ("fc7", True), ("fc8", False)):
        seen, _, _ = side(offered, right_map="" if layer == "conv1_1" else layer)
        assert seen.has_relu == follows
        assert seen.when(relu=False) == ("before ReLU" if follows else "")


def test_layers_pair_by_kind(offered):
    zfnet, vgg = (offered.model(MODELS[where]) for where in ("left", "right"))
    assert partner("pool5", zfnet, vgg, offered_layers, by_depth=True) == "pool5"
    assert partner("fc7", vgg, zfnet, offered_layers, by_depth=True) == "fc7"
    assert partner("norm1", zfnet, vgg, offered_layers, by_depth=False) is None
    assert "relu1" not in [layer.name for layer in offered_layers(zfnet)]


def test_choices_become_settings_or_selection(offered, monkeypatch):
    changed, told = [], {}
    monkeypatch.setattr(session, "set_settings", lambda **names: told.update(names))
    monkeypatch.setattr(session, "change", changed.append)
    seen, selection, settings = side(offered)
    choose_layer("right", seen.info, "pool4", settings)
    assert changed[-1](selection, offered) == selection
    assert (told["right_map"], told["left_map"]) == ("pool4", "pool2")  # 3/4 of the depth
    choose_layer("right", seen.info, "conv1_1", settings)
    assert (told["right_map"], told["left_map"]) == ("", "")
    after = changed[-1](selection, offered)
    assert (after.right.layer, after.left.layer) == ("conv1_1", "conv1")
    keep_unit(seen.fields, (0, 13))
    moved = changed[-1](selection, offered)
    assert moved.place[0] > 0.9
    assert moved.place[1] < 0.1
    count = len(changed)
    keep_unit(seen.fields, (14, 0))  # there are 0 to 13
    assert len(changed) == count
    own, _, _ = side(offered, right_map="fc6", right_feature=9000)
    assert chosen_channel(own, selection, ActivationSettings(right_feature=9000)) is None
    assert chosen_channel(own, selection, ActivationSettings(right_feature=7)) == 7


def test_settings_go_into_the_address_and_only_what_is_unusual():
    assert settings_params(ActivationSettings()) == {}
    assert settings_params(ActivationSettings(relu=False, second="dog")) == {
        "relu": "off",
        "second": "dog",
    }


@pytest.fixture
def answers(fake):
    offered = fake.describe()
    seen, selection, settings = side(offered)
    return activation_answers.ask(seen, selection, settings), selection, settings


def test_files_hold_every_value_and_number(answers, fake):
    found, selection, _ = answers
    with np.load(io.BytesIO(activation_files.npz_file(found, selection))) as kept:
        assert kept["maps"].shape == (128, 14, 14)
        assert "VGG-16 (D), bundled weights, 19 classes" in str(kept["source"])
    lines = activation_files.numbers_file(found).decode().splitlines()
    assert len(lines) == 129
    assert lines[0].startswith("output,channel,mean,std,min,max,share_zero,gradient_x_activation")
    sheet = Image.open(io.BytesIO(activation_files.sheet_file(found, None)))
    assert sheet.width > 1000


def test_the_table_and_the_bins_agree_with_the_strip(answers):
    found, _, settings = answers
    layers = activation_numbers.named_layers([found])
    table = {
        row[""]: row["conv5_3, VGG-16 (D)"]
        for row in activation_numbers.statistics_table(layers, settings)
    }
    assert table["dead channels"] == "3 of 128"
    rows = activation_numbers.histogram_rows(layers, settings)
    drawn = sum(row["share"] for row in rows)
    assert drawn + found.strip.layer("conv5_3").after.zeros == pytest.approx(1)
    before = activation_numbers.histogram_rows(layers, ActivationSettings(relu=False))
    assert sum(row["share"] for row in before) == pytest.approx(1)


# --- the code ------------------------------------------------------------------------------------


@pytest.fixture
def real(service):
    """Both sides of the page over the real service with tiny networks."""
    offered = service.describe()
    selection = default_selection(offered).with_side("right", layer="conv3_2")
    return offered, selection


@pytest.mark.parametrize("relu", [False, True])
def test_the_code_reproduces_what_is_shown(service, real, relu):
    offered, selection = real
    settings = ActivationSettings(relu=relu)
    seen = shown("right", offered.model(selection.right.model), selection, settings)
    asked = (seen.info.name, selection.image, "conv3_2")
    names = ran(activation_code.channel_code(seen, selection, settings, 2))
    channels = service.run(ChannelsRequest(*asked, relu))
    one = service.run(MapRequest(*asked, 2, relu))
    np.testing.assert_array_equal(names["one"], one.map)
    assert names["value"] == one.map[seen.unit]
    np.testing.assert_array_equal(names["numbers"].means, channels.numbers.means)
    np.testing.assert_array_equal(names["scores"], channels.scores)
    np.testing.assert_array_equal(names["similarities"], one.similarities)

    names = ran(activation_code.layer_code(seen, selection, settings))
    summary = service.run(LayerStripRequest(*asked[:2])).layer("conv3_2")
    values = summary.values(relu=relu)
    np.testing.assert_array_equal(names["histogram"].counts, values.histogram.counts)
    np.testing.assert_array_equal(names["histogram"].edges, values.histogram.edges)
    assert names["zeros"] == summary.after.zeros
    assert (names["dead"], names["saturated"]) == (summary.dead, summary.saturated)

    names = ran(activation_code.photos_code(seen, selection, settings, "dog"))
    images = (selection.image, "dog")
    found = service.run(PhotoDifferencesRequest(asked[0], images, "conv3_2", relu))
    np.testing.assert_array_equal(names["change"], found.means[1] - found.means[0])
    np.testing.assert_array_equal(names["distances"], found.distances)
    np.testing.assert_array_equal(names["similarities"], found.similarities)


def test_the_code_of_all_layers_reproduces_the_chart(service, real):
    offered, selection = real
    for where in ("left", "right"):
        info = offered.model(selection.side(where).model)
        seen = shown(where, info, selection, ActivationSettings())
        rows = ran(activation_code.depth_code(seen, selection))["rows"]
        strip = service.run(LayerStripRequest(info.name, selection.image))
        expected = figures.depth_rows(strip)
        assert [row[0] for row in rows] == [row.layer for row in expected]
        for (_, zeros, dead, saturated), row in zip(rows, expected, strict=True):
            assert (zeros, dead) == (row.after.zeros, row.dead)
            assert row.saturated in (None, saturated)


def test_a_picked_class_and_an_upload_are_in_the_code(real):
    offered, selection = real
    info = offered.model(selection.right.model)
    selection = selection.with_side("right", label="d")
    seen = shown("right", info, selection, ActivationSettings())
    code = activation_code.channel_code(seen, selection, ActivationSettings(), 0)
    assert "target=3" in code
    upload = json.loads(json.dumps("0" * 64))
    code = activation_code.photos_code(seen, selection, ActivationSettings(), upload)
    assert activation_code.OWN_PHOTO in code
    assert upload not in code


def ran(code):
    names = {}
    exec(compile(code, "snippet", "exec"), names)  # noqa: S102 - the page's own text
    return names
