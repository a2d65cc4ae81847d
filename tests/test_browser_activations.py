"""The page "Activations" in a real browser: the grid, the unit, the strip, small screens."""

import io
import os
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import FLAGS, PHONE, Visitor, visiting
from small_clips import animation

pytestmark = pytest.mark.browser

PAGE = "activations"
ORDER = "canvas => canvas.dataset.order.split(',').map(Number)"


class MapsVisitor(Visitor):
    """A visitor who waits for both grids and units."""

    def painted(self):
        self.idle()
        for where in ("left", "right"):
            expect(self.grid(where)).to_be_visible()
            expect(self.part(where, "unit", "figure[data-photo]")).to_be_visible()
            expect(self.part(where, "strip", ".strip[data-painted]")).to_be_visible()
        self.idle()

    def part(self, where, component, selector):
        return self.page.locator(f".st-key-{where}_{component} {selector}")

    def grid(self, where):
        return self.part(where, "grid", ".grid[data-painted]")

    def readout(self, where):
        return self.part(where, "grid", ".readout")

    def order(self, where):
        return self.grid(where).evaluate(ORDER)

    def sort(self, where, name):
        self.part(where, "grid", ".sort").select_option(name)
        return self.order(where)

    def pixels(self, where):
        png = self.grid(where).screenshot()
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, MapsVisitor, PAGE) as make:
        yield make


def test_sorting_scales_zoom_and_pointing_ask_the_server_nothing(visit):
    visitor = visit()
    before = len(visitor.sent)
    by_mean = visitor.order("left")
    assert visitor.sort("left", "channel") == list(range(8))
    orders = {name: visitor.sort("left", name) for name in ("max", "sparsity", "score")}
    assert len({str(order) for order in (*orders.values(), by_mean)}) == 4
    assert visitor.sort("left", "mean") == by_mean
    shared = visitor.pixels("left")
    visitor.part("left", "grid", "input").check()
    assert (np.abs(visitor.pixels("left") - shared) > 30).any(axis=2).mean() > 0.02
    expect(visitor.part("left", "grid", ".kind")).to_contain_text("each map on its own scale")
    width = visitor.grid("left").bounding_box()["height"]
    visitor.part("left", "grid", ".more").click()
    assert visitor.grid("left").bounding_box()["height"] > width
    visitor.grid("left").hover(position={"x": 5, "y": 5})
    expect(visitor.readout("left")).to_have_text(
        re.compile(rf"Channel {by_mean[0]} · ≈ \S+ at row \d+, column \d+ · mean .* · zeros")
    )
    visitor.part("right", "strip", ".layer").first.hover()
    expect(visitor.part("right", "strip", ".facts")).to_contain_text("conv1_1: 16 maps")
    assert len(visitor.sent) == before


def test_a_click_chooses_channel_and_unit_and_a_reload_shows_them(visit):
    visitor = visit()
    visitor.sort("right", "channel")
    box = visitor.part("right", "grid", ".ring").bounding_box()["width"]
    visitor.grid("right").click(position={"x": box + 2 + box * 0.97, "y": box * 0.03})
    expect(visitor.page).to_have_url(re.compile(r"x=0\.\d+&y=0\.\d+.*right_channel=1\b"))
    expect(visitor.part("right", "unit", ".name")).to_have_text("Channel 1 of conv5_3")
    expect(visitor.part("right", "unit", ".values")).to_have_attribute("data-unit", "0,13")
    expect(visitor.part("left", "unit", ".values")).to_have_attribute("data-unit", "0,12")
    expect(visitor.grid("right")).to_have_attribute("data-chosen", "1")
    visitor.page.reload()
    visitor.painted()
    expect(visitor.part("right", "unit", ".values")).to_have_attribute("data-unit", "0,13")
    expect(visitor.grid("right")).to_have_attribute("data-chosen", "1")
    assert visitor.sort("right", "similarity")[0] == 1


