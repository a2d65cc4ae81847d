"""The dashboard in a real browser, over a service without networks."""

import io
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import (
    IDLE,
    PHONE,
    ROOT,
    SCREEN,
    Visitor,
    context_of,
    healthy,
    wait_until,
)
from fake_models import sample_photo

pytestmark = pytest.mark.browser


@pytest.fixture
def visit(chromium, server):
    """Open visitors; at the end none of them had an error in the console or left this machine.

    With `fresh`, in a browser context of their own: another person's browser.
    """
    visitors = []

    def make(*, fresh=False, **options):
        own = {"viewport": SCREEN, **options}
        context = chromium.new_context(**own) if fresh else context_of(chromium, options)
        visitors.append(Visitor(context, server))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.page.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


def test_the_comparison_fits_on_one_screen(visit):
    visitor = visit()
    page = visitor.open()
    for where in ("left", "right"):
        for part in ("bars", "overlay", "features"):
            box = page.locator(f".st-key-{where}_{part}").bounding_box()
            assert box["y"] + box["height"] <= SCREEN["height"]
            assert box["x"] + box["width"] <= SCREEN["width"]
    expect(page.get_by_text("ZFNet (b) · bundled weights")).to_be_visible()
    expect(page.get_by_text("VGG-16 (D) · bundled weights")).to_be_visible()


@pytest.mark.parametrize("path", ["", "about"])
def test_nothing_overflows_on_a_phone(visit, path):
    visitor = visit(viewport=PHONE, has_touch=True)
    page = visitor.page
    page.goto(f"{visitor.address}/{path}")
    expect(page.locator(IDLE)).to_be_attached()
    if not path:
        expect(page.locator(".st-key-right_features .grid[data-painted]")).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for element in page.locator("canvas").all():
        box = element.bounding_box()
        assert box is None or box["x"] + box["width"] <= PHONE["width"]


def test_a_click_on_a_map_shows_its_channel_at_once_and_writes_the_address(visit):
    visitor = visit()
    page = visitor.open()
    grid = page.locator(".st-key-right_features .grid")
    before = visitor.detail("right").get_attribute("data-channel")
    grid.click(position={"x": 60, "y": 60})
    page.mouse.move(5, 5)
    channel = visitor.detail("right").get_attribute("data-channel")
    assert channel != before
    expect(page).to_have_url(re.compile(f"right_channel={channel}"))
    visitor.idle()
    assert visitor.detail("right").get_attribute("data-channel") == channel
    expect(page.locator(".st-key-right_features .name")).to_have_text(f"Channel {channel}")


def test_quick_clicks_end_at_the_last_one(visit):
    visitor = visit()
    page = visitor.open()
    grid = page.locator(".st-key-left_features .grid")
    for x, y in ((20, 20), (60, 20), (100, 60), (20, 60), (60, 60)):
        grid.click(position={"x": x, "y": y}, no_wait_after=True)
    page.mouse.move(5, 5)
    channel = visitor.detail("left").get_attribute("data-channel")
    expect(page).to_have_url(re.compile(f"left_channel={channel}$"))
    visitor.idle()
    assert visitor.detail("left").get_attribute("data-channel") == channel


def test_the_grid_works_by_keyboard(visit):
    visitor = visit()
    page = visitor.open()
    grid = page.locator(".st-key-left_features .grid")
    first = visitor.detail("left").get_attribute("data-channel")
    grid.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    channel = visitor.detail("left").get_attribute("data-channel")
    assert channel != first
    expect(page).to_have_url(re.compile(f"left_channel={channel}$"))


def test_opacity_moves_both_pictures_and_asks_nothing_of_the_server(visit):
    visitor = visit()
    page = visitor.open()
    page.mouse.move(5, 5)
    before = {where: visitor.picture(where) for where in ("left", "right")}
    sent = len(visitor.sent)
    page.locator(".st-key-left_overlay input").fill("0")
    after = {where: visitor.picture(where) for where in ("left", "right")}
    for where in ("left", "right"):
        assert np.abs(before[where] - after[where]).max() > 60
    assert page.locator(".st-key-right_overlay input").input_value() == "0"
    assert len(visitor.sent) == sent


