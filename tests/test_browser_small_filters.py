"""Page Small filters in a real browser: clicks on kernels, links, files, small screens."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import PHONE, SCREEN, Visitor, visiting

pytestmark = pytest.mark.browser

PAGE = "small_filters"
VIEWS = ("cost", "five", "factors", "first", "aliasing")


class FilterVisitor(Visitor):
    """A visitor who waits for the script alone."""

    def painted(self):
        self.idle()

    def chart(self, key):
        return self.plotly(key)


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, FilterVisitor, PAGE) as make:
        yield make


def test_the_first_chart_is_above_the_fold(visit):
    visitor = visit()
    chart = visitor.chart("stack_weights")
    expect(chart.locator(".main-svg").first).to_be_visible()
    box = chart.bounding_box()
    assert box["y"] + box["height"] <= SCREEN["height"]


def test_a_click_on_a_point_shows_its_kernel_and_a_reload_keeps_it(visit):
    visitor = visit("view=factors")
    page = visitor.page
    points = visitor.chart("factor_points").locator(".scatterlayer .point")
    expect(points.first).to_be_visible()
    points.nth(8).click(force=True)
    expect(page.get_by_text("conv2, output 1, input 2", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("output=1&input=2"))
    page.reload()
    expect(page.get_by_text("conv2, output 1, input 2", exact=True)).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Input channel")).to_have_value("2")


def test_the_whole_layer_is_fitted_when_its_section_is_opened(visit):
    visitor = visit("view=factors")
    page = visitor.page
    expect(visitor.chart("factor_points")).to_be_visible()
    expect(visitor.chart("factor_shared")).to_have_count(0)
    page.get_by_text("The whole layer at once").click()
    expect(visitor.chart("factor_shared").locator(".main-svg").first).to_be_visible()
    expect(page.get_by_text("no cheaper copy of a 5x5 layer")).to_be_visible()


def test_back_returns_to_the_view_before(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("radio", name="Aliasing").click()
    expect(page).to_have_url(re.compile("view=aliasing"))
    page.get_by_role("radio", name="Photo").click()
    expect(page.locator(".st-key-photos")).to_be_visible()
    visitor.idle()
    visitor.pictures()
    page.go_back()
    expect(page.locator(".st-key-photos")).to_have_count(0)
    page.go_back()
    expect(visitor.chart("stack_weights").locator(".main-svg").first).to_be_visible()


def test_files_hold_the_numbers(visit):
    visitor = visit()
    expect(visitor.chart("stack_weights").locator(".main-svg").first).to_be_visible()
    visitor.idle()
    with visitor.page.expect_download() as download:
        visitor.page.locator(".st-key-stack_weights_csv").get_by_role("button").click()
    assert download.value.suggested_filename == "stack-weights.csv"
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8").splitlines()))
    assert [row["one_formula"] for row in rows] == ["25 C²", "49 C²", "81 C²", "121 C²"]
    assert "arXiv 1409.1556" in rows[0]["source"]


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_a_phone(visit, view):
    visitor = visit(f"view={view}", viewport=PHONE, color_scheme="dark")
    page = visitor.page
    shown = "img" if view in ("first", "aliasing") else ".js-plotly-plot"
    expect(page.locator(f"[data-testid=stMain] {shown}").first).to_be_visible()
    visitor.idle()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    right = page.evaluate(
        f"Math.max(...[...document.querySelectorAll('[data-testid=stMain] {shown}')]"
        ".map(e => e.getBoundingClientRect().right))"
    )
    assert right <= PHONE["width"]
