"""The panel "At initialisation" in a real browser: markers, charts, links, files, small screens."""

import csv
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import PHONE, SCREEN, Visitor, visiting

pytestmark = pytest.mark.browser

PAGE = "gradient_flow"
TWO = "settings=vgg16:std_0.01,vgg11:he_fan_in&reference=off"
WIDTHS = "[...document.querySelectorAll('.js-plotly-plot')].map(p => p.getBoundingClientRect())"


class FlowVisitor(Visitor):
    """A visitor who waits for charts."""

    def painted(self):
        self.idle()
        for number in range(3):
            expect(self.chart(number).locator(".main-svg").first).to_be_visible()
        self.idle()

    def chart(self, number):
        return self.plotly(f"flow_chart_{number}")

    def markers(self, number):
        return self.chart(number).locator(".scatterlayer .point")


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, FlowVisitor, PAGE) as make:
        yield make


def test_three_charts_stand_beside_one_another_above_the_fold(visit):
    page = visit().page
    boxes = page.evaluate(WIDTHS)
    assert len(boxes) == 3
    assert len({round(box["top"]) for box in boxes}) == 1
    assert all(box["width"] > 400 for box in boxes)
    assert all(box["bottom"] <= SCREEN["height"] for box in boxes)


def test_a_click_on_a_marker_shows_the_layer_and_a_reload_keeps_it(visit):
    visitor = visit(TWO)
    page = visitor.page
    expect(page.get_by_text("Click a marker, or choose a layer")).to_be_visible()
    visitor.markers(1).nth(5).click(force=True)
    expect(page.locator(".st-key-flow_histogram_z .main-svg").first).to_be_visible()
    expect(page).to_have_url(re.compile("layer=conv3_2"))
    expect(page.get_by_text("Exact zeros: ● 50 % · ■ 50 %")).to_be_visible()
    page.reload()
    expect(page.locator(".st-key-flow_histogram_z .main-svg").first).to_be_visible()
    visitor.painted()
    visitor.markers(0).nth(0).click(force=True)
    expect(page).to_have_url(re.compile("layer=conv1_1"))


def test_hovering_says_layer_value_and_setting(visit):
    visitor = visit(TWO)
    visitor.markers(0).nth(5).hover(force=True)
    hover = visitor.chart(0).locator(".hoverlayer")
    expect(hover).to_contain_text(re.compile(r"conv3_2: 2\.\d\de-5"))
    expect(hover).to_contain_text("VGG-16 (D), normal, std 0.01")


def test_back_returns_to_the_comparison_before(visit):
    visitor = visit(TWO)
    page = visitor.page
    page.get_by_role("radio", name="Variance or std?").click()
    expect(page).to_have_url(re.compile("variance_0.01"))
    expect(page.locator(".st-key-flow_card_2")).to_be_visible()
    page.go_back()
    expect(page.locator(".st-key-flow_card_2")).to_have_count(0)
    expect(page.get_by_role("combobox", name="Network of setting 2")).to_have_value("VGG-11 (A)")
    expect(page).to_have_url(re.compile("vgg11"))


def test_another_view_and_back_keeps_the_comparison(visit):
    visitor = visit(TWO)
    page = visitor.page
    page.get_by_role("radio", name="Training replay").click()
    expect(page).to_have_url(re.compile("view=replay$"))
    page.get_by_role("radio", name="At initialisation").click()
    visitor.painted()
    expect(page.get_by_role("combobox", name="Network of setting 2")).to_have_value("VGG-11 (A)")
    expect(page).to_have_url(re.compile("vgg11"))


def test_files_hold_the_numbers_and_the_charts(visit):
    visitor = visit(TWO)
    page = visitor.page
    page.get_by_role("button", name="Download", exact=True).click()
    files = {}
    for key in ("csv", "json", "html"):
        with page.expect_download() as download:
            page.locator(f".st-key-flow_{key} button").click()
        assert download.value.suggested_filename == f"gradient-flow.{key}"
        files[key] = Path(download.value.path()).read_text(encoding="utf-8")
    rows = list(csv.DictReader(files["csv"].splitlines()))
    assert [row["layer"] for row in rows[:2]] == ["conv1_1", "conv1_2"]
    assert len(rows) == 16 + 11
    assert len(json.loads(files["json"])["settings"]) == 2
    kept = visitor.context.new_page()
    errors = []
    kept.on("pageerror", lambda error: errors.append(str(error)))
    kept.set_content(files["html"])
    expect(kept.locator(".js-plotly-plot")).to_have_count(3)
    expect(kept.locator(".main-svg").first).to_be_visible()
    expect(kept.locator("dl")).to_contain_text("random weights, seed 0")
    assert errors == []


def test_the_camera_saves_a_picture_with_its_name(visit):
    visitor = visit(TWO)
    visitor.chart(1).hover()
    with visitor.page.expect_download() as download:
        visitor.chart(1).locator(".modebar-btn").first.click(force=True)
    assert download.value.suggested_filename == "gradient-flow-gradient_std.png"


def test_charts_follow_the_dark_theme(visit):
    visitor = visit(TWO, color_scheme="dark")
    line = visitor.chart(0).locator(".scatterlayer .lines path").last
    assert "rgb(245, 154, 85)" in line.get_attribute("style")  # the second colour of the dark theme
    paper = visitor.chart(0).locator(".main-svg").first.get_attribute("style")
    assert "rgb(18, 22, 28)" in paper


def test_a_phone_shows_one_chart_below_the_other(visit):
    visitor = visit(f"{TWO}&layer=conv4_1", viewport=PHONE)
    page = visitor.page
    boxes = page.evaluate(WIDTHS)
    assert len({round(box["top"]) for box in boxes}) == len(boxes) >= 3
    assert all(box["left"] >= 0 and box["right"] <= PHONE["width"] for box in boxes)
    assert all(box["width"] > 300 for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
