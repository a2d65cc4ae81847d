"""The page "Parameters and computation" in a real browser: charts, clicks, links, files, phones."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import PHONE, SCREEN, Visitor, visiting

pytestmark = pytest.mark.browser

PAGE = "computation"
BOXES = "[...document.querySelectorAll('.js-plotly-plot')].map(p => p.getBoundingClientRect())"
PROJECTOR = {"width": 1024, "height": 768}


class ComputationVisitor(Visitor):
    """A visitor who waits for charts where there are any."""

    def painted(self):
        self.idle()

    def chart(self, key):
        drawn = self.plotly(f"computation_{key}")
        expect(drawn.locator(".main-svg").first).to_be_visible()
        return drawn

    def click(self, key):
        self.page.locator(f".st-key-computation_{key} button").click()
        self.idle()


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, ComputationVisitor, PAGE) as make:
        yield make


def test_both_networks_stand_beside_one_another_above_the_fold(visit):
    visitor = visit()
    for key in ("bars_0", "bars_1", "shares", "memory"):
        visitor.chart(key)
    left, right = visitor.page.evaluate(BOXES)[:2]
    assert left["top"] == right["top"]
    assert left["bottom"] <= SCREEN["height"]
    assert min(left["width"], right["width"]) > 500


def test_a_setting_is_in_the_link_and_a_reload_keeps_it(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("radio", name="MACs").click()
    expect(page).to_have_url(re.compile("metric=macs"))
    expect(visitor.chart("bars_1")).to_contain_text("MACs per layer, 1 image")
    page.reload()
    expect(visitor.chart("bars_1")).to_contain_text("MACs per layer, 1 image")
    visitor.chart("bars_1").locator(".bars .point").nth(1).hover(force=True)
    expect(visitor.chart("bars_1").locator(".hoverlayer")).to_contain_text("1,849,688,064")


def test_the_table_opens_and_its_file_holds_every_layer(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_text("Tables of all layers").click()
    expect(page.get_by_test_id("stDataFrame").nth(1).locator("canvas").first).to_be_visible()
    with page.expect_download() as download:
        page.locator(".st-key-computation_table_csv_1").get_by_role("button").click()
    assert download.value.suggested_filename == "costs-vgg16.csv"
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == 40
    assert rows[-1]["parameters cumulated"] == "138357544"
    assert "no network was run" in rows[0]["source"]


def test_measuring_shows_times_and_the_roofline(visit):
    visitor = visit("view=measured", viewport=PROJECTOR)
    page = visitor.page
    expect(page.get_by_text("Nothing is measured yet")).to_be_visible()
    visitor.click("measure")
    visitor.chart("times_1")
    expect(page.get_by_text("Measure again")).to_be_visible()
    roofline = visitor.chart("roofline")
    roofline.scroll_into_view_if_needed()
    roofline.locator(".scatterlayer .trace").nth(2).locator(".point").nth(13).hover(force=True)
    expect(roofline.locator(".hoverlayer")).to_contain_text("bound by memory")
    with page.expect_download() as download:
        page.locator(".st-key-computation_roofline_csv").get_by_role("button").click()
    assert download.value.suggested_filename == "computation-roofline.csv"
    assert page.evaluate("document.documentElement.scrollWidth") <= PROJECTOR["width"]


def test_a_dense_map_says_what_is_where(visit):
    visitor = visit("view=dense&image=dog", color_scheme="dark")
    page = visitor.page
    visitor.click("evaluate")
    chart = visitor.chart("left_dense")
    box = chart.bounding_box()
    assert box["y"] + 200 < SCREEN["height"]
    expect(chart).to_contain_text("ZFNet (b): probability of dog")
    photo = chart.locator(".layer-below image, .imagelayer image").first.bounding_box()
    page.mouse.move(photo["x"] + photo["width"] / 2, photo["y"] + photo["height"] / 2)
    expect(chart.locator(".hoverlayer")).to_contain_text("padding in sight")
    expect(visitor.chart("right_top")).to_contain_text("A")
    chart.hover()
    with page.expect_download() as download:
        chart.locator(".modebar-btn").first.click(force=True)
    assert download.value.suggested_filename == "computation-left-dense.png"


@pytest.mark.parametrize("view", ["costs", "measured", "dense"])
def test_a_phone_shows_one_chart_below_the_other(visit, view):
    visitor = visit(f"view={view}", viewport=PHONE)
    page = visitor.page
    button = {"measured": "measure", "dense": "evaluate"}.get(view)
    if button:
        visitor.click(button)
    visitor.chart({"costs": "memory", "measured": "roofline", "dense": "right_top"}[view])
    visitor.until(lambda: len(page.evaluate(BOXES)) >= 3)  # the last one may be drawn first
    boxes = page.evaluate(BOXES)
    assert len({round(box["top"]) for box in boxes}) == len(boxes) >= 3
    assert all(box["left"] >= 0 and box["right"] <= PHONE["width"] for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for name in ("Where costs go", "Measured", "Dense evaluation"):
        place = page.get_by_role("radio", name=name).bounding_box()
        assert place["x"] + place["width"] <= PHONE["width"]
