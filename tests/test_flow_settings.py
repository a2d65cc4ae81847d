"""The selection of the panel "At initialisation": changes, addresses, requests."""

from dataclasses import replace

import pytest

from dashboard.flow_settings import (
    DEFAULT,
    MOST,
    PRESETS,
    FlowSelection,
    Setting,
    as_params,
    parse,
    preset_of,
    request,
    source_missing,
    title,
    with_another,
    with_preset,
    with_setting,
    without,
)
from fake_models import fake_model
from fake_service import FakeService

UPLOAD = "c0ffee" + "0" * 58
STAGED = Setting("vgg16", "staged")


@pytest.fixture
def offered():
    return FakeService().describe()


def read(offered, keeps=lambda _: False, **params):
    return parse(params, offered, keeps)


def with_a(offered, *, available):
    a = fake_model("vgg11", "imagenet", available=available)
    return replace(offered, models=(*offered.models, a))


def test_the_default_leaves_the_address_empty(offered):
    assert as_params(DEFAULT) == {}
    assert read(offered) == (DEFAULT, ())
    assert DEFAULT.settings[0] == Setting("vgg16", "std_0.01")
    assert {setting.initialization for setting in DEFAULT.settings} == {
        "std_0.01",
        "he_fan_in",
        "glorot",
    }


def test_everything_returns_from_the_address(offered):
    chosen = FlowSelection(
        (Setting("vgg11_lrn", "lsuv"), Setting("zfnet_b", "std_0.01")),
        "quarter",
        "dog",
        0.0037,
        12,
        ("dead_share", "z_std", "z_std"),
        "conv4_2",
        reference=False,
    )
    params = as_params(chosen)
    assert params["settings"] == "vgg11_lrn:lsuv,zfnet_b:std_0.01"
    assert len(params) == 8
    assert read(offered, **params) == (chosen, ())


def test_no_settings_at_all_is_an_address_too(offered):
    empty = replace(DEFAULT, settings=())
    assert as_params(empty) == {"settings": "none"}
    assert read(offered, settings="none") == (empty, ())


def test_an_upload_is_asked_for_while_the_server_keeps_it(offered):
    assert read(offered, keeps=lambda name: name == UPLOAD, input=UPLOAD)[0].input == UPLOAD
    gone, notes = read(offered, input=UPLOAD)
    assert gone.input == "noise"
    assert "an upload that this server no longer keeps" in notes[0]
    assert UPLOAD not in notes[0]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"settings": "vgg99:lsuv"}, "the network `vgg99`"),
        ({"settings": "vgg16:hope"}, "the initialisation `hope`"),
        ({"settings": "`#,<b>"}, "the network `'#`"),
        ({"settings": ""}, "the network ` `"),
        ({"size": "huge"}, "size `huge`"),
        ({"input": "unicorn"}, "the input `unicorn`"),
        ({"lr": "fast"}, "the learning rate `fast`"),
        ({"lr": "nan"}, "the learning rate `nan`"),
        ({"lr": "-1"}, "the learning rate `-1`"),
        ({"lr": "inf"}, "the learning rate `inf`"),
        ({"seed": "1.5"}, "the seed `1.5`"),
        ({"seed": "99999999999999999999"}, "the seed `9999"),
        ({"show": "z_std"}, "the charts `z_std`"),
        ({"show": "a,b,c"}, "the charts `a,b,c`"),
        ({"layer": "x" * 99}, "the layer `xxx"),
        ({"reference": "maybe"}, "reference `maybe`"),
    ],
)
def test_what_cannot_be_used_is_named_and_replaced(offered, params, words):
    chosen, notes = read(offered, **params)
    assert chosen == DEFAULT
    assert words in notes[0]


def test_one_bad_setting_spoils_no_other(offered):
    chosen, notes = read(offered, settings="vgg19:lsuv,vgg99:lsuv", layer="conv5_4")
    assert chosen.settings == (Setting("vgg19", "lsuv"),)
    assert chosen.layer == "conv5_4"
    assert len(notes) == 1


def test_a_long_link_shows_as_many_settings_as_there_are_markers(offered):
    chosen, notes = read(offered, settings=",".join(["vgg11:lsuv"] * 5000))
    assert len(chosen.settings) == MOST
    assert notes == (f"The link asks for more than {MOST} settings; showing {MOST}.",)


def test_settings_are_changed_added_and_removed(offered):
    changed = with_setting(DEFAULT, 1, network="vgg19")
    assert changed.settings[1] == Setting("vgg19", "he_fan_in")
    assert without(changed, 0).settings == changed.settings[1:]
    more = with_another(DEFAULT, offered)
    assert len(set(more.settings)) == 4
    assert more.settings[-1].network == "vgg16"
    for _ in range(9):
        more = with_another(more, offered)
    assert len(more.settings) == MOST
    assert with_another(replace(DEFAULT, settings=()), offered).settings[0].network == "vgg16"


def test_a_preset_is_shown_as_chosen_and_computable(offered):
    assert preset_of(DEFAULT) is None
    for name in PRESETS:
        chosen = with_preset(DEFAULT, name, offered)
        assert preset_of(chosen) == name
        assert not any(source_missing(s, chosen.size, offered) for s in chosen.settings)
    assert with_preset(DEFAULT, "Variance or std?", offered).size == "full"
    assert with_preset(DEFAULT, "The rescues", offered).size == "quarter"
    at_hand = with_a(offered, available=True)
    assert with_preset(DEFAULT, "The rescues", at_hand).size == "full"


def test_staged_weights_at_full_width_need_a_trained_a(offered):
    assert source_missing(STAGED, "full", offered)
    assert source_missing(STAGED, "full", with_a(offered, available=False))
    assert not source_missing(STAGED, "full", with_a(offered, available=True))
    assert not source_missing(STAGED, "quarter", offered)
    assert not source_missing(DEFAULT.settings[0], "full", offered)


def test_requests_ask_at_the_chosen_size():
    chosen = replace(DEFAULT, input="dog", learning_rate=0.1, seed=3)
    asked = request(STAGED, chosen)
    assert (asked.network, asked.initialization, asked.input) == ("vgg16", "staged", "dog")
    assert (asked.width, asked.input_size, asked.classes) == (1.0, 224, 1000)
    assert (asked.source, asked.learning_rate, asked.seed) == ("vgg11:imagenet", 0.1, 3)
    small = request(STAGED, replace(chosen, size="quarter"))
    assert (small.width, small.input_size, small.classes) == (0.25, 128, 19)
    assert small.source == "vgg11:bundled"


def test_a_setting_has_a_title(offered):
    assert title(Setting("vgg16", "he_fan_in"), offered) == "VGG-16 (D), He, fan-in"
