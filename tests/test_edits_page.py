"""The page "Edits", run by Streamlit's AppTest over a service without networks."""

from types import SimpleNamespace

import pytest

from dashboard import (
    edits_carrying,
    edits_channels,
    edits_code,
    edits_invariance,
    edits_region,
    session,
)
from dashboard.edits_settings import EditsSettings, edit_request, factors_of, typed
from dashboard.selection import Selection, Side
from fake_models import fake_model
from fake_service import FakeService
from pages import at_page, charts, texts, whole_app
from vgg_viz import figures
from vgg_viz.errors import OutOfMemoryError
from vgg_viz.requests import (
    CarryingChannelsRequest,
    EditRequest,
    InvarianceRequest,
)

PAIR = "zfnet_b:bundled conv5 3x0 17x2", "vgg16:bundled conv5_3 6x0"


@pytest.fixture
def frames(monkeypatch):
    """What the tiles and overlays were given last, by key."""
    given = {}
    monkeypatch.setattr(
        edits_channels.components,
        "channel_tiles",
        lambda frame, *, key, on_edit: given.update({key: figures.unpack(frame)[0]}),
    )
    monkeypatch.setattr(
        edits_channels.components,
        "overlay",
        lambda frame, *, key: given.update({key: figures.unpack(frame)[0]}),
    )
    return given


@pytest.fixture
def app(fake, frames):
    return whole_app()


def opened(app, **params):
    return at_page(app, "edits", **params)


def asked(fake, kind):
    return [request for request in fake.asked if isinstance(request, kind)]


def last(fake):
    """The two questions of the last run."""
    return asked(fake, EditRequest)[-2:]


# --- Channels ------------------------------------------------------------------------------------


def test_the_default_view_edits_nothing_and_searches_nothing(app, fake, frames):
    opened(app)
    assert not app.error
    assert not app.warning
    assert [(r.model, r.layer, r.channels, r.region, r.swap) for r in last(fake)] == [
        ("zfnet_b:bundled", "conv5", (), None, None),
        ("vgg16:bundled", "conv5_3", (), None, None),
    ]
    assert asked(fake, CarryingChannelsRequest) == asked(fake, InvarianceRequest) == []
    assert texts(app).count("nothing edited; click a channel below") == 2
    assert len(frames["left_tiles"]["channels"]) == 12
    assert set(frames["left_tiles"]["factors"]) == {1.0}
    assert app.query_params == {}


def test_a_link_opens_its_edit(app, fake, frames):
    opened(app, left_edit=PAIR[0], right_edit=PAIR[1])
    left, right = last(fake)
    assert left.channels == ((3, 0.0), (17, 2.0))
    assert right.channels == ((6, 0.0),)
    tiles = frames["left_tiles"]
    factors = dict(zip(tiles["channels"], tiles["factors"], strict=True))
    assert (factors.pop(3), factors.pop(17)) == (0, 2)
    assert set(factors.values()) == {1}
    assert "conv5: 1 of 128 channels off; 1 scaled" in texts(app)
    assert app.text_input(key="left_typed").value == "3, 17x2"
    before, after = frames["left_cam_before"], frames["left_cam_after"]
    assert before["limit"] == after["limit"] >= max(before["own"], after["own"])
    assert "after the edit" in after["label"]
    assert "bundled weights" in after["label"]


def test_bars_stand_for_before_and_after_with_the_change(app, fake):
    opened(app, right_edit=PAIR[1])
    bars = charts(app)[1]["data"]
    assert [trace["name"] for trace in bars] == ["before", "after"]
    assert bars[1]["text"][0].endswith(")")
    assert "−" in bars[1]["text"][0]
    assert "(" not in bars[0]["text"][0]
    alt = app.get("plotly_chart")[1].proto.alt
    assert "VGG-16 (D), conv5_3: 1 of 128 channels off" in alt