def test_pointing_reads_raw_values_of_both(visit):
    visitor = visit()
    page = visitor.open()
    sent = len(visitor.sent)
    page.locator(".st-key-left_overlay .stage").hover(position={"x": 100, "y": 100})
    for where in ("left", "right"):
        readout = page.locator(f".st-key-{where}_overlay .readout")
        expect(readout).to_have_text(re.compile(r"row \d+, column \d+: -?[\d.e-]+"))
    assert len(visitor.sent) == sent


def test_the_scale_is_shared_until_one_asks_otherwise(visit):
    visitor = visit()
    page = visitor.open()
    high = [page.locator(f".st-key-{where}_overlay .high") for where in ("left", "right")]
    assert high[0].inner_text() == high[1].inner_text()
    page.get_by_role("radio", name="Own").click()
    expect(page.locator(".st-key-left_overlay .scale")).to_have_text("own scale")
    visitor.idle()
    assert high[0].inner_text() != high[1].inner_text()


def test_a_link_opens_the_same_view_elsewhere(visit):
    here, there = visit(), visit(fresh=True)
    page = here.open()
    page.locator(".st-key-photos [data-name=dog]").click()
    expect(page).to_have_url(re.compile("image=dog"))
    here.idle()
    page.locator(".st-key-left_bars button").nth(2).click()
    expect(page).to_have_url(re.compile("left_class="))
    here.idle()
    page.locator(".st-key-right_features .grid").click(position={"x": 60, "y": 20})
    expect(page).to_have_url(re.compile("right_channel="))
    here.idle()
    page.mouse.move(5, 5)
    other = there.open(page.url.partition("/?")[2] and "?" + page.url.partition("/?")[2])
    other.mouse.move(5, 5)
    for where in ("left", "right"):
        assert np.abs(here.picture(where) - there.picture(where)).max() <= 2
        channel = here.detail(where).get_attribute("data-channel")
        assert there.detail(where).get_attribute("data-channel") == channel
    other.reload()
    there.painted()
    assert np.abs(here.picture("right") - there.picture("right")).max() <= 2


def test_back_and_forward_step_through_the_views(visit):
    visitor = visit()
    page = visitor.open()
    title = page.locator(".st-key-photos [aria-checked=true]")
    for name in ("dog", "horse"):
        page.locator(f".st-key-photos [data-name={name}]").click()
        expect(page).to_have_url(re.compile(f"image={name}"))
        visitor.idle()
    page.go_back()
    expect(title).to_have_attribute("data-name", "dog")
    page.go_back()
    expect(title).to_have_attribute("data-name", "cat")
    page.go_forward()
    expect(title).to_have_attribute("data-name", "dog")


def test_the_view_survives_a_visit_to_about(visit):
    visitor = visit()
    page = visitor.open("?image=dog")
    page.get_by_role("link", name="About").click()
    expect(page.get_by_role("heading", name="Weights")).to_be_visible()
    visitor.idle()
    page.get_by_role("link", name="Compare").click()
    visitor.painted()
    expect(page).to_have_url(re.compile("image=dog"))


def test_the_dark_theme_is_dark(visit):
    visitor = visit(color_scheme="dark")
    page = visitor.open()
    colour = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert sum(int(part) for part in re.findall(r"\d+", colour)[:3]) < 120
    text = page.locator(".st-key-left_features .title").evaluate("e => getComputedStyle(e).color")
    assert sum(int(part) for part in re.findall(r"\d+", text)[:3]) > 600