def test_pointing_at_the_map_reads_values_and_shows_the_twin(visit):
    visitor = visit()
    before = len(visitor.sent)
    values = visitor.part("right", "unit", ".values")
    first = visitor.part("right", "unit", ".value").text_content()
    box = values.bounding_box()
    values.hover(position={"x": box["width"] * 0.5 / 14, "y": box["height"] * 1.5 / 14})
    expect(values).to_have_attribute("data-unit", "1,0")
    expect(visitor.part("right", "unit", ".value")).to_have_text(re.compile("at row 2, column 1"))
    assert visitor.part("right", "unit", ".value").text_content() != first
    expect(visitor.part("left", "unit", ".values")).to_have_attribute(
        "data-unit", re.compile("^[01],0$")
    )
    assert len(visitor.sent) == before
    values.focus()
    values.press("ArrowDown")
    expect(visitor.page).to_have_url(re.compile("y=0.17"))


def test_the_strip_chooses_the_layer_and_the_other_network_follows(visit):
    visitor = visit()
    visitor.part("right", "strip", ".layer").filter(has_text="conv1_1").click()
    expect(visitor.grid("right")).to_have_attribute("data-painted", "relu1_1 16")
    expect(visitor.grid("left")).to_have_attribute("data-painted", "relu1 24")
    expect(visitor.part("right", "grid", ".kind")).to_contain_text(
        "drawn max-pooled 8 × 8 to 28 px"
    )
    visitor.part("right", "strip", ".layer").filter(has_text="fc7").click()
    expect(visitor.part("right", "grid", ".title")).to_contain_text("units of fc7 after ReLU")
    expect(visitor.page).to_have_url(re.compile("left_map=fc7&right_map=fc7"))
    expect(visitor.part("right", "unit", ".map")).to_be_hidden()


def test_a_layer_seen_before_is_shown_before_the_server_answers(visit):
    visitor = visit()
    strip = visitor.part("right", "strip", ".layer")
    for layer, painted in (("conv1_1", "relu1_1 16"), ("conv4_1", "relu4_1 128")):
        strip.filter(has_text=layer).click()
        expect(visitor.grid("right")).to_have_attribute("data-painted", painted)
        visitor.idle()
    pair = [visitor.grid(where).element_handle() for where in ("left", "right")]
    shown = strip.filter(has_text="conv1_1").evaluate(
        "(layer, grids) => { layer.click(); return grids.map((grid) => grid.dataset.painted); }",
        pair,
    )
    assert shown == ["relu1 24", "relu1_1 16"]
    expect(visitor.page).to_have_url(re.compile("right_layer=conv1_1"))
    visitor.idle()
    expect(visitor.grid("left")).to_have_attribute("data-painted", "relu1 24")


def test_the_link_learns_the_order_with_the_next_click(visit):
    visitor = visit("left_sort=channel")
    expect(visitor.part("left", "grid", ".sort")).to_have_value("channel")
    assert visitor.order("left") == list(range(8))
    by_score = visitor.sort("right", "score")
    visitor.part("right", "strip", ".layer").filter(has_text="conv4_1").click()
    expect(visitor.page).to_have_url(re.compile("left_sort=channel.*right_sort=score"))
    visitor.part("right", "strip", ".layer").filter(has_text="conv5_3").click()
    expect(visitor.grid("right")).to_have_attribute("data-painted", "relu5_3 128")
    visitor.page.reload()
    visitor.painted()
    assert visitor.order("right") == by_score
    visitor.sort("left", "max")
    visitor.grid("left").click(position={"x": 5, "y": 5})
    expect(visitor.page).to_have_url(re.compile("left_sort=max"))


def test_keys_move_through_the_grid_and_enter_chooses(visit):
    visitor = visit()
    grid = visitor.grid("left")
    second = visitor.order("left")[1]
    grid.focus()
    grid.press("ArrowRight")
    expect(visitor.readout("left")).to_contain_text(f"Channel {second} ·")
    grid.press("Enter")
    expect(visitor.page).to_have_url(re.compile(f"left_channel={second}"))
    expect(visitor.part("left", "unit", ".name")).to_have_text(f"Channel {second} of conv5")


def test_nothing_overflows_on_a_phone(visit):
    visitor = visit("relu=off&numbers=photos", viewport=PHONE, has_touch=True)
    wide = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
    for where in ("left", "right"):
        for part in (visitor.grid(where), visitor.part(where, "unit", "figure")):
            box = part.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE["width"]


