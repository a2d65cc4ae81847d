"""The page "Style" in a real browser: pick pictures, paint, take away, come back by the link."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, Visitor, visiting

pytestmark = pytest.mark.browser

PAGE = "style"


class StyleVisitor(Visitor):
    """A visitor who waits for both networks' places."""

    def painted(self):
        self.idle()
        for where in ("left", "right"):
            expect(self.picture_of(where)).to_be_visible()

    def picture_of(self, where):
        return self.page.locator(f".st-key-style_picture_{where} img").first

    @property
    def button(self):
        # On a phone there is a second one, hidden.
        return self.page.get_by_role("button", name="Paint", exact=True)

    def paint(self):
        self.button.click()
        for where in ("left", "right"):
            said = self.page.locator(f".st-key-style_{where}_state")
            expect(said.get_by_text("8 steps")).to_be_visible()
        self.idle()


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, StyleVisitor, PAGE) as make:
        yield make


def test_from_two_pictures_to_a_painting_its_matrices_and_files(visit, tmp_path):
    visitor = visit("seed=1")
    page = visitor.page
    page.get_by_role("radio", name="Style: Mosaic").click()
    expect(page).to_have_url(re.compile("style=texture-mosaic"))
    visitor.idle()
    visitor.paint()
    expect(visitor.plotly("style_losses_left")).to_be_visible()
    for suffix in ("png", "npz"):
        with page.expect_download() as download:
            page.locator(f".st-key-right_style_{suffix} button").first.click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        assert path.name == f"style-vgg16.{suffix}"
    with Image.open(tmp_path / "style-vgg16.png") as sheet:
        assert sheet.width == 3 * (320 + 12) + 12
    with np.load(tmp_path / "style-vgg16.npz") as data:
        assert data["conv3_1_gram"].shape == (6, 6)
        assert json.loads(str(data["about"]))["job"]["style_image"] == "texture-mosaic"
    page.locator(".st-key-style_shown").get_by_text("Gram", exact=True).click()
    expect(page).to_have_url(re.compile("shown=gram"))
    page.reload()
    visitor.painted()
    expect(page.locator(".st-key-style_grams_left img")).to_have_count(5)
    expect(visitor.button).to_be_disabled()
    visitor.pictures()


def test_a_phone_shows_content_beside_style_and_nothing_overflows(visit):
    visitor = visit("seed=3&shown=gram", viewport=PHONE)
    visitor.paint()
    boxes = [
        visitor.page.locator(".st-key-style_sources img").nth(number).bounding_box()
        for number in range(2)
    ]
    assert boxes[1]["x"] >= boxes[0]["x"] + boxes[0]["width"]
    assert abs(boxes[1]["y"] - boxes[0]["y"]) < 2
    overflow = visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0
    visitor.pictures()