def test_typing_edits_and_nonsense_is_explained(app, fake):
    opened(app)
    app.text_input(key="right_typed").set_value("5, 9 x0.5").run()
    assert last(fake)[1].channels == ((5, 0.0), (9, 0.5))
    assert app.query_params["right_edit"] == "vgg16:bundled conv5_3 5x0 9x0.5"
    app.text_input(key="right_typed").set_value("999").run()
    assert "channels 0 to 127; not 999" in app.warning[0].value
    assert last(fake)[1].channels == ((5, 0.0), (9, 0.5))
    app.text_input(key="right_typed").set_value("").run()
    assert last(fake)[1].channels == ()
    assert "right_edit" not in app.query_params


def test_another_layer_or_network_is_not_edited(app, fake):
    opened(app, right_edit=PAIR[1])
    app.selectbox(key="right_layer").select("conv5_2").run()
    assert last(fake)[1].layer == "conv5_2"
    assert last(fake)[1].channels == ()
    app.selectbox(key="right_layer").select("conv5_3").run()
    assert last(fake)[1].channels == ((6, 0.0),)


def test_reset_is_the_way_back(app, fake):
    opened(app, left_edit=PAIR[0], right_edit=PAIR[1], region="0.1,0.2,0.5,0.6", swap="dog")
    assert last(fake)[0].region == (0.1, 0.2, 0.5, 0.6)
    assert last(fake)[0].swap == "dog"
    app.button(key="edits_reset").click().run()
    assert not app.exception
    assert [(r.channels, r.region, r.swap) for r in last(fake)] == [((), None, None)] * 2
    assert app.query_params == {}


def test_swapping_the_listed_channels_takes_the_place_of_factors(app, fake):
    opened(app, left_edit=PAIR[0], swap="dog", listed="on")
    left, right = last(fake)
    assert (left.swap, left.swap_channels, left.channels) == ("dog", (3, 17), ())
    assert right.swap is None
    assert "2 channels from dog" in texts(app)
    app.toggle(key="edits_listed").set_value(False).run()
    assert [request.swap_channels for request in last(fake)] == [(), ()]


def test_tiles_can_be_those_that_carry_the_class(app, fake, frames):
    opened(app, order="carrying")
    assert frames["left_tiles"]["channels"] == [(3 + 2 * i) % 64 for i in range(12)]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"left_edit": "<b>"}, "left_edit `<b>`, but it has to be an edit"),
        ({"region": "0.5,0.5,0.4,0.6"}, "region `0.5,0.5,0.4,0.6`"),
        ({"region": "nan,0,1,1"}, "region `nan,0,1,1`"),
        ({"swap": "nobody"}, "swap `nobody`, which is not a photo here"),
        ({"view": "all"}, "view `all`"),
        ({"steps": "99"}, "steps `99`, but it has to be 3 to 41"),
        ({"count": "0"}, "count `0`"),
    ],
)
def test_a_bad_link_is_explained(app, params, words):
    opened(app, **params)
    assert words in app.warning[0].value


def test_an_edit_of_channels_that_are_not_there_is_dropped():
    side = Side("vgg16:bundled", "conv5_3")
    chosen = Selection("cat", side, side)
    settings = EditsSettings(left_edit="vgg16:bundled conv5_3 3x0 5000x0")
    info = fake_model("vgg16", "bundled")
    assert factors_of(settings, "left", chosen, info) == {3: 0.0}
    assert edit_request("left", chosen, settings, info).channels == ((3, 0.0),)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("3", {3: 0.0}),
        ("3, 17x2", {3: 0.0, 17: 2.0}),
        ("3;4 5", {3: 0.0, 4: 0.0, 5: 0.0}),
        ("7 × -1.5", {7: -1.5}),
        (" 7*0.25, ", {7: 0.25}),
    ],
)
def test_what_can_be_typed(text, found):
    assert typed(text, 20) == found


