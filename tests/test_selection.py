"""What an address asks for is what is shown, or a note says what is shown instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.selection import (
    WHERE,
    Selection,
    as_params,
    class_labels,
    default_selection,
    layer_info,
    model_info,
    other,
    parse,
    with_image,
    with_label,
    with_layer,
    with_model,
    with_pairing,
    with_place,
)
from fake_service import FakeService

OFFERED = FakeService().describe()
MODELS = [model.name for model in OFFERED.models]
UPLOAD = "ab" * 32


def kept(image):
    return image == UPLOAD


def layers_of(model):
    return [layer.name for layer in model_info(OFFERED, model).convs]


@st.composite
def selections(draw) -> Selection:
    chosen = with_image(
        default_selection(OFFERED),
        draw(st.sampled_from([*(sample.name for sample in OFFERED.samples), UPLOAD])),
    )
    for where in WHERE:
        chosen = with_model(chosen, where, draw(st.sampled_from(MODELS)), OFFERED)
    chosen = with_pairing(chosen, draw(st.sampled_from(["depth", "field", "free"])), OFFERED)
    for where in WHERE:
        info = model_info(OFFERED, chosen.side(where).model)
        chosen = with_layer(chosen, where, draw(st.sampled_from(layers_of(info.name))), OFFERED)
        label = draw(st.none() | st.sampled_from(list(class_labels(info.classes))))
        chosen = with_label(chosen, where, label, OFFERED)
    for where in WHERE:
        side = chosen.side(where)
        channels = layer_info(model_info(OFFERED, side.model), side.layer).channels
        chosen = chosen.with_side(where, channel=draw(st.none() | st.integers(0, channels - 1)))
    shares = st.floats(0, 1)
    return with_place(chosen, draw(shares), draw(shares)) if draw(st.booleans()) else chosen


@given(selections())
def test_an_address_brings_back_the_selection(chosen):
    assert parse(as_params(chosen, OFFERED), OFFERED, kept) == (chosen, ())


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("image", "left", "right", "pairing", "scale", "precision"),
                *(f"{w}_{what}" for w in WHERE for what in ("layer", "class", "channel")),
            ]
        ),
        st.text(max_size=80) | st.sampled_from([*MODELS, "conv3", "cat", "7", "f" * 64]),
    )
)
def test_any_address_is_read_and_what_is_wrong_is_named(params):
    chosen, notes = parse(params, OFFERED, kept)
    assert parse(as_params(chosen, OFFERED), OFFERED, kept) == (chosen, ())
    for note in notes:
        assert note.startswith("The link asks for ")
        assert "showing " in note
        assert len(note) < 260


def test_the_first_visit_has_an_empty_address():
    chosen = default_selection(OFFERED)
    assert as_params(chosen, OFFERED) == {}
    assert (chosen.left.model, chosen.right.model) == ("zfnet_b:bundled", "vgg16:bundled")
    assert (chosen.left.layer, chosen.right.layer) == ("conv5", "conv5_3")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (
            {"left": "vgg99:bundled"},
            "`vgg99:bundled`, which is not offered here; showing ZFNet (b)",
        ),
        ({"image": "unicorn"}, "`unicorn`, which is not among the samples; showing A cat"),
        ({"image": "f" * 64}, "no longer keeps. Upload it again; showing A cat"),
        ({"left_layer": "conv9"}, "`conv9`, which ZFNet (b) does not have; showing conv5"),
        ({"right_class": "yeti"}, "`yeti`, which VGG-16 (D) does not know"),
        ({"left_channel": "128"}, "`128`, but conv5 of ZFNet (b) has 0 to 127"),
        ({"left_channel": "-1"}, "`-1`, but conv5"),
        ({"left_channel": "9" * 5000}, "has 0 to 127"),
        ({"pairing": "size"}, "pairing `size`, which does not exist; showing depth"),
        ({"scale": ""}, "scale ` `, which does not exist; showing shared"),
        ({"precision": "fp8"}, "precision `fp8`"),
        ({"left": "`![x](http://a)`\n# boo"}, "`'![x](http://a)' # boo`"),
    ],
)
def test_a_bad_value_is_named_with_what_is_shown_instead(params, words):
    chosen, notes = parse(params, OFFERED, kept)
    assert len(notes) == 1
    assert words in notes[0]
    assert chosen == default_selection(OFFERED)


def test_one_given_layer_pairs_the_other():
    chosen, _ = parse({"right_layer": "conv5_1", "pairing": "field"}, OFFERED, kept)
    assert (chosen.left.layer, chosen.right.layer) == ("conv5", "conv5_1")
    chosen, _ = parse({"left_layer": "conv1"}, OFFERED, kept)
    assert chosen.right.layer == "conv1_1"
    chosen, _ = parse({"pairing": "field"}, OFFERED, kept)
    assert (chosen.left.layer, chosen.right.layer) == ("conv5", "conv5_1")
    both = {"left_layer": "conv1", "right_layer": "conv5_3"}
    chosen, _ = parse(both, OFFERED, kept)
    assert (chosen.left.layer, chosen.right.layer) == ("conv1", "conv5_3")


def test_equal_receptive_fields_pair_conv5_with_conv5_1():
    chosen = with_pairing(default_selection(OFFERED), "field", OFFERED)
    fields = [
        layer_info(model_info(OFFERED, chosen.side(w).model), chosen.side(w).layer).receptive_field
        for w in WHERE
    ]
    assert chosen.right.layer == "conv5_1"
    assert fields == [139, 132]


@given(selections(), st.sampled_from(WHERE), st.data())
def test_layers_follow_unless_they_are_free(chosen, where, data):
    layer = data.draw(st.sampled_from(layers_of(chosen.side(where).model)))
    changed = with_layer(chosen, where, layer, OFFERED)
    assert changed.side(where).layer == layer
    follower, before = changed.side(other(where)), chosen.side(other(where))
    if chosen.pairing == "free":
        assert follower == before
    if chosen.pairing == "depth":
        last = layers_of(chosen.side(where).model)[-1] == layer
        assert (follower.layer == layers_of(follower.model)[-1]) == last or not last


def test_a_class_is_followed_where_its_name_is_known():
    both = with_model(default_selection(OFFERED), "right", "alexnet:imagenet", OFFERED)
    cat = with_label(both, "left", "cat", OFFERED)
    assert (cat.left.label, cat.right.label) == ("cat", "cat")
    giraffe = with_label(cat, "left", "giraffe", OFFERED)
    assert (giraffe.left.label, giraffe.right.label) == ("giraffe", "cat")
    none = with_label(giraffe, "right", None, OFFERED)
    assert (none.left.label, none.right.label) == (None, None)


def test_classes_of_the_same_name_are_told_apart():
    labels = class_labels(model_info(OFFERED, "alexnet:imagenet").classes)
    assert len(labels) == 1000
    assert (labels["crane (class 2)"], labels["crane (class 3)"]) == (2, 3)


def test_another_photo_forgets_class_and_channel():
    chosen = with_label(default_selection(OFFERED), "left", "dog", OFFERED)
    chosen = with_image(chosen.with_side("right", channel=3), "dog")
    assert chosen.image == "dog"
    assert (chosen.left.label, chosen.right.label, chosen.right.channel) == (None, None, None)


def test_a_place_in_the_photo_is_kept_in_four_digits():
    placed = with_place(default_selection(OFFERED), 0.123456, 7)
    assert placed.place == (0.1235, 1.0)
    assert as_params(placed, OFFERED) == {"x": "0.1235", "y": "1.0"}
    assert parse(as_params(placed, OFFERED), OFFERED, lambda _: False) == (placed, ())
    assert default_selection(OFFERED).place is None


@pytest.mark.parametrize("bad", [{"x": "2"}, {"y": "-1"}, {"x": "nan"}, {"x": "1e-3"}, {"y": ""}])
def test_a_bad_place_is_noted_and_none_is_chosen(bad):
    chosen, notes = parse(bad, OFFERED, lambda _: False)
    assert chosen.place is None
    assert "x and y have to be 0 to 1; showing the middle" in notes[0]
