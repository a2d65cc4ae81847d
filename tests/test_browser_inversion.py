"""The page "Inversion" in a real browser: a job from its button to its pictures, links, files."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, Visitor, visiting

pytestmark = pytest.mark.browser

PAGE = "inversion"


class InversionVisitor(Visitor):
    """A visitor who waits for the photo's tile."""

    def painted(self):
        self.idle()
        for where in ("left", "right"):
            expect(self.tiles(where).first).to_be_visible()

    def tiles(self, where):
        return self.page.locator(f".st-key-inversion_tiles_{where} img")

    @property
    def button(self):
        return self.page.get_by_role("button", name=re.compile("Rebuild"))

    def rebuild(self):
        self.button.click()
        for where in ("left", "right"):
            said = self.page.locator(f".st-key-inversion_{where}_state")
            expect(said.get_by_text("8 steps")).to_be_visible()
        self.idle()


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, InversionVisitor, PAGE) as make:
        yield make


def test_from_the_button_to_pictures_charts_and_files(visit, tmp_path):
    visitor = visit("seed=1")
    page = visitor.page
    expect(visitor.tiles("left")).to_have_count(8)
    visitor.rebuild()
    for where in ("left", "right"):
        expect(visitor.tiles(where)).to_have_count(8)
    expect(page.get_by_text("not rebuilt yet")).to_have_count(0)
    expect(visitor.plotly("inversion_kept_similarity")).to_be_visible()
    for suffix in ("png", "npz"):
        with page.expect_download() as download:
            page.locator(f".st-key-right_inversion_{suffix} button").first.click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        assert path.name == f"inversion-vgg16.{suffix}"
    with Image.open(tmp_path / "inversion-vgg16.png") as sheet:
        assert sheet.width == 4 * (256 + 12) + 12
    with np.load(tmp_path / "inversion-vgg16.npz") as data:
        assert data["fc7_losses"].shape == (8,)
        assert json.loads(str(data["about"]))["job"]["seed"] == 1


def test_a_link_to_one_layer_is_found_again_after_a_reload(visit):
    visitor = visit("seed=2")
    page = visitor.page
    page.get_by_role("radio", name="One layer").or_(
        page.get_by_role("button", name="One layer")
    ).first.click()
    expect(page).to_have_url(re.compile("view=layer"))
    visitor.idle()
    visitor.rebuild()
    expect(visitor.plotly("inversion_descent_left")).to_be_visible()
    page.reload()
    visitor.painted()
    expect(visitor.plotly("inversion_descent_right")).to_be_visible()
    expect(visitor.button).to_be_disabled()


def test_a_phone_shows_two_pictures_beside_one_another(visit):
    visitor = visit("seed=3", viewport=PHONE)
    visitor.rebuild()
    boxes = [visitor.tiles("left").nth(number).bounding_box() for number in range(3)]
    assert abs(boxes[0]["y"] - boxes[1]["y"]) < 2
    assert boxes[1]["x"] > boxes[0]["x"] + boxes[0]["width"]
    assert boxes[2]["y"] > boxes[0]["y"] + boxes[0]["height"]
    overflow = visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0
