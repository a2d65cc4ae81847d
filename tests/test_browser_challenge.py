"""The page "ImageNet challenge" in a real browser: hover texts, files, links, a phone."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import PHONE, Visitor, visiting
from vgg_viz.published import EVERY_ERROR

pytestmark = pytest.mark.browser

PAGE = "challenge"


class ChallengeVisitor(Visitor):
    """A visitor who waits for the chart."""

    def painted(self):
        self.idle()
        expect(self.chart).to_have_count(1)  # not the stale one of another view beside it
        expect(self.chart.locator(".main-svg").first).to_be_visible()
        self.idle()

    @property
    def chart(self):
        return self.plotly()


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, ChallengeVisitor, PAGE) as make:
        yield make


def test_pointing_at_a_mark_says_protocol_split_and_source(visit):
    visitor = visit()
    visitor.chart.locator(".scatterlayer .point").nth(4).hover(force=True)
    hover = visitor.chart.locator(".hoverlayer")
    expect(hover).to_contain_text("ZFNet (a) and (b), 2013")
    expect(hover).to_contain_text("top-5 error 14.8 % (test)")
    expect(hover).to_contain_text("6 networks averaged")
    expect(hover).to_contain_text("Source: Zeiler & Fergus 2014, table 2")


def test_a_view_is_chosen_and_a_reload_keeps_it(visit):
    visitor = visit("view=cost&protocol=best")
    page = visitor.page
    assert visitor.chart.locator(".scatterlayer .point").count() == 11
    page.get_by_role("radio", name="Depth").click()
    expect(page).to_have_url(re.compile("view=depth"))
    page.get_by_role("radio", name="Top-1").click()
    expect(page).to_have_url(re.compile("metric=top1"))
    page.reload()
    visitor.painted()
    expect(page.get_by_role("radio", name="Top-1")).to_be_checked()
    expect(visitor.chart).to_contain_text("27.0 → 27.3")
    page.go_back()
    visitor.painted()
    expect(visitor.chart).to_contain_text("8.8 → 9.0")


def test_files_hold_the_numbers_and_the_picture(visit):
    visitor = visit("view=depth")
    page = visitor.page
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == 24
    assert {row["published_in"] for row in rows} == {"Simonyan & Zisserman 2015, table 3"}
    visitor.chart.hover()
    with page.expect_download() as download:
        visitor.chart.locator(".modebar-btn").first.click(force=True)
    assert download.value.suggested_filename == "challenge-depth.png"
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="All figures (CSV)").click()
    assert download.value.suggested_filename == "imagenet-errors.csv"
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == len(EVERY_ERROR)


def test_the_chart_is_above_the_fold_on_a_projector(visit):
    visitor = visit(viewport={"width": 1024, "height": 768})
    box = visitor.chart.bounding_box()
    assert box["y"] + box["height"] <= 768


def test_a_phone_shows_everything_within_its_width(visit):
    visitor = visit("view=cost", viewport=PHONE)
    page = visitor.page
    for view in ("Winners", "Depth", "Testing", "Ablations"):
        button = page.get_by_role("radio", name=view)
        edges = button.bounding_box()
        assert 0 <= edges["x"] <= edges["x"] + edges["width"] <= PHONE["width"]
        button.click()
        expect(button).to_be_checked()
        expect(page.locator(f".st-key-challenge_{view.lower()} .js-plotly-plot")).to_be_visible()
        visitor.painted()
        box = visitor.chart.bounding_box()
        assert box["width"] > 300
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
