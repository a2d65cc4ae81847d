"""The page "Segmentation" in a real browser: one pointer for all pictures, a pixel, a phone."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, Visitor, visiting

pytestmark = pytest.mark.browser

PAGE = "segmentation"


class SegmentationVisitor(Visitor):
    """A visitor who waits for every picture of both networks."""

    def painted(self):
        self.idle()

    def row(self, where, kind):
        return self.page.locator(f".st-key-segmentation_{where}_{kind}")

    def pictures_of(self, where, kind, count):
        stages = self.row(where, kind).locator(".stage[data-painted]")
        expect(stages).to_have_count(count)
        return stages

    def said(self, where, kind):
        return self.row(where, kind).locator(".says")


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, SegmentationVisitor, PAGE) as make:
        yield make


def colours(stage):
    """The colours of a picture, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(stage.screenshot())).convert("RGB")).astype(int)


def test_labels_under_one_pointer_then_one_class_then_skips(visit, tmp_path):
    visitor = visit("image=dog")
    page = visitor.page
    left, right = (visitor.pictures_of(where, "maps", 5) for where in ("left", "right"))
    middle = tuple(colours(left.nth(4))[60, 20] - colours(left.nth(0))[60, 20])
    assert max(map(abs, middle)) < 12  # background is not painted
    left.nth(4).hover()
    for where in ("left", "right"):
        said = visitor.said(where, "maps")
        expect(said.nth(4)).to_have_text(re.compile(r"^dog \d+(\.\d)? %$"))
        expect(said.nth(2)).to_have_text(re.compile(r"^dog"))
    painted = colours(right.nth(4))
    height, width = painted.shape[:2]
    plain = colours(right.nth(0))
    at = (height // 2 + 25, width // 2 - 20)  # beside the name and the ring
    assert np.abs(painted[at] - plain[at]).max() > 20
    page.locator(".st-key-segmentation_left_maps input[type=range]").fill("0")
    visitor.until(lambda: np.abs(colours(right.nth(4))[at] - plain[at]).max() < 12)
    assert "dog" in left.nth(4).get_attribute("aria-label")
    left.nth(3).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(visitor.said("right", "maps").nth(4)).to_have_text(re.compile("8 px apart"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Pictures (PNG)").click()
    download.value.save_as(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[0] == 5 * 332 + 12
    page.get_by_role("radio", name="What skips add").click()
    visitor.pictures_of("right", "skips", 4)
    expect(page).to_have_url(re.compile("view=skips"))
    page.reload()
    expect(visitor.row("left", "skips").locator(".name").nth(1)).to_have_text(
        "16s: what pool4 changes"
    )


def test_a_pixel_is_asked_and_stands_in_the_link_on_a_phone_too(visit):
    visitor = visit("image=cat&view=why", viewport=PHONE)
    page = visitor.page
    stages = visitor.pictures_of("left", "why", 4)
    stages.nth(0).click(position={"x": 40, "y": 30})
    expect(page).to_have_url(re.compile("at=0"))
    mark = stages.nth(1).locator(".mark")
    expect(mark).to_be_visible()
    visitor.until(lambda: mark.evaluate("m => parseFloat(m.style.left)") < 40)
    expect(page.get_by_text(re.compile(r"at pixel \(\d+, \d+\)")).first).to_be_visible()
    visitor.pictures_of("right", "why", 4)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.reload()
    visitor.pictures_of("left", "why", 4)
    assert stages.nth(1).locator(".mark").evaluate("m => parseFloat(m.style.left)") < 40
