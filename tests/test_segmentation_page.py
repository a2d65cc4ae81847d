"""The page "Segmentation" over the fake service: its views, links, and what it cannot show."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dashboard import segmentation_panels
from dashboard.segmentation_settings import CLASSES, PLACE, SegmentationSettings
from fake_segmentation import CLASSES as FAKE_CLASSES
from fake_segmentation import heads
from pages import at_page, charts, texts
from vgg_viz import figures
from vgg_viz.errors import InputError
from vgg_viz.requests import (
    DenseMapRequest,
    ExplainedRequest,
    RegionScore,
    SegmentationHeadsRequest,
    SegmentationRequest,
)
from vgg_viz.results import SegmentationHeads
from vgg_viz.transfer import segmentation_data

PAGE = "segmentation"


def rows(app):
    """Header and parts of the rows of pictures, from top to bottom."""
    return [
        figures.unpack(element.proto.bytes)
        for element in app.get("bidi_component")
        if element.proto.component_name.endswith("label_maps")
    ]


def names(header):
    return [picture["name"] for picture in header["pictures"]]


def asked(fake, kind):
    return [request for request in fake.asked if isinstance(request, kind)]


def test_two_networks_label_the_photo(app, fake):
    at_page(app, PAGE, image="dog")
    (left, parts), (right, _) = rows(app)
    assert names(left) == ["Photo", "Coarse class map", "FCN-32s", "FCN-16s", "FCN-8s"]
    assert (left["label"], right["label"]) == ("ZFNet (b)", "VGG-16 (D)")
    finest = left["pictures"][4]
    labels = np.frombuffer(parts["labels4"], np.uint8).reshape(finest["size"][::-1])
    dog = FAKE_CLASSES.index("dog")
    assert labels[labels.shape[0] // 2, labels.shape[1] // 2] == dog
    assert not labels[0, 0]
    assert list(finest["anchors"]) == [str(dog)]
    assert (left["slider"], right["slider"]) == (True, False)
    assert {request.model for request in asked(fake, SegmentationRequest)} == {
        "zfnet_b:bundled",
        "vgg16:bundled",
    }
    said = texts(app)
    assert "bundled weights" in said
    assert "Mean IU on 269 validation photos: 32s 40.0, 16s 42.0, 8s 41.0 %" in said


def test_one_class_is_drawn_by_its_probability_and_stands_in_the_link(app):
    at_page(app, PAGE, image="dog", shown="cat")
    header, parts = rows(app)[0]
    assert header["pictures"][4]["fades"]
    shares = np.frombuffer(parts["shares4"], np.uint8)
    assert 0 < shares.max() < 255  # of cat, where a dog is
    app.selectbox(key="segmentation_shown").set_value("person").run()
    assert app.query_params["shown"] in ("person", ["person"])
    assert not app.exception


def test_a_photo_without_objects_is_told_so(app):
    at_page(app, PAGE, image="rocket")
    first, second = (info.value for info in app.info)
    assert first.startswith("ZFNet (b) sees no cat")
    assert second.startswith("VGG-16 (D) sees no cat")
    assert "six classes" in app.info[0].value


def test_a_network_without_a_head_shows_its_own_classes(app, fake):
    at_page(app, PAGE, image="cat", left="vgg11:random")
    (left, _), (right, _) = rows(app)
    assert names(left) == ["Coarse class map"]
    assert len(right["pictures"]) == 5
    assert "no trained segmentation head" in app.info[0].value
    assert "ZFNet (b), VGG-16 (D)" in app.info[0].value.replace(" · bundled", "")
    assert all(request.model != "vgg11:random" for request in asked(fake, SegmentationRequest))
    assert DenseMapRequest("vgg11:random", "cat", 448) in fake.asked


def test_what_skips_add(app):
    at_page(app, PAGE, image="horse", view="skips")
    header, parts = rows(app)[1]
    assert names(header) == [
        "FCN-32s",
        "16s: what pool4 changes",
        "8s: what pool3 changes",
        "FCN-8s",
    ]
    changed = np.frombuffer(parts["labels1"], np.uint8)
    assert 0 < (changed != 255).mean() < 0.5
    assert "pool4 (16s) adds 2.0 points" in texts(app)
    assert "pool3 (8s) adds −1.0 points" in texts(app)


def test_why_a_pixel_has_its_class(app, fake):
    at_page(app, PAGE, image="cat", view="why", at="0.4,0.6")
    (left, _), _ = rows(app)
    assert names(left) == ["FCN-32s", "Grad-CAM", "LayerCAM", "Gradient"]
    assert left["places"]
    assert all(picture["mark"] == [0.4, 0.6] for picture in left["pictures"])
    assert left["pictures"][1]["heat"]
    requests = asked(fake, ExplainedRequest)
    assert len(requests) == 6
    cat = FAKE_CLASSES.index("cat")
    assert {request.output for request in requests} == {RegionScore((0.4, 0.6, 0.4, 0.6), cat)}
    assert "score 2.50 of **cat** at pixel (51, " in texts(app)
    fake.asked.clear()
    app.selectbox(key="segmentation_shown").set_value("sheep").run()
    sheep = FAKE_CLASSES.index("sheep")
    assert {request.output.label for request in asked(fake, ExplainedRequest)} == {sheep}


def test_scores_beside_the_papers(app, fake):
    at_page(app, PAGE, view="scores")
    assert not asked(fake, SegmentationRequest)
    iu, classes = charts(app)
    assert [trace["y"] for trace in iu["data"]] == [
        pytest.approx([30, 31, 32]),
        pytest.approx([40, 42, 41]),
    ]
    assert iu["data"][0]["error_y"]["array"] == pytest.approx([3, 3, 3])
    assert [trace["name"] for trace in classes["data"]] == ["ZFNet (b)", "VGG-16 (D)"]
    own, table_2, table_1 = (element.value for element in app.dataframe)
    assert len(own) == 8  # 32s-fixed, 32s, 16s, 8s of two networks
    assert own["mean IU"][0] == "25.0 (22.0 to 28.0)"
    assert list(table_2["mean IU"]) == [45.4, 59.4, 62.4, 62.7]
    assert list(table_1["field, px"]) == [355, 404, 907]
    said = texts(app)
    assert "**ZFNet (b)**: 8s ≥ 16s ≥ 32s, as in the paper" in said
    assert "**VGG-16 (D)**: 8s, 16s, 32s, unlike in the paper" in said
    assert "8s over 16s **−1.0** (−1.5 to −0.5)" in said
    assert "add 3.0 and 0.3 points" in said
    assert "VGG-16 (D) minus ZFNet (b), FCN-8s: **+9.0** (−1.0 to +14.0) (not told from 0)" in said
    assert "ZFNet (b) 83 %, VGG-16 (D) 62 %; 76 % in the paper's table (45.4 of 59.4)" in said
    assert "736 of the validation photos" in said
    assert "the numbers cannot" in said


def test_without_heads_nothing_breaks(app, fake, monkeypatch):
    answer = fake.answer
    none = SegmentationHeads(())
    monkeypatch.setattr(
        fake,
        "answer",
        lambda asked: none if isinstance(asked, SegmentationHeadsRequest) else answer(asked),
    )
    at_page(app, PAGE, image="cat")
    assert [names(header) for header, _ in rows(app)] == [["Coarse class map"]] * 2
    assert "No segmentation heads are installed" in app.info[0].value
    at_page(app, PAGE, view="scores")
    assert "No segmentation heads are installed" in app.info[0].value


def test_errors_of_the_service_and_of_links_are_told(app, fake):
    fake.errors[SegmentationRequest] = InputError("Too small.")
    at_page(app, PAGE, image="cat", shown="unicorn", at="1.5,0", view="labels")
    assert [error.value for error in app.error] == ["Too small.", "Too small."]
    assert "unicorn" in app.warning[0].value
    assert "x,y in shares" in app.warning[0].value


def test_files_to_take_away(app, fake):
    at_page(app, PAGE, image="cat")
    labels = {button.proto.label for button in app.get("download_button")}
    assert labels >= {
        "Pictures (PNG)",
        "Numbers of ZFNet (b) (npz)",
        "Numbers of VGG-16 (D) (npz)",
    }
    found = fake.run(SegmentationRequest("vgg16:bundled", "cat"))
    pictures = [figures.photo_picture(found), figures.stride_picture(found, 8)]
    sheet = segmentation_panels._sheet([("VGG-16 (D), bundled weights", pictures, found)], "Me")
    assert Image.open(io.BytesIO(sheet)).size[0] == 2 * 332 + 12
    arrays = np.load(io.BytesIO(segmentation_panels._arrays(found, "Me")))
    assert (arrays["labels_8s"] == found.net(8).labels).all()
    assert '"photo": "Me"' in str(arrays["about"])


def test_words_of_the_page_are_those_of_the_training():
    assert CLASSES == segmentation_data.CLASSES == FAKE_CLASSES
    assert PLACE.fullmatch(SegmentationSettings().at)
    assert SegmentationSettings(shown="cow").shown_class == 2
    titles = [head.title for head in heads().heads]
    assert replace(heads(), heads=()).head("vgg16:bundled") is None
    assert titles == ["ZFNet (b)", "VGG-16 (D)"]
