"""The matrix of page "Attribution" in a real browser: look, box, trust of all maps, one file."""

import json
import re
import zipfile

import numpy as np
import pytest
from playwright.sync_api import expect

from browser import PHONE, visiting
from test_browser_attribution import AttributionVisitor

pytestmark = pytest.mark.browser

PAGE = "attribution"


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, AttributionVisitor, PAGE) as make:
        yield make


PIXELS = """map => {
  const small = document.createElement("canvas");
  small.width = small.height = 56;
  const context = small.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(map, 0, 0, 56, 56);
  return [...context.getImageData(0, 0, 56, 56).data];
}"""


def heat(visitor, where, method):
    """What is drawn of a map, RGBA, every eighth pixel."""
    canvas = visitor.page.locator(f".st-key-attribution_{where}_{method}_overlay .heat")
    return np.array(canvas.evaluate(PIXELS)).reshape(-1, 4)


def test_opacity_threshold_and_colours_are_the_browsers(visit):
    visitor = visit("methods=lrp")
    page = visitor.page
    visitor.shown("lrp")
    before = heat(visitor, "right", "lrp")
    asked = len(visitor.sent)
    bar = page.locator(".st-key-attribution_look")
    bar.locator(".threshold").fill("50")
    bar.locator(".opacity").fill("30")
    visitor.until(lambda: (heat(visitor, "right", "lrp")[:, 3] > 0).sum() < len(before) / 2)
    after = heat(visitor, "right", "lrp")
    kept = after[:, 3] > 0
    assert kept.any()
    assert (after[kept] == before[kept]).all()  # nothing but the weak part went
    for where in ("left", "right"):
        drawn = page.locator(f".st-key-attribution_{where}_lrp_overlay .heat")
        assert drawn.evaluate("canvas => canvas.style.opacity") == "0.3"
        said = page.locator(f".st-key-attribution_{where}_lrp_overlay .scale")
        expect(said).to_contain_text("from ±")
    bar.locator("select").select_option("viridis")
    visitor.until(lambda: not np.array_equal(heat(visitor, "right", "lrp")[kept], after[kept]))
    visitor.stage("left", "lrp").click()
    shown = page.locator(".st-key-attribution_left_lrp_overlay dialog")
    expect(shown).to_be_visible()
    assert shown.locator(".stage").bounding_box()["width"] > 500
    expect(shown.locator(".name")).to_contain_text("bundled weights")
    page.keyboard.press("Escape")
    expect(shown).to_be_hidden()
    expect(visitor.stage("left", "lrp")).to_be_visible()
    assert len(visitor.sent) == asked
    expect(page).to_have_url(re.compile("look=30,50,viridis"))
    # The server writes another address, and the look stays in it; a reload has it too.
    page.locator(".st-key-scale").get_by_text("Own").click()
    expect(page).to_have_url(re.compile("scale=own.*look=30,50,viridis"))
    page.reload()
    visitor.shown("lrp")
    expect(bar.locator(".threshold")).to_have_value("50")
    expect(page.locator(".st-key-attribution_left_lrp_overlay .scale")).to_contain_text("from ±")


def test_a_box_is_drawn_all_maps_are_tested_and_go_into_one_file(visit, tmp_path):
    visitor = visit("methods=grad_cam,guided_backprop")
    page = visitor.page
    visitor.shown("grad_cam", "guided_backprop")
    page.locator(".st-key-attribution_box button").first.click()
    stage = page.locator(".st-key-attribution_drawn_box .stage")
    expect(stage).to_have_attribute("data-painted", "photo")
    place = stage.bounding_box()

    def at(x, y):
        return place["x"] + x * place["width"], place["y"] + y * place["height"]

    page.mouse.move(*at(0.25, 0.25))
    page.mouse.down()
    page.mouse.move(*at(0.75, 0.75), steps=4)
    drawn = page.locator(".st-key-attribution_left_grad_cam_overlay .box")
    expect(drawn).to_be_visible()  # before the server hears of it
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"box=0\.2[45]"))
    strip = page.locator(".st-key-attribution_left_grad_cam_strip")
    expect(strip).to_contain_text("Box peak")
    stage.focus()
    stage.press("ArrowRight")
    stage.press("Shift+ArrowDown")
    expect(page).to_have_url(re.compile(r"box=0\.2[67].*0\.7[78]"))
    page.locator(".st-key-attribution_drawn_box").get_by_role("button", name="Clear").click()
    expect(page).not_to_have_url(re.compile("box="))
    expect(drawn).to_be_hidden()
    stage.press("Enter")
    expect(page).to_have_url(re.compile("box=0.25,0.25,0.75,0.75|box=0.25%2C0.25%2C0.75%2C0.75"))
    page.keyboard.press("Escape")

    page.locator(".st-key-attribution_test_all button").first.click()
    expect(page.get_by_text("All 4 maps tested")).to_be_visible()
    expect(strip).to_contain_text("Passes every test")
    bad = page.locator(".st-key-attribution_right_guided_backprop_strip")
    expect(bad).to_contain_text("No better than an edge detector")
    bad.get_by_role("button", name=re.compile("vs edges")).click()
    expect(bad.locator(".help")).to_contain_text("at 0 or below the map does no better")
    visitor.idle()
    with page.expect_download() as download:
        page.locator(".st-key-attribution_bundle_all button").first.click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    with zipfile.ZipFile(path) as kept:
        maps = json.loads(kept.read("manifest.json"))["maps"]
    assert [each["trust"]["verdict"] for each in maps] == ["good", "good", "bad", "bad"]
    assert all(each["trust"]["pointing"]["box"] == [0.25, 0.25, 0.75, 0.75] for each in maps)
    page.reload()  # what was measured is found again
    expect(bad).to_contain_text("No better than an edge detector")
    bad.locator(".verdict").click()
    expect(page).to_have_url(re.compile("view=method.*method=guided_backprop"))
    expect(page.get_by_text("Do not trust this map").first).to_be_visible()
    visitor.idle()


def test_a_finger_draws_a_box_on_a_phone(visit):
    visitor = visit("methods=grad_cam", viewport=PHONE, has_touch=True)
    page = visitor.page
    visitor.shown("grad_cam")
    page.locator(".st-key-attribution_box button").locator("visible=true").first.tap()
    stage = page.locator(".st-key-attribution_drawn_box .stage")
    expect(stage).to_have_attribute("data-painted", "photo")
    stage.scroll_into_view_if_needed()
    place = stage.bounding_box()
    assert place["x"] + place["width"] <= PHONE["width"]
    touch = visitor.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.2), ("touchMove", 0.5), ("touchMove", 0.9)):
        point = {
            "x": place["x"] + share * place["width"],
            "y": place["y"] + share * place["height"],
        }
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page).to_have_url(re.compile("box=0.(2|19|20).*0.(9|89|90)"))
    expect(page.locator(".st-key-attribution_right_grad_cam_strip")).to_contain_text("Box peak")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
