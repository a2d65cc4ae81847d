"""View "Correspondence" of page "Edits" over the fake service, and how the address writes parts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.edits_code import program
from dashboard.edits_correspondence import SHOWN
from dashboard.edits_parts import PRESETS, Part, parts_of, parts_text, preset_text
from fake_service import FakeService
from pages import at_page, charts, opened, texts
from vgg_viz.requests import CorrespondenceRequest

PAGE = "edits"
TWO = "cat@0.3,0.4,0.2 horse@0.5,0.5,0.1"


def asked(fake):
    return [each for each in fake.asked if isinstance(each, CorrespondenceRequest)]


def test_it_opens_with_the_paper_and_runs_nothing(app, fake):
    at_page(app, PAGE, view="correspondence")
    assert asked(fake) == []
    shown = texts(app)
    for word in ("0.107 ± 0.017", "five dogs seen from the front", "no five faces of one kind"):
        assert word in shown
    assert "Nothing is measured yet" in " ".join(e.value for e in app.info)
    assert not charts(app)


def test_a_click_measures_both_networks(app, fake):
    at_page(app, PAGE, view="correspondence", parts=TWO, draws="4")
    app.button(key="edits_correspond").click().run()
    assert not app.exception
    left, right = asked(fake)
    assert (left.model, right.model) == ("zfnet_b:bundled", "vgg16:bundled")
    assert left.images == ("cat", "horse")
    assert left.draws == 4
    assert [round(end, 6) for end in left.parts[0]] == [0.2, 0.3, 0.4, 0.5]
    (figure,) = charts(app)
    assert figure["layout"]["xaxis"]["ticktext"] == ["conv5", "fc7", "conv5_3", "fc7"]
    assert "bundled weights" in texts(app)
    opened(app)
    assert len(asked(fake)) == 4, "asked again; the real service keeps its answers"


def test_the_chosen_photo_is_added_once(app, fake):
    at_page(app, PAGE, view="correspondence", parts=TWO, image="dog")
    app.button(key="edits_add_part").click().run()
    assert app.query_params["parts"] == f"{TWO} dog@0.5,0.5,0.2"
    assert app.button(key="edits_add_part").disabled


def test_a_preset_moves_the_squares(app, fake):
    at_page(app, PAGE, view="correspondence")
    app.segmented_control(key="edits_preset").set_value("Nose").run()
    assert not app.exception
    assert app.query_params["parts"] == "cat@0.63,0.87,0.26 dog@0.89,0.235,0.1"
    assert app.segmented_control(key="edits_preset").value == "Nose"


@pytest.mark.parametrize(
    "parts",
    [
        "cat@0.3,0.4,0.2",
        "cat@0.3,0.4,0.2 unicorn@0.5,0.5,0.2",
        "cat@0.3,0.4,0.2 cat@0.5,0.5,0.2",
        "cat@0.3,0.4,0.2 dog@0.01,0.5,0.2",
        "cat@0.3,0.4,0.2 dog@0.5,0.5,0.9",
        "anything",
    ],
)
def test_a_bad_link_is_noted(app, fake, parts):
    at_page(app, PAGE, view="correspondence", parts=parts)
    assert "2 to 8 different photos" in app.warning[0].value
    assert asked(fake) == []


def test_errors_and_weights_to_fetch_are_told(app, fake):
    at_page(app, PAGE, view="correspondence", left="vgg11:random", right="vgg16:imagenet")
    app.button(key="edits_correspond").click().run()
    assert not app.exception
    assert "random weights know no part" in texts(app)
    assert [each.model for each in asked(fake)] == ["vgg11:random"]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8)
)
def test_the_address_gives_the_parts_back(places):
    names = ("cat", "dog", "horse", "guitar", "mountain", "coffee", "rocket", "dahlia")
    parts = [Part(name, *place).inside() for name, place in zip(names, places, strict=False)]
    assert parts_of(parts_text(parts), FakeService().describe()) == tuple(parts)
    for part in parts:
        left, top, right, bottom = part.rectangle()
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert right - left == pytest.approx(part.side, abs=1e-3)


def test_presets_are_inside_and_fall_back_where_their_photos_are_not():
    offered = FakeService().describe()
    for name, parts in PRESETS.items():
        assert all(part.inside() == part for part in parts)
        assert preset_text(name, offered).count("@") == 2
    assert [part.image for part in parts_of("", offered)] == ["cat", "dog"]
    without = replace(offered, samples=offered.samples[3:])
    assert [part.image for part in parts_of("", without)] == ["guitar", "mountain"]


def test_the_code_runs(assets, capsys):
    request = CorrespondenceRequest(
        "zfnet_b:bundled", ("cat", "dog"), ((0.1, 0.1, 0.5, 0.5),) * 2, draws=2
    )
    exec(compile(program([request], SHOWN), "<shown>", "exec"), {})  # noqa: S102
    printed = capsys.readouterr().out
    assert "conv5" in printed
    assert len(printed.splitlines()) == 2
