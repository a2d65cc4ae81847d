"""The page "Receptive fields" in a real browser: pointing, keeping, keys, heat, small screens."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, SCREEN, Visitor, visiting
from vgg_viz.architecture import describe_network, unit_fields

pytestmark = pytest.mark.browser

PAGE = "receptive_fields"
NUMBERS = (
    "dl => Object.fromEntries([...dl.querySelectorAll('dt')].map("
    "dt => [dt.textContent, dt.nextSibling.textContent]))"
)


class FieldVisitor(Visitor):
    """A visitor who waits for both pictures."""

    def painted(self):
        self.idle()
        for where in ("left", "right"):
            expect(self.part(where, ".field[data-photo]")).to_be_visible()
        expect(self.page.locator(".st-key-field_growth .main-svg").first).to_be_visible()
        self.idle()

    def part(self, where, selector):
        return self.page.locator(f".st-key-{where}_field {selector}")

    def unit(self, where):
        """The unit shown: pointed at, or kept."""
        shown = self.part(where, ".grid").get_attribute("data-unit")
        return tuple(int(number) for number in shown.split(","))

    def numbers(self, where):
        return self.part(where, "dl").evaluate(NUMBERS)

    def at(self, where, row, column, selector=".grid", count=14):
        """Position of a unit in the grid."""
        box = self.part(where, selector).bounding_box()
        return {
            "x": box["width"] * (column + 0.5) / count,
            "y": box["height"] * (row + 0.5) / count,
        }

    def pixels(self, where):
        png = self.part(where, ".photo").screenshot()
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, FieldVisitor, PAGE) as make:
        yield make


def nearest(network, layer, px):
    return unit_fields(describe_network(network), layer).nearest(px)


def test_pointing_moves_both_fields_and_asks_the_server_nothing(visit):
    visitor = visit()
    before, picture = len(visitor.sent), visitor.pixels("left")
    visitor.part("right", ".grid").hover(position=visitor.at("right", 1, 12))
    expect(visitor.part("right", ".grid")).to_have_attribute("data-unit", "1,12")
    centre = unit_fields(describe_network("vgg16"), "conv5_3").center
    twin = tuple(nearest("zfnet_b", "conv5", centre(i)) for i in (1, 12))
    assert visitor.unit("left") == twin
    assert (visitor.pixels("left") != picture).any()
    visitor.page.get_by_role("heading", name="Receptive fields").hover()
    expect(visitor.part("right", ".grid")).to_have_attribute("data-unit", "6,6")
    assert visitor.unit("left") == (6, 6)
    assert len(visitor.sent) == before
    assert "x=" not in visitor.page.url


def test_numbers_are_those_of_the_tables(visit):
    visitor = visit()
    visitor.part("right", ".grid").hover(position=visitor.at("right", 0, 13))
    expect(visitor.part("right", ".grid")).to_have_attribute("data-unit", "0,13")
    fields = unit_fields(describe_network("vgg16"), "conv5_3")
    assert visitor.numbers("right") == {
        "Field": "196 × 196 px",
        "Stride": "16 px",
        "Row, column": "1, 14",
        "Centre x, y": f"{fields.center(13)}, {fields.center(0)}",
        "Outside": f"{100 * fields.clipped_share(0, 13):.1f} %",
        "Of the photo": f"{100 * fields.picture_share(0, 13):.1f} %",
        "Whole fields": "4 of 196",
    }
    assert fields.clipped_share(0, 13) > 0.7
    expect(visitor.part("right", ".hatched")).to_be_visible()


def test_a_click_keeps_the_unit_in_the_address_and_a_reload_shows_it(visit):
    visitor = visit()
    page = visitor.page
    visitor.part("right", ".grid").click(position=visitor.at("right", 2, 11))
    expect(page).to_have_url(re.compile(r"x=0\.8214&y=0\.1786"))
    visitor.idle()
    page.reload()
    visitor.painted()
    assert visitor.unit("right") == (2, 11)
    left = visitor.unit("left")
    visitor.part("left", ".grid").click(position=visitor.at("left", 12, 0, count=13))
    expect(page).not_to_have_url(re.compile(r"x=0\.8214"))
    expect(visitor.part("left", ".grid")).to_have_attribute("data-kept", "12,0")
    assert visitor.unit("left") == (12, 0) != left
    visitor.idle()
    page.go_back()
    expect(visitor.part("right", ".grid")).to_have_attribute("data-kept", "2,11")
    assert visitor.unit("left") == left


def test_the_photo_can_be_pointed_at_and_clicked_too(visit):
    visitor = visit("left_layer=conv1&right_layer=conv1_2")
    box = visitor.part("right", ".photo").bounding_box()
    margin = 2 / 224 + 0.03  # conv1_2 reaches 2 px beyond the photo
    place = {
        axis: box[side] * (share + margin) / (1 + 2 * margin)
        for axis, side, share in (("x", "width", 100.5 / 224), ("y", "height", 30.5 / 224))
    }
    visitor.part("right", ".photo").click(position=place)
    expect(visitor.page).to_have_url(re.compile(r"x=0\.4\d+&y=0\.1"))
    row, column = visitor.unit("right")
    assert abs(row - 30) <= 1 >= abs(column - 100)  # a px of the photo is 1.8 px here
    x, y = (re.search(rf"\b{axis}=([\d.]+)", visitor.page.url)[1] for axis in "xy")
    assert (float(x), float(y)) == pytest.approx(
        ((column + 0.5) / 224, (row + 0.5) / 224), abs=1e-4
    )
    assert visitor.numbers("right")["Of the photo"] == "0.05 %"


def test_arrow_keys_move_the_unit_and_ask_once(visit):
    visitor = visit("x=0.5357&y=0.5357")  # unit 7, 7 of conv5_3
    grid = visitor.part("right", ".grid")
    grid.focus()
    before = len(visitor.sent)
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowRight"):
        grid.press(key)
    expect(grid).to_have_attribute("data-kept", "6,10")
    expect(visitor.page).to_have_url(re.compile(r"x=0\.75&y=0\.4643"))
    visitor.idle()
    assert len(visitor.sent) <= before + 2
    for _ in range(6):
        grid.press("ArrowRight")
    expect(grid).to_have_attribute("data-kept", "6,13")  # the border holds it
    expect(visitor.page).to_have_url(re.compile(r"x=0\.9643"))
    assert "column 14" in grid.get_attribute("aria-label")


def test_another_layer_shows_its_unit_at_the_same_place(visit):
    visitor = visit("x=0.8214&y=0.1786")
    picker = visitor.page.get_by_role("combobox", name="Layer of the right network")
    picker.click()
    visitor.page.get_by_role("option", name="conv4_3 · 92 px").click()
    expect(visitor.part("right", ".title")).to_have_text("28 × 28 units of conv4_3")
    visitor.idle()
    fields = unit_fields(describe_network("vgg16"), "conv4_3")
    expected = tuple(fields.nearest(share * 224 - 0.5) for share in (0.1786, 0.8214))
    assert visitor.unit("right") == expected
    expect(visitor.page).to_have_url(re.compile("x=0.8214"))


def test_the_effective_field_is_measured_when_asked_and_belongs_to_its_unit(visit):
    visitor = visit()
    plain = visitor.pixels("right")
    visitor.page.get_by_role("button", name="Measure the effective field").click()
    expect(visitor.part("right", ".measured")).to_contain_text("averaged over 8 photos")
    expect(visitor.part("right", ".measured")).to_contain_text("bundled weights, 19 classes")
    visitor.page.get_by_role("heading", name="Receptive fields").hover()
    numbers = visitor.numbers("right")
    assert numbers["In the field"] == "100 %"
    assert numbers["95 % within"] == "118 px, 60.2 %"
    heated = visitor.pixels("right")
    assert (np.abs(heated - plain) > 40).any(axis=2).mean() > 0.05
    visitor.part("right", ".grid").hover(position=visitor.at("right", 3, 3))
    expect(visitor.part("right", ".measured")).to_be_hidden()
    assert "In the field" not in visitor.numbers("right")
    visitor.page.get_by_role("heading", name="Receptive fields").hover()
    expect(visitor.part("right", ".measured")).to_be_visible()


def test_files_hold_the_picture_and_the_numbers(visit):
    visitor = visit()
    page = visitor.page
    with page.expect_download() as download:
        visitor.part("right", ".save").click()
    assert download.value.suggested_filename == "receptive-field-conv5_3.png"
    picture = Image.open(download.value.path())
    assert picture.width == 900
    assert np.asarray(picture.convert("L")).std() > 20
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert len(rows) == 9 + 19
    last = next(row for row in rows if row["layer"] == "conv5_3")
    assert (last["field_px"], last["stride_px"], last["padding_px"]) == ("196", "16", "90")
    assert "Araujo" in last["source"]
    page.get_by_text("All fields as a table").click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_any_input_size_can_be_typed(visit):
    visitor = visit()
    page = visitor.page
    picker = page.get_by_role("combobox", name="Input size, px")
    picker.fill("99")
    picker.press("Enter")
    expect(page).to_have_url(re.compile("input_size=99"))
    expect(visitor.part("right", ".title")).to_have_text("6 × 6 units of conv5_3")
    picker.fill("30")
    picker.press("Enter")
    expect(
        page.get_by_text(re.compile("too small for vgg16: nothing is left at pool5"))
    ).to_be_visible()


def test_both_pictures_stand_above_the_fold(visit):
    visitor = visit()
    boxes = [visitor.part(where, ".photo").bounding_box() for where in ("left", "right")]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert all(box["y"] + box["height"] <= SCREEN["height"] for box in boxes)
    assert all(box["width"] > 380 for box in boxes)


def test_the_field_has_the_theme_colours_in_the_dark(visit):
    visitor = visit(color_scheme="dark")
    pixels = visitor.pixels("right").reshape(-1, 3)
    orange = (pixels == (245, 154, 85)).all(axis=1).mean()
    assert orange > 0.005


def test_a_phone_shows_one_below_the_other(visit):
    visitor = visit("left_map=fc6&right_map=fc6", viewport=PHONE)
    page = visitor.page
    for where in ("left", "right"):
        for selector in (".photo", ".grid", "dl"):
            box = visitor.part(where, selector).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE["width"]
    assert visitor.part("left", ".photo").bounding_box()["width"] > 300
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert visitor.numbers("left")["Field"] == "331 × 331 px"
