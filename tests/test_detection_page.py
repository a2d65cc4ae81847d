"""The page "Detection" over the fake service: jobs from settings, one box, seconds, precision."""

import json
import time

import numpy as np
import pytest

from fake_detection import CLASSES, PROPOSALS, SCORES
from pages import at_page, charts, texts, whole_app, worked
from vgg_viz import figures
from vgg_viz.requests import (
    DetectedRegionRequest,
    DetectionJob,
    ExplainedRequest,
    PictureRequest,
)

PAGE = "detection"
BOX = "8.0_10.0_60.0_70.0"


def jobs(fake):
    return [asked for asked in fake.asked if isinstance(asked, DetectionJob)]


def found(app, fake):
    """The page after a click on the button, when every study is through."""
    return worked(app, fake, "detection_start", lambda: jobs(fake))


def test_it_opens_with_the_photo_and_runs_nothing(app, fake):
    at_page(app, PAGE)
    assert jobs(fake) == []
    assert PictureRequest("cat", size=960) in fake.asked
    assert "Click a box" in texts(app)
    assert not app.button(key="detection_start").disabled


def test_one_click_finds_objects_with_both_networks_and_a_reload_finds_them_again(app, fake):
    at_page(app, PAGE)
    found(app, fake)
    assert jobs(fake) == [
        DetectionJob("zfnet_b:bundled", "cat"),
        DetectionJob("vgg16:bundled", "cat"),
    ]
    shown = texts(app)
    assert "bundled weights, 19 classes, 0.25 x width" in shown
    assert "network on 6 crops 4.00 s" in shown
    assert app.button(key="detection_start").disabled
    anew = at_page(whole_app(), PAGE)
    assert "network on 6 crops 4.00 s" in texts(anew)
    assert len(jobs(fake)) == 2


def test_fast_rcnn_is_another_job(app, fake):
    at_page(app, PAGE, way="fast", image="dog")
    found(app, fake)
    assert jobs(fake)[1] == DetectionJob("vgg16:bundled", "dog", "fast")
    assert "network once on the photo 0.25 s" in texts(app)


def test_a_box_is_looked_into_by_both_networks(app, fake):
    at_page(app, PAGE, box=BOX, object="dog")
    box = (8.0, 10.0, 60.0, 70.0)
    maps = [asked for asked in fake.asked if isinstance(asked, ExplainedRequest)]
    assert [(m.model, m.method, m.output.box, m.output.label) for m in maps] == [
        (model, method, box, 2)
        for model in ("zfnet_b:bundled", "vgg16:bundled")
        for method in ("grad_cam", "occlusion")
    ]
    assert DetectedRegionRequest("vgg16:bundled", "cat", box, 2) in fake.asked
    shown = texts(app)
    assert "dog 1.40 · car −1.10 · bird" in shown.replace("\\", "") or "dog 1.40" in shown
    assert "2 px of context" in shown
    bars = charts(app)
    assert len(bars) == 2
    assert bars[0]["data"][0]["y"][-2:] == ["other units", "bias"]
    app.button(key="detection_box_close").click().run()
    assert not app.exception
    assert "Click a box" in texts(app)
    assert "box" not in app.query_params


def test_both_ways_are_measured_side_by_side(app, fake):
    at_page(app, PAGE, view="speed")
    assert "Nothing measured yet" in texts(app)
    found(app, fake)
    assert {(job.model, job.way) for job in jobs(fake)} == {
        (model, way) for model in ("zfnet_b:bundled", "vgg16:bundled") for way in ("rcnn", "fast")
    }
    (chart,) = charts(app)
    assert chart["data"][0]["x"] == [4.0, 0.25, 4.0, 0.25]
    assert texts(app).count("RoI pooling is **16 ×** as fast on 6 proposals") == 2
    assert "146 ×" in texts(app)


def test_precision_stands_beside_the_papers(app):
    at_page(app, PAGE, view="measured")
    (chart,) = charts(app)
    left, right = chart["data"]
    assert left["name"] == "ZFNet (b)"
    assert right["y"][0] == pytest.approx(33)
    assert left["x"] == ["mean (mAP)", *CLASSES]
    shown = texts(app)
    assert "| R-CNN | ZFNet (b) | 23.0 | 18.0 to 28.0 | 20.0 |" in shown
    assert "| R-CNN | VGG-16 (D) | 66.0 | refined |" in shown
    assert "74 % of the objects" in texts(app)
    assert "VGG-16 (D) against ZFNet (b) on the same photos: +10.0 points of mAP" in texts(app)


@pytest.mark.parametrize("view", ["objects", "measured"])
def test_a_network_without_heads_says_which_have_them(app, view):
    at_page(app, PAGE, left="vgg11:random", view=view)
    said = " ".join(each.value for each in [*app.error, *app.warning, *app.info])
    assert "Nothing was trained to detect" in said
    assert "vgg16:bundled" in said.replace("\\", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("way", "yolo"),
        ("least", "9"),
        ("overlap", "-1"),
        ("box", "1_2_3"),
        ("object", "<b>"),
        ("step", "5"),
    ],
)
def test_a_bad_link_is_noted(app, name, value):
    at_page(app, PAGE, **{name: value})
    assert any(f"{name}" in each.value for each in app.warning)


def test_a_box_that_is_none_is_told(app, fake):
    at_page(app, PAGE, box="1_2_3_4", object="unicorn")
    assert "has no class unicorn" in texts(app)


# --- figures -------------------------------------------------------------------------------------


def a_detection(fake):
    job = DetectionJob("vgg16:bundled", "cat")
    name = fake.submit(job)
    end = time.monotonic() + 60
    while not fake.events(name)[-1].final:
        assert time.monotonic() < end
        time.sleep(0.02)
    return fake.result(name)


def test_the_frame_holds_boxes_and_scores_as_they_are(fake):
    one = a_detection(fake)
    picture = fake.run(PictureRequest("cat", size=120))
    frame = figures.detection_frame(
        picture, one, "VGG", step="scored", least=0.1, overlap=0.3, chosen=((1, 2, 3, 4), "dog")
    )
    header, parts = figures.unpack(frame)
    assert header["count"] == 6
    assert len(header["colours"]) == len(set(header["colours"])) == 3
    assert header["chosen"] == {"box": [1, 2, 3, 4], "name": "dog"}
    np.testing.assert_array_equal(np.frombuffer(parts["boxes"], "<f4").reshape(-1, 4), PROPOSALS)
    np.testing.assert_array_equal(np.frombuffer(parts["scores"], "<f4").reshape(-1, 3), SCORES)
    assert figures.nearest_proposal(one, (8.4, 10, 60, 70)) == 1
    assert figures.nearest_proposal(one, (30, 10, 60, 70)) is None


def test_coco_can_be_read_by_its_own_program(fake, tmp_path, capsys):
    coco = pytest.importorskip("pycocotools.coco")
    one = a_detection(fake)
    objects = one.objects(0.0, 0.3)
    assert [each.name for each in objects] == ["dog", "car"]
    path = tmp_path / "found.json"
    document = figures.detection_coco(one, objects, "cat.jpg", {"description": "test"})
    path.write_text(json.dumps(document))
    data = coco.COCO(str(path))
    capsys.readouterr()
    first = data.loadAnns([1])[0]
    assert data.loadCats([first["category_id"]])[0]["name"] == "dog"
    # The class's regression moved the box by (3, 3, -3, -3).
    assert first["bbox"] == [11, 13, 46, 54]
    assert first["score"] == pytest.approx(1.4)
