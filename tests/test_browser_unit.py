"""The stepper on page "Activations" in a real browser: steps, keys, borders, files, a phone."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import PHONE, Visitor, visiting

pytestmark = pytest.mark.browser

PAGE = "activations"


class UnitVisitor(Visitor):
    """A visitor who waits for both steppers."""

    def painted(self):
        self.idle()
        for where in ("left", "right"):
            expect(self.part(where, ".stepper[data-painted]")).to_be_visible()
        self.idle()

    def part(self, where, selector):
        return self.page.locator(f".st-key-{where}_stepper {selector}")

    def step(self, where="right"):
        return self.part(where, ".stage").get_attribute("data-step")

    def lines(self, where="right"):
        """(label, amount or None, total) of every line of the ledger."""
        rows = self.part(where, ".ledger .line").evaluate_all(
            "rows => rows.map(row => ['label', 'amount', 'total'].map("
            "name => row.querySelector('.' + name).textContent))"
        )
        return [(label, number(amount), number(total)) for label, amount, total in rows]

    def press(self, *keys, where="right"):
        stage = self.part(where, ".stage")
        stage.focus()
        for key in keys:
            stage.press(key)


def number(text):
    plain = text.replace("−", "-").replace("+", "")
    return float(plain) if re.fullmatch(r"-?[\d.]+", plain) else None


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, UnitVisitor, PAGE) as make:
        yield make


def test_all_lines_add_up_to_the_value_of_the_map(visit):
    visitor = visit()
    lines = visitor.lines()
    labels = [label for label, _, _ in lines]
    assert labels[8:] == ["120 other channels", "bias", "relu5_3"]
    total = 0.0
    for _, amount, after in lines[:10]:
        total += amount
        assert after == pytest.approx(total, abs=2e-3)
    assert lines[10][2] == max(0, lines[9][2])
    value = visitor.part("right", ".value").text_content()
    assert [number(word) for word in re.findall(r"[−\d.]+\d", value.split("·")[0])] == [lines[9][2]]
    visitor.press("End")
    expect(visitor.part("right", ".check.agrees")).to_contain_text("the same")
    visitor.press("ArrowLeft")
    expect(visitor.part("right", ".check.agrees")).to_contain_text("rounding may cause up to")


def test_steps_ask_the_server_nothing(visit):
    visitor = visit()
    before = len(visitor.sent)
    assert visitor.step() == "0,-1"
    visitor.part("right", "[data-go=next]").click()
    assert visitor.step() == "1,-1"
    expect(visitor.part("right", "li.now .label")).to_have_text(visitor.lines()[1][0])
    visitor.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert visitor.step() == "2,-1"
    visitor.press("Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight")
    assert visitor.step() == "2,2"
    expect(visitor.part("right", ".cell.ring")).to_have_count(3)
    expect(visitor.part("right", ".cell.hidden")).to_have_count(6)
    expect(visitor.part("right", "p.now")).to_contain_text("sum so far")
    visitor.press("ArrowRight")
    assert visitor.step() == "2,-1"
    visitor.press("Shift+ArrowRight")
    assert visitor.step() == "3,0"
    visitor.press("Home")
    assert visitor.step() == "0,-1"
    visitor.part("right", ".ledger .line").nth(9).click()
    assert visitor.step() == "9,-1"
    expect(visitor.part("right", "output")).to_have_text("10 of 11")
    assert visitor.step("left") == "0,-1"
    assert len(visitor.sent) == before


def test_products_in_the_cells_are_those_of_patch_and_kernel(visit):
    visitor = visit()
    titles = visitor.part("right", ".grid").evaluate_all(
        "grids => grids.map(grid => [...grid.children].map(cell => cell.title))"
    )
    patch, kernel, products = [
        [float(re.match(r"[−\d.e-]+", title)[0].replace("−", "-")) for title in grid]
        for grid in titles
    ]
    assert len(products) == 9
    for x, w, product in zip(patch, kernel, products, strict=True):
        assert product == pytest.approx(x * w, rel=1e-4, abs=1e-6)
    assert sum(products) == pytest.approx(visitor.lines()[0][1], abs=1e-3)


def test_it_plays_and_pauses(visit):
    visitor = visit("right_layer=conv1_1")
    visitor.part("right", "[data-go=play]").click()
    expect(visitor.part("right", "[data-go=play]")).to_contain_text("Pause")
    expect(visitor.part("right", ".stage")).to_have_attribute("data-step", "1,-1")
    visitor.press(" ")
    expect(visitor.part("right", "[data-go=play]")).to_contain_text("Play")
    visitor.part("right", "select").select_option("number")
    visitor.press("Home")
    visitor.press(" ")
    expect(visitor.part("right", ".stage")).to_have_attribute("data-step", re.compile("0,[3-8]"))
    visitor.press(" ")


def test_padding_is_marked_in_the_corner_and_colours_are_named(visit):
    visitor = visit("left_layer=conv1&right_layer=conv1_1&x=0.0022&y=0.0022")
    labels = [label for label, _, _ in visitor.lines()]
    assert sorted(labels[:3]) == ["blue", "green", "red"]
    assert labels[3:] == ["bias", "relu1_1"]
    outside = visitor.part("right", ".grid").first.locator(".outside")
    expect(outside).to_have_count(5)
    assert "beyond the map" in outside.first.get_attribute("title")
    expect(visitor.part("right", "figcaption .key")).to_be_visible()
    assert [label for label, _, _ in visitor.lines("left")][-2:] == ["relu1", "norm1"]
    visitor.press("End", where="left")
    expect(visitor.part("left", ".caption")).to_contain_text("neighbouring channels")


def test_the_pool_behind_is_one_click_away(visit):
    visitor = visit()
    visitor.page.get_by_role("radio", name="pool5").last.click()
    expect(visitor.part("right", ".title")).to_contain_text("pool5 of VGG-16 (D)")
    visitor.idle()
    expect(visitor.part("right", ".cell.ring")).to_have_count(1)
    ringed = visitor.part("right", ".cell.ring").get_attribute("title").partition(" ")[0]
    assert float(ringed) == pytest.approx(visitor.lines()[0][2], abs=1e-3)
    visitor.press("ArrowRight", "ArrowRight")
    assert visitor.step() == "0,1"
    expect(visitor.part("right", "p.now")).to_contain_text("largest so far")


def test_the_file_holds_all_products(visit):
    visitor = visit()
    with visitor.page.expect_download() as download:
        visitor.page.locator(".st-key-right_unit_csv button").first.click()
    assert download.value.suggested_filename.startswith("unit-conv5_3-")
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert sum(row["what"] == "product" for row in rows) == 128 * 9
    assert "VGG-16 (D)" in rows[0]["source"]


def test_a_phone_shows_everything_within_its_width(visit):
    visitor = visit(viewport=PHONE)
    for selector in (".stage", ".ledger", ".bar", ".head"):
        box = visitor.part("right", selector).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for grid in visitor.part("right", ".grid").all():
        box = grid.bounding_box()
        assert box["x"] + box["width"] <= PHONE["width"]
    clipped = visitor.part("right", ".ledger .label").evaluate_all(
        "labels => labels.filter(label => label.scrollWidth > label.clientWidth).length"
    )
    assert clipped == 0
