"""The page "Receptive fields", run by Streamlit's AppTest over a service without networks."""

import json
from types import SimpleNamespace

import pytest

from dashboard import receptive_field_panels as panels
from dashboard import service, session
from dashboard.receptive_field_settings import (
    FieldSettings,
    matched,
    offered_layers,
    shown,
)
from dashboard.selection import Selection, Side, four_digits
from dashboard.side_layers import partner
from fake_models import SAMPLES, fake_model
from pages import at_page, texts, whole_app
from vgg_viz import figures
from vgg_viz.architecture import describe_network, unit_fields
from vgg_viz.errors import OutOfMemoryError
from vgg_viz.models.configs import NETWORKS
from vgg_viz.requests import EffectiveFieldRequest, PictureRequest


@pytest.fixture
def frames(monkeypatch):
    """What the components were given last, by key."""
    given = {}

    def mount(frame, *, key, on_unit):
        given[key] = (figures.unpack(frame), on_unit)

    monkeypatch.setattr(panels.components, "receptive_field", mount)
    return given


@pytest.fixture
def app(fake, frames):
    return whole_app()


def opened(app, **params):
    return at_page(app, "receptive_fields", **params)


def header(frames, where):
    return frames[f"{where}_field"][0][0]


def asked(fake):
    return [request for request in fake.asked if isinstance(request, EffectiveFieldRequest)]


def chart(app):
    return json.loads(app.get("plotly_chart")[0].proto.spec)


def test_the_default_view_runs_no_network(app, fake, frames):
    fake.asked.clear()
    opened(app)
    assert not app.error
    assert not app.warning
    app.run()
    on_page = fake.asked[[type(r) for r in fake.asked].index(PictureRequest) :]
    assert asked(fake) == []
    assert all(isinstance(request, PictureRequest) for request in on_page[-20:])
    left, right = header(frames, "left"), header(frames, "right")
    assert (left["layer"], left["field"], left["size"]) == ("conv5", 139, 224)
    assert (right["layer"], right["field"], right["unit"]) == ("conv5_3", 196, [6, 6])
    assert left["margin"] == right["margin"] == pytest.approx(90 / 224 + 0.03)
    assert (left["series"], right["series"]) == (0, 1)
    assert app.query_params == {}


def test_what_stands_out_is_computed_from_the_tables(app):
    opened(app)
    shown_now = texts(app)
    for words in (
        "**conv5** of ZFNet (b) sees **139 px**, **conv5_3** of VGG-16 (D) sees **196 px**",
        "VGG-16 (D): **fc6** (404 px) is the first layer whose field is as wide as the input",
        "conv5 (139) ≈ conv5_1 (132)",
        "Araujo, Norris & Sim",
    ):
        assert words in shown_now
    titles = [trace.get("name") for trace in chart(app)["data"]]
    assert titles[0] == "layers matched by equal field"
    assert {"ZFNet (b)", "VGG-16 (D)"} <= set(titles)
    assert "conv5_3 196 px" in app.get("plotly_chart")[0].proto.alt


def test_terms_are_explained(app):
    opened(app)
    assert "Luo et al. 2016" in app.button(key="measure").help
    assert "|dS / d input|" in app.button(key="measure").help
    assert "Receptive field" in app.selectbox(key="left_map").help


def test_a_link_opens_its_view(app, frames):
    opened(app, x="0.9", y="0.1", left_layer="conv3", right_layer="conv3_2", input_size="160")
    right = header(frames, "right")
    assert (right["layer"], right["size"], right["place"]) == ("conv3_2", 160, [0.9, 0.1])
    # The centre nearest to 160 * 0.9 - 0.5 = 143.5 and 15.5: 4 i + 1.5 at 36 (145.5) and 4 (17.5)
    # lie as far away as 35 and 3: the first is taken.
    assert right["unit"] == [3, 35]
    assert header(frames, "left")["layer"] == "conv3"
    assert app.selectbox(key="field_input_size").value == "160"


def test_a_kept_unit_is_a_place_that_both_networks_show(app, frames):
    opened(app, x="0.8214", y="0.1786")  # centres of conv5_3: (7.5 + 16 i + 0.5) / 224
    assert header(frames, "right")["unit"] == [2, 11]
    left = header(frames, "left")
    centres = [start + (left["field"] - 1) / 2 for start, _ in left["spans"]]
    for unit, share in zip(left["unit"], (0.1786, 0.8214), strict=True):
        away = [abs(centre - (share * 224 - 0.5)) for centre in centres]
        assert away[unit] == min(away)


