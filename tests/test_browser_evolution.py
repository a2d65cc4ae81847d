"""From ZFNet to VGG in a real browser: blocks, keyboard, steps, files, a phone."""

import csv
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, SCREEN, Visitor, running_dashboard, visiting

pytestmark = pytest.mark.browser

PAGE = "evolution"
PROJECTOR = {"width": 1024, "height": 768}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of a dashboard over a fake service that has every network."""
    log = tmp_path_factory.mktemp("server") / "log"
    with running_dashboard(log, {"VGG_VIZ_SERVICE": "fake_networks:make_service"}) as address:
        yield address


class EvolutionVisitor(Visitor):
    """A visitor who waits for the two columns."""

    def painted(self):
        self.idle()
        expect(self.page.locator(".st-key-columns .stage[data-painted]")).to_be_visible()
        expect(self.page.locator(".st-key-evolution_ledger table")).to_be_visible()

    @property
    def stage(self):
        return self.page.locator(".st-key-columns .stage")

    def block(self, side, layer):
        return self.page.locator(f".st-key-columns rect[data-side='{side}'][data-layer='{layer}']")

    @property
    def tip(self):
        return self.page.locator(".st-key-columns .tip")

    def titled(self, left, right):
        expect(self.stage).to_have_attribute(
            "data-painted", re.compile(re.escape(f"{left} {right}"))
        )


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, EvolutionVisitor, PAGE) as make:
        yield make


def test_blocks_are_to_scale_aligned_and_above_the_fold(visit):
    visitor = visit()
    stage = visitor.stage.bounding_box()
    assert stage["y"] < 300
    assert stage["y"] + 550 < SCREEN["height"]
    first, second = visitor.block(0, "conv1"), visitor.block(1, "conv1_1")
    left, right = first.bounding_box(), second.bounding_box()
    middles = [box["y"] + box["height"] / 2 for box in (left, right)]
    assert middles[0] == pytest.approx(middles[1], abs=1)
    sizes = [
        {name: float(block.get_attribute(name)) for name in ("width", "height")}
        for block in (first, second)
    ]
    assert sizes[0]["width"] / sizes[1]["width"] == pytest.approx(110 / 224)
    assert sizes[0]["height"] / sizes[1]["height"] == pytest.approx((96 / 64) ** 0.5)
    assert visitor.block(1, "conv1_2").get_attribute("data-status") == "added"
    assert visitor.block(0, "norm1").get_attribute("data-status") == "removed"
    text = " ".join(visitor.page.locator(".st-key-columns svg text").all_text_contents())
    assert "224 px: a block is as wide as its map, linear; height ∝ √channels" in text
    for words in ("conv7-96 /2", "conv3-64", "FC-4096", "+ added", "− removed", "~ changed"):
        assert words in text


def test_pointing_at_a_block_shows_all_its_numbers(visit):
    visitor = visit()
    expect(visitor.tip).to_be_hidden()
    visitor.block(1, "conv4_2").hover(force=True)
    for words in ("added: 3x3, 512 → 512 channels, 28 px", "2,359,808", "1,849,688,064"):
        expect(visitor.tip).to_contain_text(words)
    for words in ("512 × 28 × 28", "3 × 3", "401,408 · 1.606 MB", "76 px", "8 px"):
        expect(visitor.tip).to_contain_text(words)
    visitor.block(0, "conv1").hover(force=True)
    expect(visitor.tip).to_contain_text("kernel 7 → 3, stride 2 → 1")
    expect(visitor.tip.locator(".differs").filter(has_text="Kernel")).to_contain_text("7 × 7")
    visitor.page.mouse.move(5, 5)
    expect(visitor.tip).to_be_hidden()
    url = visitor.page.url
    visitor.block(1, "pool3").click(force=True)  # no page has a selection of pooling
    visitor.page.mouse.move(5, 5)
    expect(visitor.tip).to_contain_text("pool3")  # it stays, marked
    expect(visitor.page.locator(".st-key-columns rect.marked")).to_have_count(1)
    visitor.idle()
    assert visitor.page.url == url


def test_a_click_moves_the_selection_to_compare(visit):
    visitor = visit()
    page = visitor.page
    visitor.block(1, "conv3_2").click(force=True)
    expect(page).to_have_url(re.compile("right_layer=conv3_2"))
    expect(visitor.block(1, "conv3_2")).to_have_attribute("data-chosen", "true")
    expect(visitor.block(0, "conv3")).to_have_attribute("data-chosen", "true")  # by depth
    page.get_by_role("link", name="Compare conv3 and conv3_2").click()
    expect(page.locator(".st-key-right_overlay .stage[data-painted^='conv3_2']")).to_be_visible()
    expect(page.locator(".st-key-left_overlay .stage[data-painted^='conv3 ']")).to_be_visible()


def test_the_keyboard_reads_and_chooses(visit):
    visitor = visit()
    visitor.stage.focus()
    press = visitor.page.keyboard.press
    press("ArrowDown")
    press("Home")
    press("ArrowRight")
    press("ArrowDown")
    expect(visitor.tip).to_contain_text("conv1_2")
    live = visitor.page.locator(".st-key-columns .live")
    expect(live).to_contain_text("conv1_2, conv3-64, added: 3x3, 64 → 64 channels, 224 px")
    press("Enter")
    expect(visitor.page).to_have_url(re.compile("right_layer=conv1_2"))
    press("Escape")
    expect(visitor.tip).to_be_hidden()


def test_the_steps_go_on_and_back_and_a_link_keeps_the_pair(visit):
    visitor = visit("left=alexnet:imagenet&right=zfnet_a:random&cost=macs")
    page = visitor.page
    expect(page.get_by_text("11×11 with stride 4 becomes 7×7 with stride 2")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    visitor.titled("ZFNet (a)", "ZFNet (b)")
    page.get_by_role("radio", name="→ D").click()
    visitor.titled("VGG-16 (C)", "VGG-16 (D)")
    expect(page.get_by_text("The 1×1 become 3×3.")).to_be_visible()
    page.reload()
    visitor.titled("VGG-16 (C)", "VGG-16 (D)")
    expect(page.get_by_role("radio", name="→ D")).to_be_checked()
    page.get_by_role("button", name="Previous").click()
    visitor.titled("VGG-13 (B)", "VGG-16 (C)")
    page.go_back()
    visitor.titled("VGG-16 (C)", "VGG-16 (D)")


def test_the_size_recomputes_at_once_and_too_small_is_mended(visit):
    visitor = visit("left=alexnet:imagenet")
    page = visitor.page
    size = page.get_by_role("spinbutton", name="Input, px")
    size.fill("40")
    size.press("Enter")
    expect(page.get_by_text("nothing is left at pool5. Give at least 63 px.")).to_be_visible()
    page.get_by_role("button", name="Use 63 px").click()
    expect(page).to_have_url(re.compile("size=63"))
    visitor.painted()
    expect(page.locator(".st-key-columns svg")).to_contain_text("63 px, 1 × width, 1000 classes")


def test_files_hold_the_picture_and_the_ledger(visit):
    visitor = visit()
    page, files = visitor.page, {}
    chart = visitor.plotly("evolution_waterfall")
    expect(chart.locator(".main-svg").first).to_be_visible()  # what is below it moves no more
    chart.hover()
    with page.expect_download() as download:
        chart.locator(".modebar-btn").first.click(force=True)
    assert download.value.suggested_filename == "evolution-waterfall.png"
    for name in ("PNG", "SVG"):
        with page.expect_download() as download:
            page.locator(".st-key-columns").get_by_role("button", name=name).click()
        files[name] = Path(download.value.path())
        assert download.value.suggested_filename == f"ZFNet-b-to-VGG-16-D.{name.lower()}"
    with Image.open(files["PNG"]) as picture:
        assert picture.width > 2000
        colours = picture.convert("RGB").getcolors(2**20)
    assert len(colours) > 20  # not an empty sheet
    svg = files["SVG"].read_text(encoding="utf-8")
    assert "conv7-96 /2" in svg
    assert "var(" not in svg  # it looks the same elsewhere
    with page.expect_download() as download:
        page.locator(".st-key-evolution_ledger_csv").get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert sum(int(row["parameters"]) for row in rows) == 30_729_920
    assert rows[0]["source"].startswith("Computed from the networks' tables")


def test_the_picture_follows_the_dark_theme(visit):
    visitor = visit(color_scheme="dark")
    assert visitor.block(0, "conv2").get_attribute("fill").lower() == "#5fb4f0"
    paper = visitor.page.locator(".st-key-evolution_waterfall .main-svg").first
    assert "rgb(18, 22, 28)" in paper.get_attribute("style")


@pytest.mark.parametrize("viewport", [PHONE, PROJECTOR], ids=["phone", "projector"])
def test_small_screens_hold_the_page(visit, viewport):
    visitor = visit("left=zfnet_b:bundled&right=vgg19_bn:random", viewport=viewport)
    page = visitor.page
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    for key in ("columns", "evolution_totals", "evolution_ledger", "evolution_waterfall"):
        box = page.locator(f".st-key-{key}").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]
    texts = page.locator(".st-key-columns svg text")
    frame = visitor.stage.bounding_box()
    for box in texts.evaluate_all(
        "all => all.map((text) => text.getBoundingClientRect().toJSON())"
    ):
        assert box["left"] >= frame["x"] - 1
        assert box["right"] <= frame["x"] + frame["width"] + 1


def test_a_finger_reads_and_chooses(visit):
    visitor = visit(viewport=PHONE, has_touch=True)
    block = visitor.block(1, "conv2_2")
    block.scroll_into_view_if_needed()
    block.tap(force=True)
    expect(visitor.tip).to_contain_text("conv2_2")
    box = visitor.tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    expect(visitor.page).to_have_url(re.compile("right_layer=conv2_2"))