def test_values_download_as_a_file(visit):
    visitor = visit()
    visitor.page.get_by_role("button", name="Download").first.click()
    with visitor.page.expect_download() as download:
        visitor.page.locator(".st-key-right_npz_file button").click()
    assert download.value.suggested_filename == "activations-vgg16-relu5_3.npz"
    with np.load(download.value.path()) as kept:
        assert kept["maps"].shape == (128, 14, 14)


# --- a clip --------------------------------------------------------------------------------------


def with_clip(visitor, data):
    """Open the clip's panel and upload."""
    visitor.page.locator(".st-key-activation_clip summary").click()
    chooser = visitor.page.locator("[class*=st-key-clip_files] input[type=file]")
    chooser.set_input_files({"name": "walk.gif", "mimeType": "image/gif", "buffer": data})
    player = visitor.page.locator(".st-key-clip_player figure[data-painted]")
    expect(player).to_be_visible()
    visitor.idle()
    return player


def test_a_clip_is_scrubbed_without_the_server(visit):
    visitor = visit()
    player = with_clip(visitor, animation("GIF", 5, noisy=True))
    expect(player).to_have_attribute("data-painted", "5")
    before = len(visitor.sent)
    pictures = [player.screenshot()]
    player.focus()
    player.press("ArrowRight")
    expect(player).to_have_attribute("data-at", "1")
    pictures.append(player.screenshot())
    player.press("End")
    expect(player).to_have_attribute("data-at", "4")
    slider = player.locator("input[type=range]")
    slider.fill("2")
    expect(player).to_have_attribute("data-at", "2")
    expect(player.locator("output")).to_have_text("Frame 3 of 5 · 0.40 s")
    player.locator("[data-go=play]").click()
    expect(player).not_to_have_attribute("data-at", "2")
    player.locator("[data-go=play]").click()
    expect(player.locator("[data-go=play]")).to_have_text("▶ Play")
    player.locator(".curve canvas").first.click(position={"x": 60, "y": 40})
    expect(player).to_have_attribute("data-at", "0")
    assert pictures[0] != pictures[1]
    assert len(visitor.sent) == before


def test_a_channel_of_the_clip_is_the_channel_of_the_page(visit):
    visitor = visit()
    player = with_clip(visitor, animation("GIF", 3, noisy=True))
    player.focus()
    player.press("End")
    channel = player.locator(".channels").last.locator("button").nth(3)
    number = channel.text_content()
    channel.click()
    expect(visitor.page).to_have_url(re.compile(rf"right_channel={number}\b"))
    expect(visitor.part("right", "unit", ".name")).to_have_text(f"Channel {number} of conv5_3")
    visitor.idle()
    expect(player).to_have_attribute("data-channels", re.compile(rf",{number}$"))
    expect(player).to_have_attribute("data-at", "2")


def test_what_is_no_clip_is_said_beside_the_uploader(visit):
    visitor = visit()
    visitor.page.locator(".st-key-activation_clip summary").click()
    chooser = visitor.page.locator("[class*=st-key-clip_files] input[type=file]")
    chooser.set_input_files({"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"nothing"})
    expect(visitor.page.get_by_text("This file is no clip that can be read")).to_be_visible()


def test_pictures_of_the_camera_become_a_clip(chromium, server):
    flags = [f"--use-fake-{part}-for-media-stream" for part in ("device", "ui")]
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    browser = chromium.browser_type.launch(executable_path=path, args=[*FLAGS, *flags])
    with visiting(browser, server, MapsVisitor, PAGE) as make:
        page = make(permissions=["camera"]).page
        page.locator(".st-key-activation_clip summary").click()
        page.get_by_text("Take pictures one after another").click()
        for taken in ("Camera: 1 frame.", "Camera: 2 frames"):
            # A picture of a camera that shows nothing yet is no picture.
            expect(page.locator("video")).to_have_js_property("readyState", 4)
            page.get_by_role("button", name="Take Photo").click()
            expect(page.get_by_text(taken)).to_be_visible()
        player = page.locator(".st-key-clip_player figure[data-painted='2']")
        expect(player).to_be_visible()
    browser.close()