@pytest.mark.parametrize(
    ("unit", "kept"),
    [
        ({"row": 2, "column": 11}, (0.8214, 0.1786)),
        ({"row": 0, "column": 13}, (0.9643, 0.0357)),
        ({"row": 99, "column": 0}, None),  # of a layer that is gone meanwhile
        ({"row": 0, "column": -1}, None),
    ],
)
def test_a_click_keeps_the_place_of_the_unit(monkeypatch, unit, kept):
    state = {"right_field": SimpleNamespace(unit=unit)}
    monkeypatch.setattr(panels.st, "session_state", state)
    info = fake_model("vgg16", "bundled")
    side = Side(info.name, "conv5_3")
    chosen = [Selection("cat", side, side)]
    monkeypatch.setattr(session, "change", lambda by: chosen.append(by(chosen[-1], None)))
    panels._on_unit(shown("right", info, chosen[0], FieldSettings()))
    assert chosen[-1].place == kept


@pytest.mark.parametrize("network", NETWORKS)
def test_every_unit_is_found_again_from_its_place(network):
    """Also where a map has a unit for every px, from the four digits the address keeps."""
    for size in (224, 640):
        architecture = describe_network(network, input_size=size)
        for row in figures.drawn_rows(architecture):
            fields = unit_fields(architecture, row.name)
            for unit in {0, 1, fields.side // 2, fields.side - 1} & set(range(fields.side)):
                place = four_digits((fields.center(unit) + 0.5) / size)
                assert fields.nearest(place * size - 0.5) == unit, (row.name, unit)


def test_measuring_asks_both_networks_and_stays_while_the_unit_stays(app, fake, frames):
    opened(app, average="samples")
    app.button(key="measure").click().run()
    assert not app.exception
    requests = asked(fake)
    assert [(r.model, r.layer, r.row, r.column, r.input_size) for r in requests] == [
        ("zfnet_b:bundled", "conv5", 6, 6, 224),
        ("vgg16:bundled", "conv5_3", 6, 6, 224),
    ]
    assert all(r.images == SAMPLES for r in requests)
    right = header(frames, "right")
    assert right["effective"]["images"] == len(SAMPLES)
    assert (right["effective"]["side_95"], right["effective"]["relative"]) == (118, 118 / 196)
    assert right["photos"] == f"averaged over {len(SAMPLES)} photos"
    assert right["weights"] == "bundled weights, 19 classes, 0.25 x width"
    app.run()
    assert header(frames, "right")["effective"] is not None
    app.selectbox(key="right_map").select("conv4_3").run()
    assert header(frames, "right")["effective"] is None
    assert header(frames, "right")["layer"] == "conv4_3"


def test_only_this_photo(app, fake, frames):
    opened(app, image="dog")
    app.segmented_control(key="field_average").set_value("photo").run()
    assert app.query_params["average"] == "photo"
    app.button(key="measure").click().run()
    assert {request.images for request in asked(fake)} == {("dog",)}
    assert header(frames, "left")["photos"] == "on this photo"


def test_weights_made_for_another_size_say_so(app, frames):
    opened(app, input_size="96")
    assert header(frames, "left")["weights"].endswith("made for an input of 224 px")
    app.selectbox(key="field_input_size").select("Its own").run()
    assert app.query_params["input_size"] == "0"
    assert header(frames, "left")["size"] == 224
    assert not header(frames, "left")["weights"].endswith("px")


def test_pools_and_fc6_can_be_shown_and_pair_with_their_kind(app, fake, frames):
    opened(app, pairing="field")
    app.selectbox(key="right_map").select("pool3").run()
    assert not app.exception
    assert (header(frames, "right")["layer"], header(frames, "left")["layer"]) == ("pool3", "pool2")
    assert (app.query_params["right_map"], app.query_params["left_map"]) == ("pool3", "pool2")
    app.selectbox(key="left_map").select("fc6").run()
    assert (header(frames, "right")["layer"], header(frames, "left")["layer"]) == ("fc6", "fc6")
    assert len(header(frames, "right")["spans"]) == 1
    app.selectbox(key="left_map").select("conv3").run()
    assert (header(frames, "right")["layer"], header(frames, "left")["layer"]) == (
        *("conv4_2", "conv3"),
    )
    assert "left_map" not in app.query_params


def test_free_pairing_leaves_the_other_side_alone(app, frames):
    opened(app, pairing="free")
    app.selectbox(key="right_map").select("pool4").run()
    assert (header(frames, "right")["layer"], header(frames, "left")["layer"]) == ("pool4", "conv5")


def test_a_pool_the_network_does_not_have_is_noted(app, frames):
    opened(app, left_map="pool4")
    assert header(frames, "left")["layer"] == "conv5"
    assert "ZFNet (b) has no `pool4`; showing conv5." in texts(app)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"x": "2"}, "the place `2, 0.5`, but x and y have to be 0 to 1"),
        ({"y": "left"}, "the place `0.5, left`"),
        ({"input_size": "99999"}, "input_size `99999`, but it has to be 0 to 1024"),
        ({"left_map": "<b>"}, "left_map `<b>`"),
        ({"average": "none"}, "average `none`"),
        ({"right_layer": "conv9_9"}, "`conv9_9`, which VGG-16 (D) does not have"),
    ],
)
def test_a_bad_link_is_explained(app, frames, params, words):
    opened(app, **params)
    assert words in app.warning[0].value
    assert header(frames, "right")["layer"] == "conv5_3"


