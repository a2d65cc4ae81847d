"""The page "Top patches" in a real browser: pictures, one selection, a job, files, a phone."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, Visitor, running_dashboard, visiting

pytestmark = pytest.mark.browser

PAGE = "top_patches"


class PatchVisitor(Visitor):
    """A visitor who waits for both grids, or for what stands in their place."""

    def painted(self):
        self.idle()
        for where in ("left", "right"):
            side = self.side(where)
            expect(side.locator(".host[data-painted], [data-testid=stAlert]").first).to_be_visible()

    def side(self, where):
        return self.page.locator(f".st-key-patches_{where}")

    def cells(self, where, kind="patches"):
        return self.side(where).locator(f".{kind} .cell")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A dashboard over a fake service that offers a folder."""
    log = tmp_path_factory.mktemp("server") / "log"
    with running_dashboard(log, {"VGG_VIZ_SERVICE": "fake_patches:make_service"}) as address:
        yield address


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, PatchVisitor, PAGE) as make:
        yield make


def test_both_figures_stand_above_the_fold(visit):
    visitor = visit()
    for where in ("left", "right"):
        assert visitor.cells(where).count() == visitor.cells(where, "signals").count() == 9
        box = visitor.cells(where).nth(8).bounding_box()
        assert box["y"] + box["height"] <= 900
        assert visitor.side(where).locator("img").count() == 18
    expect(visitor.side("left").get_by_text("learned: bundled weights").first).to_be_visible()


def test_pointing_says_what_a_patch_is(visit):
    visitor = visit()
    readout = visitor.side("left").locator(".readout")
    expect(readout).to_contain_text("Point at a patch")
    visitor.cells("left", "signals").nth(1).hover()
    expect(readout).to_contain_text("dog, 50% crop 1.1: z = 8.5 at unit (1, 1) of conv5")
    assert visitor.cells("left").nth(1).get_attribute("class") == "cell pick over"
    visitor.cells("left").nth(0).focus()
    visitor.page.keyboard.press("ArrowDown")
    expect(readout).to_contain_text("guitar, 50% crop 1.3")


def test_a_click_moves_the_selection_and_the_link_holds_it(visit):
    visitor = visit("right_channel=7")
    visitor.cells("right").nth(4).click()
    visitor.page.wait_for_url("**image=mountain*")
    expect(visitor.page).to_have_url(re.compile(r"(?=.*x=0\.25)(?=.*y=0\.4)(?=.*right_channel=7)"))
    visitor.page.reload()
    visitor.painted()
    expect(visitor.cells("right").nth(4)).to_have_class(re.compile("chosen"))
    visitor.page.get_by_role("link", name="Compare").click()
    expect(visitor.page).to_have_url(re.compile(r"/\?(?=.*image=mountain)(?=.*y=0\.4)"))


def test_a_folder_is_indexed_under_a_bar_and_stopped(visit):
    visitor = visit("source=folder%3Abirds")
    side = visitor.side("right")
    expect(side.get_by_text("The folder birds is not indexed")).to_be_visible()
    side.get_by_role("button", name="Index the photos").click()
    expect(side.locator(".host[data-painted]")).to_be_visible()
    expect(side.get_by_text("80 photos are in the index.")).to_be_visible()
    expect(side.get_by_text("8 steps")).to_be_visible()
    visitor.cells("right").nth(0).click()
    expect(side.locator(".readout")).to_contain_text("class 1/<b>0</b>.jpg")
    assert "image=" not in visitor.page.url


def test_files_are_what_is_shown(visit):
    visitor = visit("left_channel=5&left_layer=conv3&right_layer=conv3_2")
    files = {}
    visitor.side("left").get_by_role("button", name="Download").click()
    for name in ("Pictures (PNG)", "Numbers (npz)"):
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("button", name=name).click()
        files[download.value.suggested_filename] = download.value.path().read_bytes()
    assert set(files) == {"top-patches-zfnet_b-conv3-5.png", "top-patches-zfnet_b-conv3-5.npz"}
    with Image.open(io.BytesIO(files["top-patches-zfnet_b-conv3-5.png"])) as sheet:
        assert sheet.width > 1000
    with np.load(io.BytesIO(files["top-patches-zfnet_b-conv3-5.npz"])) as data:
        assert data["patches"].shape == (9, 75, 75, 3)


@pytest.mark.parametrize("query", ["", "source=folder%3Abirds", "left_channel=2"])
def test_nothing_is_cut_off_on_a_phone(visit, query):
    visitor = visit(query, viewport=PHONE)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for cell in visitor.cells("right").all():
        box = cell.bounding_box()
        assert box["width"] >= 40
        assert 0 <= box["x"] <= PHONE["width"] - box["width"]


def test_the_code_is_on_the_page(visit):
    visitor = visit()
    visitor.page.get_by_text("Show the code").click()
    expect(visitor.page.get_by_text("api.top_patches(").first).to_be_visible()
    visitor.pictures()
