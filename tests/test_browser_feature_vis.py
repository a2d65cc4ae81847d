"""The page "Optimised" in a real browser: gallery, a job that is watched and stopped, a phone."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, Visitor, running_dashboard, visiting

pytestmark = pytest.mark.browser

PAGE = "feature_vis"


class VisVisitor(Visitor):
    """A visitor who waits for the galleries."""

    def painted(self):
        self.idle()
        for where in ("left", "right"):
            expect(self.grid(where)).to_be_visible()

    def grid(self, where):
        return self.page.locator(f".st-key-{where}_gallery .grid[data-painted]")

    def study(self, where, part):
        return self.page.locator(f".st-key-{where}_vis_{part}")

    def tile(self, where, number):
        """The middle of a picture in the grid, in px of its canvas."""
        return self.grid(where).evaluate(
            """(canvas, number) => {
              const box = canvas.getBoundingClientRect();
              const cell = parseFloat(canvas.nextElementSibling.style.width) + 3;
              const columns = Math.round((box.width + 3) / cell);
              return { x: (number % columns + 0.5) * cell,
                       y: (Math.floor(number / columns) + 0.5) * cell };
            }""",
            number,
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A dashboard whose studies are slow enough to be watched."""
    log = tmp_path_factory.mktemp("server") / "log"
    with running_dashboard(log, {"VGG_VIZ_SERVICE": "fake_service:make_slow_service"}) as address:
        yield address


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, VisVisitor, PAGE) as make:
        yield make


def test_a_click_on_a_picture_of_the_gallery_moves_the_selection(visit):
    visitor = visit("left_channel=0&right_channel=0")
    page = visitor.page
    readout = page.locator(".st-key-right_gallery .readout")
    expect(readout).to_contain_text("channel 0:")
    visitor.grid("right").click(position=visitor.tile("right", 9))
    expect(page).to_have_url(re.compile("right_channel=9"))
    visitor.idle()
    expect(readout).to_contain_text("channel 9:")
    expect(page.get_by_alt_text(re.compile("channel 9 of conv5_3"))).to_be_visible()
    expect(page.get_by_text("mean of channel 9 of conv5_3")).to_be_visible()
    visitor.grid("right").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("right_channel=10"))
    page.reload()
    visitor.painted()
    expect(readout).to_contain_text("channel 10:")


def test_the_gallery_is_sorted_in_the_browser(visit):
    visitor = visit("left_channel=0")
    box = visitor.page.locator(".st-key-left_gallery")
    sent = len(visitor.sent)
    box.locator("select").select_option("value")
    visitor.grid("left").hover(position={"x": 8, "y": 8})
    readout = box.locator(".readout")
    expect(readout).not_to_contain_text("channel 0:")
    assert float(re.search(r": ([\d.]+)", readout.inner_text())[1]) > 8.5
    assert len(visitor.sent) == sent


def test_a_job_is_watched_stopped_found_after_a_reload_and_goes_on(visit):
    visitor = visit("left_channel=3&seed=1")
    page = visitor.page
    visitor.study("left", "start").locator("button").first.click()
    preview = page.get_by_alt_text(re.compile("1 optimised: mean of channel 3"))
    expect(preview).to_be_visible()
    first = preview.get_attribute("src")
    expect(preview).not_to_have_attribute("src", first)  # the next preview
    visitor.study("left", "stop").locator("button").first.click()
    expect(page.get_by_text("Stopped at step")).to_be_visible()
    expect(visitor.study("left", "go_on")).to_be_visible()
    page.reload()
    visitor.painted()
    expect(page.get_by_text("Stopped at step")).to_be_visible()
    expect(preview).to_be_visible()
    visitor.study("left", "go_on").locator("button").first.click()
    expect(visitor.study("left", "more")).to_be_visible()
    expect(page.get_by_text("Reaches 1", exact=True)).to_be_visible()
    expect(visitor.plotly("left_vis_curve")).to_be_visible()
    with page.expect_download() as download:
        visitor.study("left", "png").locator("button").first.click()
    assert download.value.suggested_filename == "optimised-zfnet_b-conv5-channel-3.png"
    with Image.open(io.BytesIO(download.value.path().read_bytes())) as sheet:
        assert sheet.width >= 448
    with page.expect_download() as download:
        visitor.study("left", "npz").locator("button").first.click()
    with np.load(io.BytesIO(download.value.path().read_bytes())) as data:
        assert data["pixels"].dtype == np.uint8
    visitor.study("left", "more").locator("button").first.click()
    expect(page).to_have_url(re.compile("steps=512"))
    expect(visitor.study("left", "stop")).to_be_visible()


def test_settings_reach_the_address_and_survive_a_reload(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Four unlike").click()
    expect(page).to_have_url(re.compile("pictures=4&diversity=1.0"))
    page.reload()
    visitor.painted()
    expect(page.get_by_text("256 steps, 4 pictures of 224 px")).to_have_count(2)


def test_the_gallery_stands_above_the_fold(visit):
    visitor = visit()
    for where in ("left", "right"):
        box = visitor.grid(where).bounding_box()
        assert box["y"] < 450
    button = visitor.study("right", "start").first.bounding_box()
    assert button["y"] + button["height"] < 900


@pytest.mark.parametrize("query", ["", "objective=direction&second=channel", "objective=class"])
def test_nothing_is_wider_than_a_phone(visit, query):
    visitor = visit(query, viewport=PHONE)
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not visitor.page.evaluate(wide)
