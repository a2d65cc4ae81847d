"""The page "Detection" in a browser: thresholds there, the same boxes as in Python, one box."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, Visitor, visiting
from tests.fake_detection import detection
from vgg_viz.requests import DetectionJob

pytestmark = pytest.mark.browser


class DetectionVisitor(Visitor):
    def painted(self):
        self.idle()

    def find(self):
        self.page.get_by_role("button", name="Find objects").click()
        for where in ("left", "right"):
            expect(self.stage(where)).to_be_visible()
            expect(self.side(where).get_by_text("8 steps")).to_be_visible()
        self.idle()

    def side(self, where):
        return self.page.locator(f".st-key-detection_side_{where}")

    def stage(self, where):
        return self.side(where).locator(".stage[data-painted]")

    def says(self, where="right"):
        return self.side(where).locator(".says")

    def slide(self, name, value):
        self.page.locator(f".st-key-detection_bar .{name} input").fill(str(value))


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, DetectionVisitor, "detection") as make:
        yield make


def test_steps_and_thresholds_are_computed_in_the_browser(visit):
    visitor = visit()
    visitor.find()
    known = detection(DetectionJob("vgg16:bundled", "cat"), 1, 1, None)
    for least, overlap in ((0, 0.3), (0, 0.95), (-0.5, 0.3), (-1.5, 0.1), (1.2, 0.3), (2.5, 0.3)):
        visitor.slide("least", least)
        visitor.slide("overlap", overlap)
        kept = sum(len(known.kept(label, least, overlap)) for label in range(3))
        above = int((known.scores.max(1) >= least).sum())
        words = re.compile(rf"6 proposals → {above} with .* → {kept} left after suppression")
        for where in ("left", "right"):
            expect(visitor.says(where)).to_have_text(words)
            expect(visitor.stage(where)).to_have_attribute("data-shown", str(kept))
    expect(visitor.says()).to_contain_text("No object here")
    visitor.slide("least", 0)
    visitor.slide("overlap", 0.3)
    found = visitor.side("right").locator(".found button")
    expect(found).to_have_text(["dog 1.40", "car 0.60"])
    for step, shown in (("1 Proposals", 6), ("2 Scored", 3), ("3 Suppressed", 2), ("4 Refined", 2)):
        visitor.page.get_by_role("radio", name=step).click()
        expect(visitor.stage("left")).to_have_attribute("data-shown", str(shown))
    visitor.page.get_by_role("button", name="Play").click()
    expect(visitor.stage("left")).to_have_attribute("data-step", "proposals")
    expect(visitor.stage("left")).to_have_attribute("data-step", "refined")

    # What was moved is in the link, and a reload shows it.
    visitor.slide("least", 0.8)
    visitor.page.wait_for_url("**least=0.8*")
    visitor.page.reload()
    expect(found).to_have_text(["dog 1.40"])
    expect(visitor.stage("left")).to_be_visible()


def test_a_click_looks_into_a_box_and_the_link_holds_it(visit):
    visitor = visit("image=dog")
    visitor.find()
    stage = visitor.stage("right")
    box = stage.bounding_box()
    # The middle of the car's refined box, 72 to 108 and 22 to 58 px of 120 x 90.
    place = {"x": box["width"] * 90 / 120, "y": box["height"] * 38 / 90}
    before = np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("RGB")).astype(int)
    stage.hover(position=place)
    after = np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("RGB")).astype(int)
    assert np.abs(after - before).max() > 60  # the box under the pointer is drawn thicker
    stage.click(position=place)
    visitor.page.wait_for_url("**object=car*")
    assert "box=70.0_20.0_110.0_60.0" in visitor.page.url
    for where in ("left", "right"):
        for method in ("grad_cam", "occlusion"):
            drawn = visitor.page.locator(f".st-key-detection_{method}_{where} .stage[data-painted]")
            expect(drawn).to_be_visible()
        expect(visitor.plotly(f"detection_features_{where}")).to_be_visible()
    expect(visitor.page.get_by_text("Why car?")).to_be_visible()

    files = {}
    for name in ("PNG", "COCO"):
        with visitor.page.expect_download() as download:
            visitor.side("right").get_by_role("button", name=name).click()
        files[download.value.suggested_filename] = download.value.path().read_bytes()
    with Image.open(io.BytesIO(files["detection-vgg16.png"])) as picture:
        assert picture.width >= 640
    document = json.loads(files["detection-vgg16.json"])
    assert [each["category_id"] for each in document["annotations"]] == [3, 2]

    visitor.page.reload()
    expect(visitor.page.get_by_text("Why car?")).to_be_visible()
    visitor.page.get_by_role("button", name="Close").click()
    expect(visitor.page.get_by_text("Click a box in a photo")).to_be_visible()
    assert "box=" not in visitor.page.url
    visitor.pictures()


def test_a_phone_shows_it_whole_and_a_photo_without_proposals_says_so(visit):
    visitor = visit("image=coffee&way=fast", viewport=PHONE)
    visitor.find()
    expect(visitor.stage("left").locator(".empty")).to_contain_text("no region")
    expect(visitor.says("left")).to_have_text("No proposals.")
    for view, shown in (
        ("How good", "The papers"),
        ("R-CNN or Fast R-CNN", "seconds"),
        ("Objects", "No proposals"),
    ):
        visitor.page.get_by_role("radio", name=view, exact=True).click()
        if shown == "seconds":
            expect(visitor.plotly("detection_seconds")).to_be_visible()
        else:
            expect(visitor.page.get_by_text(shown).first).to_be_visible()
        visitor.idle()
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    visitor.pictures()
