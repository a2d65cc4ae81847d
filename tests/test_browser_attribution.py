"""The page "Attribution" in a real browser: the matrix, many passes, trust, evidence, a phone."""

import re
import zipfile

import pytest
from playwright.sync_api import expect

from browser import PHONE, Visitor, visiting

pytestmark = pytest.mark.browser

PAGE = "attribution"


class AttributionVisitor(Visitor):
    """A visitor who waits for the page alone: what it shows depends on the view."""

    def painted(self):
        self.idle()

    def stage(self, where, method):
        return self.page.locator(f".st-key-attribution_{where}_{method}_overlay .stage")

    def shown(self, *methods):
        for method in methods:
            for where in ("left", "right"):
                expect(self.stage(where, method).locator("visible=true")).to_be_visible()
                expect(self.stage(where, method)).to_have_attribute("data-painted", re.compile("."))


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, AttributionVisitor, PAGE) as make:
        yield make


def test_values_under_the_pointer_and_the_way_to_the_details(visit):
    visitor = visit("methods=grad_cam,lrp")
    page = visitor.page
    visitor.shown("grad_cam", "lrp")
    visitor.stage("left", "lrp").hover()
    for where in ("left", "right"):  # one pointer for all maps
        said = visitor.page.locator(f".st-key-attribution_{where}_lrp_overlay .readout")
        expect(said).to_have_text(re.compile(r"row 1\d\d, column 1\d\d: -?\d"))
    label = visitor.stage("right", "lrp").get_attribute("aria-label")
    assert "bundled weights" in label
    assert "LRP of cat" in label
    page.locator(".st-key-attribution_open_lrp button").first.click()
    expect(page).to_have_url(re.compile("view=method.*method=lrp|method=lrp.*view=method"))
    visitor.shown("lrp")
    page.reload()
    visitor.shown("lrp")


def test_many_passes_then_trust_then_the_evidence(visit, tmp_path):
    visitor = visit("view=method&method=rise&box=0.25,0.25,0.5,0.75")
    page = visitor.page
    page.locator(".st-key-attribution_left_rise_start button").click()
    expect(visitor.stage("left", "rise")).to_be_visible()
    box = page.locator(".st-key-attribution_left_rise_overlay .box").bounding_box()
    stage = visitor.stage("left", "rise").bounding_box()
    assert box["x"] - stage["x"] == pytest.approx(stage["width"] / 4, abs=1)
    assert (box["width"], box["height"]) == pytest.approx(
        (stage["width"] / 4, stage["height"] / 2), abs=1
    )
    page.locator(".st-key-attribution_trust_left_start button").click()
    expect(page.get_by_text("Passes every test measured here")).to_be_visible()
    expect(visitor.plotly("attribution_cascade_left")).to_be_visible()
    visitor.idle()
    with page.expect_download() as download:
        page.locator(".st-key-attribution_bundle_left button").first.click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "evidence-rise-zfnet_b.zip"
    with zipfile.ZipFile(path) as kept:
        assert "evidence.html" in kept.namelist()


def test_a_phone_shows_both_networks_beside_one_another(visit):
    visitor = visit("methods=grad_cam,gradient", viewport=PHONE)
    visitor.shown("grad_cam", "gradient")
    left, right = (visitor.stage(where, "gradient").bounding_box() for where in ("left", "right"))
    assert abs(left["y"] - right["y"]) < 2
    assert right["x"] >= left["x"] + left["width"]
    assert visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_dragged_square_moves_the_class_bars_of_both_networks(visit):
    visitor = visit("view=occlusion")
    page = visitor.page
    parts = {}
    for where in ("left", "right"):
        page.locator(f".st-key-attribution_occlusion_{where}_start button").first.click()
        parts[where] = page.locator(f".st-key-attribution_square_{where}")
        expect(parts[where].locator(".stage[data-painted]")).to_be_visible()
        expect(page.get_by_text("169 of 169 places").nth(len(parts) - 1)).to_be_visible()
    visitor.idle()
    asked = len(visitor.sent)
    stage = parts["left"].locator(".stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for part in parts.values():  # in the middle the class is lost
        expect(part.locator(".value")).to_have_text("0 %")
        expect(part.locator(".says")).to_contain_text("Most probable now: dog")
    page.mouse.move(box["x"] + 3, box["y"] + 3, steps=5)
    page.mouse.up()
    for part in parts.values():
        expect(part.locator(".value")).to_have_text("90.0 %")
    stage.press("ArrowRight")
    expect(parts["right"].locator(".square")).to_have_attribute("style", re.compile("left: 7.14"))
    parts["right"].get_by_role("radio", name="Probability").click()
    expect(parts["left"].locator(".map")).to_be_visible()
    assert len(visitor.sent) == asked