@pytest.mark.parametrize("text", ["x", "20", "-1", "3x", "3x1000", "3xnan", "1e3", "3x101"])
def test_what_cannot_be_typed(text):
    with pytest.raises(ValueError, match=r"is no channel|has channels|factor"):
        typed(text, 20)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        ({"channel": 5, "factor": 0}, "vgg16:bundled conv5_3 3x0 5x0"),
        ({"channel": 3, "factor": 1}, ""),
        ({"channel": 3, "factor": 1.75}, "vgg16:bundled conv5_3 3x1.75"),
    ],
)
def test_a_tile_edits_its_channel_and_selects_it(monkeypatch, made, text):
    now = EditsSettings(right_edit="vgg16:bundled conv5_3 3x0")  # of a click after the drawing
    state = {"right_tiles": SimpleNamespace(edited=made), "settings": {EditsSettings: now}}
    monkeypatch.setattr(edits_channels.st, "session_state", state)
    side = Side("vgg16:bundled", "conv5_3")
    chosen, kept = [Selection("cat", side, side)], {}
    offered = FakeService().describe()
    monkeypatch.setattr(session, "change", lambda by: chosen.append(by(chosen[-1], offered)))
    monkeypatch.setattr(session, "set_settings", lambda **changes: kept.update(changes))
    edits_channels._on_tile("right")
    assert kept == {"right_edit": text}
    assert chosen[-1].right.channel == made["channel"]


def test_masking_by_sliders(monkeypatch):
    kept = {}
    monkeypatch.setattr(session, "set_settings", lambda **changes: kept.update(changes))
    edits_region.on_region((0.1, 0.2, 0.5, 0.6), 0, (20, 90))
    assert kept == {"region": "0.2,0.2,0.9,0.6"}
    edits_region.on_region((0.1, 0.2, 0.5, 0.6), 1, (0, 100))
    assert kept == {"region": "0.1,0,0.5,1"}
    assert EditsSettings(region=kept["region"]).rectangle() == (0.1, 0, 0.5, 1)


def test_different_classes_have_pickers_of_their_own(app, fake):
    opened(app, right="vgg11:random")
    assert "Untrained: random weights know no class." in texts(app)
    app.selectbox(key="right_class").select("cat").run()
    assert last(fake)[1].target == 1
    assert last(fake)[0].target == 2  # "cat" among the bundled classes


def test_weights_that_are_not_here_can_be_fetched(app, fake):
    opened(app, right="vgg16:imagenet")
    assert "not on this machine yet" in app.info[0].value
    assert {request.model for request in asked(fake, EditRequest)} == {"zfnet_b:bundled"}


def test_a_failure_is_told_in_place(app, fake):
    fake.errors[EditRequest] = OutOfMemoryError("cpu has too little memory.")
    opened(app)
    assert [error.value for error in app.error] == ["cpu has too little memory."] * 2


# --- Which carry the class -----------------------------------------------------------------------


def test_curves_by_gradient_and_at_random_stand_at_once(app, fake):
    opened(app, view="carry", count="7")
    assert not app.exception
    assert asked(fake, EditRequest) == []
    found = asked(fake, CarryingChannelsRequest)
    assert {(r.method, r.count) for r in found} == {("gradient", 7), ("random", 7)}
    names = [trace["name"] for trace in charts(app)[0]["data"]]
    assert names == ["by gradient", "lowest to highest of 16 orders", "random order, mean"]
    assert charts(app)[0]["layout"]["yaxis"]["range"] == charts(app)[1]["layout"]["yaxis"]["range"]


def test_the_greedy_search_runs_when_asked_and_its_channels_can_be_edited(app, fake):
    opened(app, view="carry")
    app.button(key="edits_search").click().run()
    assert not app.exception
    greedy = [r for r in asked(fake, CarryingChannelsRequest) if r.method == "greedy"]
    assert [(r.model, r.layer, r.count) for r in greedy] == [
        ("zfnet_b:bundled", "conv5", 5),
        ("vgg16:bundled", "conv5_3", 5),
    ]
    assert "Greedy: 7, 9, 11, 13, 15; logit" in texts(app)
    assert "greedy" in [trace["name"] for trace in charts(app)[1]["data"]]
    app.button(key="right_use_greedy").click().run()
    assert app.query_params["right_edit"] == "vgg16:bundled conv5_3 7x0 9x0 11x0 13x0 15x0"
    assert "view" not in app.query_params
    assert last(fake)[1].channels == tuple((channel, 0.0) for channel in (7, 9, 11, 13, 15))