def test_downloads_name_weights_and_hold_the_numbers(visit, tmp_path):
    visitor = visit()
    page = visitor.open()
    page.locator(".st-key-more button").first.click()
    with page.expect_download() as download:
        page.locator(".st-key-left_png button").click()
    download.value.save_as(tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as png:
        assert png.width == 448
    assert download.value.suggested_filename == "grad-cam-zfnet_b-conv5.png"
    with page.expect_download() as download:
        page.locator(".st-key-numbers_json button").click()
    download.value.save_as(tmp_path / "numbers.json")
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert numbers["networks"]["right"]["provenance"]["model"] == "vgg16:bundled"
    assert len(numbers["networks"]["right"]["attribution"]["grid"]) == 14


def photo_bytes(name):
    out = io.BytesIO()
    sample_photo(name).save(out, "PNG")
    return out.getvalue()


def test_an_upload_becomes_the_photo(visit):
    visitor = visit()
    page = visitor.open()
    before = visitor.picture("left")
    page.locator(".st-key-add_photo button").first.click()
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": photo_bytes("upload")}
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page).to_have_url(re.compile("image=[0-9a-f]{64}"))
    visitor.idle()
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-photos [aria-checked=true]")).to_have_attribute(
        "title", "Your photo"
    )
    assert np.abs(before - visitor.picture("left")).max() > 60


def test_an_upload_of_garbage_is_explained(visit):
    visitor = visit()
    page = visitor.open()
    page.locator(".st-key-add_photo button").first.click()
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": b"garbage"}
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.get_by_text("This is not a picture.")).to_be_visible()


PASTE = """bytes => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], "p.png", { type: "image/png" }));
  document.body.dispatchEvent(
    new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
}"""


def test_a_pasted_picture_becomes_the_photo(visit):
    visitor = visit()
    page = visitor.open()
    page.evaluate(PASTE, list(photo_bytes("pasted")))
    expect(page).to_have_url(re.compile("image=[0-9a-f]{64}"))


def test_the_camera_is_asked_for_only_when_it_is_wanted(visit):
    visitor = visit()
    visitor.page.add_init_script("""
      window.asked = 0;
      navigator.mediaDevices.getUserMedia = () => {
        window.asked++;
        return Promise.reject(new DOMException("none here", "NotFoundError"));
      };
    """)
    page = visitor.open()
    page.locator(".st-key-add_photo button").first.click()
    visitor.idle()
    assert page.evaluate("window.asked") == 0
    page.get_by_text("Use the camera").click()
    wait_until(lambda: page.evaluate("window.asked") > 0, 15)


def test_a_map_without_positive_evidence_says_so(visit):
    visitor = visit()
    page = visitor.open("?right=vgg11:random")
    empty = page.locator(".st-key-right_overlay .empty")
    expect(empty).to_have_text("No positive evidence for this class at this layer")
    expect(page.get_by_text("Untrained: these pictures show the architecture")).to_be_visible()


def test_all_channels_are_drawn(visit):
    visitor = visit()
    page = visitor.open("?right=alexnet:imagenet&right_layer=conv3")
    page.locator(".st-key-right_features .more").click()
    grid = page.locator(".st-key-right_features .grid")
    expect(grid).to_have_attribute("data-painted", re.compile(" 384$"))
    expect(page.locator(".st-key-right_features .title")).to_have_text("All 384 channels of conv3")


def test_weights_are_fetched_with_progress(visit):
    visitor = visit()
    page = visitor.page
    page.goto(f"{visitor.address}/?right=vgg16:imagenet")
    page.get_by_role("button", name="Fetch 528 MB").click()
    expect(page.get_by_text("VGG-16 (D) · ImageNet weights of torchvision")).to_be_visible()
    visitor.painted()


def test_a_browser_that_closes_half_way_leaves_the_server_well(visit, chromium, server):
    for _ in range(3):
        hasty = Visitor(chromium.new_context(), server)
        hasty.page.goto(server, wait_until="commit")
        hasty.context.close()
    clicking = Visitor(chromium.new_context(viewport=SCREEN), server)
    page = clicking.open()
    page.locator(".st-key-photos [data-name=horse]").click(no_wait_after=True)
    clicking.context.close()
    assert healthy(server)
    visit().open()


def test_every_answer_carries_the_security_headers(server):
    for path in ("/", "/_stcore/health", "/app/static/fonts/inter.woff2", "/none"):
        try:
            with urllib.request.urlopen(server + path) as answer:
                headers = answer.headers
        except urllib.error.HTTPError as error:
            headers = error.headers
            error.close()
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in policy
        assert "unsafe-eval" not in policy
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Permissions-Policy"].startswith("camera=(self)")


def test_the_server_starts_without_torch():
    program = "import sys, dashboard.asgi_app; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