def test_an_input_too_small_names_layer_and_least_size(app, frames):
    opened(app, input_size="40")
    (error,) = app.error
    assert "An input of 40 px is too small for zfnet_b: nothing is left at pool" in error.value
    assert "Give at least" in error.value
    assert header(frames, "right")["size"] == 40  # VGG goes on
    assert len(chart(app)["data"]) >= 2
    app.selectbox(key="field_input_size").select("64").run()
    assert not app.error


@pytest.fixture
def changes(monkeypatch):
    """Settings that callbacks change; AppTest neither clicks components nor types new options."""
    made = {}
    monkeypatch.setattr("dashboard.session.set_settings", lambda **new: made.update(new))
    return made


@pytest.mark.parametrize("typed", ["nine", "0", "5000", "-3", "1e3", "", "²"])
def test_a_size_that_is_none_is_refused_in_words(changes, monkeypatch, typed):
    told = []
    monkeypatch.setattr(service, "tell", told.append)
    panels._on_size(typed)
    assert told == ["An input size is a number of px from 1 to 1024."]
    assert changes == {}


@pytest.mark.parametrize(
    ("typed", "size"), [("300", 300), (" 300 px", 300), ("1", 1), ("1024px", 1024), ("Its own", 0)]
)
def test_a_size_can_be_typed(changes, typed, size):
    panels._on_size(typed)
    assert changes == {"input_size": size}


def test_weights_that_are_not_here_have_fields_but_cannot_be_measured(app, fake, frames):
    opened(app, left="alexnet:imagenet", right="vgg16:imagenet")
    assert header(frames, "right")["field"] == 196
    assert "not on this machine yet" in app.info[0].value
    app.button(key="measure").click().run()
    assert [request.model for request in asked(fake)] == ["alexnet:imagenet"]
    assert header(frames, "right")["effective"] is None


def test_a_failure_is_told_in_place_of_the_heat(app, fake, frames):
    opened(app)
    fake.errors[EffectiveFieldRequest] = OutOfMemoryError("cpu has too little memory.")
    app.button(key="measure").click().run()
    assert not app.exception
    assert [error.value for error in app.error] == ["cpu has too little memory."] * 2
    assert header(frames, "left")["effective"] is None


def test_the_table_is_made_when_it_is_opened():
    architecture = describe_network("zfnet_b"), describe_network("vgg16")
    networks = [
        figures.FieldGrowth(architecture[0], "conv5", 0),
        figures.FieldGrowth(architecture[1], "conv5_3", 1),
    ]
    rows = panels.table(networks, matched(*architecture))
    assert len(rows) == 9 + 19
    conv5 = next(row for row in rows if row["layer"] == "conv5")
    assert conv5 == {
        "network": "ZFNet (b)",
        "layer": "conv5",
        "field_px": 139,
        "stride_px": 16,
        "padding_px": 49,
        "first_centre_px": 20.0,
        "units": 13,
        "input_px": 224,
        "equal_field_in_the_other": "conv5_1",
    }
    assert next(r for r in rows if r["layer"] == "conv5_1")["equal_field_in_the_other"] == "conv5"


def test_layers_match_in_both_orders():
    zfnet, vgg = describe_network("zfnet_b"), describe_network("vgg16")
    pairs = matched(zfnet, vgg)
    assert pairs[-1] == ("conv5", "conv5_1")
    assert len(pairs) == 5
    assert matched(vgg, zfnet) == tuple((two, one) for one, two in pairs)


def test_partners_are_of_the_same_kind():
    zfnet, vgg = fake_model("zfnet_b", "bundled"), fake_model("vgg16", "bundled")
    assert partner("fc6", zfnet, vgg, offered_layers, by_depth=True) == "fc6"
    assert partner("pool5", zfnet, vgg, offered_layers, by_depth=True) == "pool5"
    assert partner("pool2", zfnet, vgg, offered_layers, by_depth=True) == "pool3"
    assert partner("pool5", zfnet, vgg, offered_layers, by_depth=False) == "pool5"
    assert [layer.name for layer in offered_layers(zfnet)] == [
        "conv1",
        "pool1",
        "conv2",
        "pool2",
        "conv3",
        "conv4",
        "conv5",
        "pool5",
        "fc6",
    ]


def test_every_registered_network_can_be_shown():
    for network in NETWORKS:
        info = fake_model(network, "random")
        side = Side(info.name, info.convs[0].name)
        for name in [layer.name for layer in offered_layers(info)]:
            seen = shown("left", info, Selection("cat", side, side), FieldSettings(left_map=name))
            if name == seen.row.name:  # a convolution is the selection's matter
                assert 0 <= min(seen.unit) <= max(seen.unit) < seen.fields.side
