"""The page "Filters" in a real browser: pictures, one selection, deep links, files, a phone."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, Visitor, visiting

pytestmark = pytest.mark.browser

PAGE = "filters"


class FilterVisitor(Visitor):
    """A visitor who waits for both rows of pictures."""

    def painted(self):
        self.idle()
        for where in ("left", "right"):
            expect(self.row(where).locator("img").first).to_be_visible()
        self.pictures()

    def row(self, where):
        return self.page.locator(f".st-key-filters_{where}")

    def pick(self, label):
        self.page.get_by_role("radio", name=label, exact=True).click()
        self.idle()


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, FilterVisitor, PAGE) as make:
        yield make


def test_both_rows_stand_above_the_fold(visit):
    visitor = visit()
    assert visitor.row("left").locator("img").count() == 4
    for where in ("left", "right"):
        for picture in visitor.row(where).locator("img").all():
            box = picture.bounding_box()
            assert box["y"] + box["height"] <= 900
    alts = visitor.row("right").locator("img").evaluate_all("all => all.map(each => each.alt)")
    assert {alt.split(" of ")[0] for alt in alts} == {
        "The photo; a frame around the receptive field",
        "Gradient",
        "Deconvnet",
        "Guided backprop",
    }


def test_a_click_on_a_norm_moves_the_selection_and_the_link_holds_it(visit):
    visitor = visit("kernels=norms")
    chart = visitor.page.locator(".st-key-right_filters_norms")
    point = chart.locator(".scatterlayer .trace").nth(2).locator(".point").first
    expect(point).to_be_attached()
    point.click(force=True)
    visitor.page.wait_for_url("**right_channel=*")
    visitor.idle()
    channel = visitor.page.url.partition("right_channel=")[2].partition("&")[0]
    expect(visitor.row("right").get_by_text(f"conv5_3, channel {channel}")).to_be_visible()
    visitor.page.reload()
    visitor.painted()
    expect(visitor.row("right").get_by_text(f"conv5_3, channel {channel}")).to_be_visible()
    expect(chart).to_be_visible()


def test_a_click_on_the_photo_sends_back_the_unit_there(visit):
    visitor = visit("right_channel=4")
    photo = visitor.page.locator(".st-key-right_filters_photo img")
    frame = photo.get_attribute("src")
    box = photo.bounding_box()
    photo.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.25})
    expect(visitor.page).to_have_url(re.compile(r"x=0\.7\d+&y=0\.2\d+.*units=place"))
    visitor.idle()
    expect(visitor.page.get_by_role("radio", name="At the place")).to_be_checked()
    expect(visitor.row("right").get_by_text("Unit (3, 10)")).to_be_visible()
    expect(photo).not_to_have_attribute("src", frame)
    photo.focus()
    visitor.page.keyboard.press("ArrowLeft")
    expect(visitor.row("right").get_by_text("Unit (3, 9)")).to_be_visible()


def test_the_channel_is_switched_off_on_page_edits(visit):
    visitor = visit("right_channel=4")
    others = visitor.page.locator(".st-key-filters_others_right")
    others.get_by_role("link", name="Switch it off and watch").click()
    expect(visitor.page).to_have_url(re.compile(r"/edits\?.*right_channel=4.*right_edit="))
    expect(visitor.page.get_by_text("1 of 128 channels off")).to_be_visible()


def test_views_are_in_the_link(visit):
    visitor = visit()
    visitor.pick("Nine strongest")
    expect(visitor.page).to_have_url(re.compile("units=top9"))
    visitor.pick("Slices")
    expect(visitor.page).to_have_url(re.compile("units=top9.*kernels=slices"))
    visitor.page.go_back()
    expect(visitor.page.get_by_role("radio", name="First layer")).to_be_checked()


def test_files_are_what_is_shown(visit):
    visitor = visit("left_channel=5")
    files = {}
    visitor.row("left").get_by_role("button", name="Download").click()
    for name in ("Pictures (PNG)", "Signals (npz)"):
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("button", name=name).click()
        files[download.value.suggested_filename] = download.value.path().read_bytes()
    assert set(files) == {"filters-zfnet_b-conv5-5.png", "filters-zfnet_b-conv5-5.npz"}
    with Image.open(io.BytesIO(files["filters-zfnet_b-conv5-5.png"])) as sheet:
        assert sheet.width == 4 * 460 + 12
    with np.load(io.BytesIO(files["filters-zfnet_b-conv5-5.npz"])) as data:
        assert data["deconvnet"].shape == (3, 224, 224)
        assert json.loads(str(data["about"]))["channel"] == 5


def test_the_code_is_on_the_page(visit):
    visitor = visit()
    visitor.page.get_by_text("Show the code of the pictures").click()
    expect(visitor.page.get_by_text("ReconstructionRequest(").first).to_be_visible()


@pytest.mark.parametrize("view", ["first", "norms", "slices", "frequency"])
def test_nothing_is_cut_off_on_a_phone(visit, view):
    visitor = visit(f"kernels={view}", viewport=PHONE)
    width = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    for box in visitor.row("left").locator("img").all():
        place = box.bounding_box()
        assert place["x"] >= 0
        assert place["width"] >= 120
        assert place["x"] + place["width"] <= PHONE["width"]