def test_a_search_that_fails_leaves_the_rest(app, fake):
    opened(app, view="carry")
    fake.errors[CarryingChannelsRequest] = OutOfMemoryError("too little memory")
    app.button(key="edits_search").click().run()
    assert not app.exception
    assert {error.value for error in app.error} == {"too little memory"}


# --- Invariance ----------------------------------------------------------------------------------


def test_invariance_is_measured_when_asked(app, fake):
    opened(app, view="invariance", transform="rotate", steps="6")
    assert asked(fake, InvarianceRequest) == []
    assert "on 7 changed photos" in app.info[0].value
    app.button(key="edits_measure").click().run()
    assert not app.exception
    assert [(r.model, r.transform, r.steps, r.fill) for r in asked(fake, InvarianceRequest)] == [
        ("zfnet_b:bundled", "rotate", 7, "mean"),
        ("vgg16:bundled", "rotate", 7, "mean"),
    ]
    probability, fc7, first, last_conv = charts(app)
    assert [t["name"] for t in probability["data"]] == ["ZFNet (b): cat", "VGG-16 (D): cat"]
    assert [t["name"] for t in fc7["data"]] == ["ZFNet (b), fc7", "VGG-16 (D), fc7"]
    assert [t["name"] for t in first["data"]] == ["ZFNet (b), conv1", "VGG-16 (D), conv1_1"]
    assert [t["name"] for t in last_conv["data"]] == ["ZFNet (b), conv5", "VGG-16 (D), conv5_3"]
    assert len(fc7["data"][0]["x"]) == 7
    dashes = [trace["line"]["dash"] for trace in fc7["data"]]
    assert dashes == ["solid", "dash"]
    assert "Both networks: bundled weights" in texts(app)
    app.segmented_control(key="edits_transform").set_value("scale").run()
    assert charts(app) == []


def test_a_failed_measurement_is_told(app, fake):
    opened(app, view="invariance")
    fake.errors[InvarianceRequest] = OutOfMemoryError("too little memory")
    app.button(key="edits_measure").click().run()
    assert not app.exception
    assert app.error[0].value == "too little memory"


# --- the code ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "shown"),
    [
        (
            (
                EditRequest(
                    "vgg16:bundled",
                    "cat",
                    "conv4_1",
                    ((3, 0.0), (7, 2.5)),
                    (0.0, 0.1, 0.5, 0.9),
                    swap="dog",
                    swap_channels=(1,),
                ),
            ),
            edits_channels.SHOWN,
        ),
        (
            (
                CarryingChannelsRequest("zfnet_b:bundled", "cat", "conv5", count=2),
                CarryingChannelsRequest(
                    "zfnet_b:bundled", "cat", "conv5", count=2, method="greedy"
                ),
            ),
            edits_carrying.SHOWN,
        ),
        (
            (InvarianceRequest("zfnet_b:bundled", "cat", "rotate", 3),),
            edits_invariance.SHOWN,
        ),
    ],
)
def test_the_code_runs_and_prints_what_the_panel_shows(service, capsys, requests, shown):
    exec(edits_code.program(requests, shown), {})  # noqa: S102 - the page's own text
    out = capsys.readouterr().out
    answer = service.run(requests[-1])
    words = {
        "Edited": lambda: str(answer.probabilities_after[answer.top()[0]]),
        "CarryingChannels": lambda: str(answer.channels),
        "Invariance": lambda: str(answer.probabilities[0]),
    }[type(answer).__name__]()
    assert words in out


def test_code_about_an_upload_says_what_to_read():
    digest = "ab" * 32
    text = edits_code.program((EditRequest("vgg16:bundled", digest, "conv1_1"),), "print(1)")
    assert 'service.put_image(Path("photo.jpg").read_bytes())  # is abababababab...' in text
    assert text.startswith("from pathlib import Path")
