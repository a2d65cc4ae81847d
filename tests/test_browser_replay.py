"""The replay in a real browser: one slider moves everything, and a live training grows."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from browser import PHONE, Visitor, visiting

pytestmark = pytest.mark.browser
PAINT_BUDGET = 100  # ms; software rendering on a shared core needs 5 to 20


class Viewer(Visitor):
    """A visitor of the page Gradient flow."""

    def painted(self):
        self.idle()
        expect(self.page.locator(".replay[data-painted]")).to_be_visible()

    def data(self, name):
        return self.page.locator(".replay[data-painted]").get_attribute(f"data-{name}")

    def step(self):
        return int(self.data("step"))

    def pixels(self, part):
        png = self.page.locator(f".replay {part}").first.screenshot()
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)

    def slide(self, position):
        self.page.locator(".replay .steps").fill(str(position))
        self.page.wait_for_timeout(50)


@pytest.fixture
def visit(chromium, server):
    with visiting(chromium, server, Viewer, "gradient_flow") as make:
        yield make


def changed(before, after):
    return int(np.abs(before - after).sum()) if before.shape == after.shape else 1


def contrast(picture):
    """Median distance from mid grey; the page between kernels is the smaller part."""
    return float(np.median(np.abs(picture - 127.5)))


PARTS = (
    ".flow canvas",
    ".loss canvas",
    ".accuracy canvas",
    ".histogram canvas",
    ".cam div:nth-child(2) > canvas",
)


def test_one_slider_moves_all_and_asks_nothing_of_the_server(visit):
    viewer = visit("view=replay")
    assert viewer.step() == 599  # a finished run opens at its end
    before = {part: viewer.pixels(part) for part in PARTS}
    legend = viewer.page.locator(".replay .legend").inner_text()
    sent = len(viewer.sent)
    viewer.slide(3)
    viewer.until(lambda: viewer.step() == 30)
    for part, picture in before.items():
        assert changed(picture, viewer.pixels(part)), f"{part} stands still"
    assert viewer.page.locator(".replay .now").inner_text() == "step 30 of 599"
    assert viewer.page.locator(".replay .legend").inner_text() != legend
    viewer.slide(60)
    viewer.until(lambda: viewer.step() == 599)
    assert not changed(
        before[".flow canvas"], viewer.pixels(".flow canvas")
    )  # same axis, same curve
    assert len(viewer.sent) == sent


def test_playing_runs_by_itself_and_stops_at_the_end(visit):
    viewer = visit("view=replay")
    play = viewer.page.locator(".replay .play")
    viewer.page.locator(".replay .speed").select_option("8")
    sent = len(viewer.sent)
    play.click()
    expect(play).to_have_text("❚❚ Pause")
    viewer.until(lambda: 0 < viewer.step() < 599)
    viewer.until(lambda: viewer.step() == 599)
    expect(play).to_have_text("▶ Play")
    assert len(viewer.sent) == sent
    assert float(viewer.data("milliseconds")) < PAINT_BUDGET
    live = viewer.page.locator(".replay .live")
    assert live.inner_text().startswith("Step 599. D from scratch, std 0.01: loss 2.")


def test_keys_play_step_and_read_layers(visit):
    viewer = visit("view=replay")
    keyboard = viewer.page.keyboard
    viewer.page.locator(".replay .steps").focus()
    keyboard.press("Home")
    viewer.until(lambda: viewer.step() == 0)
    keyboard.press("ArrowRight")
    viewer.until(lambda: viewer.step() == 10)
    keyboard.press("Space")
    viewer.until(lambda: viewer.step() > 10)
    keyboard.press("Space")
    stopped = viewer.step()
    viewer.page.wait_for_timeout(500)
    assert viewer.step() - stopped <= 10
    viewer.page.locator(".replay .flow canvas").focus()
    at = viewer.step()
    keyboard.press("ArrowRight")
    expect(viewer.page.locator(".replay .histogram .note")).to_contain_text("conv1_2")
    expect(viewer.page.locator(".replay .live")).to_contain_text("conv1_2, Gradient: std of dL/dz")
    assert viewer.step() == at


def test_a_click_on_a_layer_shows_its_histogram_and_hover_reads_values(visit):
    viewer = visit("view=replay")
    flow = viewer.page.locator(".replay .flow canvas")
    box = flow.bounding_box()
    before = viewer.pixels(".histogram canvas")
    flow.click(position={"x": box["width"] - 20, "y": 40})
    expect(viewer.page.locator(".replay .histogram .note")).to_contain_text("fc8")
    assert changed(before, viewer.pixels(".histogram canvas"))
    tip = viewer.page.locator(".replay .tip")
    expect(tip).to_contain_text("fc8, Gradient: std of dL/dz")
    expect(tip).to_contain_text("D from scratch, He: 0.0")
    viewer.page.locator(".replay .loss canvas").hover(position={"x": 100, "y": 60})
    expect(tip).to_contain_text("training")
    expect(tip).to_contain_text("validation")


def test_a_diverged_run_is_marked_and_a_click_goes_there(visit):
    viewer = visit("view=replay&run=d-variance-001&compare=d-he")
    finding = viewer.page.get_by_role("button", name="diverged at step 37")
    finding.click()
    viewer.until(lambda: viewer.step() == 37)
    expect(viewer.page.locator(".replay .legend li").first).to_contain_text("loss NaN")
    expect(viewer.page.locator(".replay .flow .note")).to_contain_text("× is NaN or infinite")
    expect(viewer.page.locator(".replay .histogram .note")).to_contain_text("conv4_2")
    viewer.slide(0)
    expect(viewer.page.locator(".replay .legend li").first).to_contain_text("diverged")


def test_a_map_without_evidence_says_so(visit):
    viewer = visit("view=replay")
    words = viewer.page.locator(".replay .cam .pair p")
    expect(words.nth(0)).to_contain_text("nowhere above 0, nothing drawn; probability")
    expect(words.nth(1)).to_contain_text("maximum 2.")


def test_pictures_share_a_scale_until_asked_otherwise(visit):
    viewer = visit("view=replay")
    kernels = ".kernels div:nth-child(1) > canvas"
    assert contrast(viewer.pixels(kernels)) < 5  # std 0.01 on the other run's scale: grey
    viewer.page.get_by_label("pictures of each run on their own scale").check()
    viewer.page.wait_for_timeout(100)
    assert contrast(viewer.pixels(kernels)) > 20


def test_colours_follow_the_theme(visit):
    light = visit("view=replay").pixels(".flow canvas")
    dark = visit("view=replay", color_scheme="dark").pixels(".flow canvas")
    assert light.mean() > 200
    assert dark.mean() < 80


def test_a_phone_scrolls_down_only(visit):
    viewer = visit("view=replay", viewport=PHONE, has_touch=True)
    root = viewer.page.locator(".replay")
    overflow = root.evaluate("e => e.scrollWidth - e.clientWidth")
    assert overflow <= 0
    for canvas in viewer.page.locator(".replay figure canvas").all():
        box = canvas.bounding_box()
        assert box is None or box["x"] + box["width"] <= PHONE["width"]


def test_with_reduced_motion_playing_is_slow(visit):
    viewer = visit("view=replay", reduced_motion="reduce")
    viewer.page.locator(".replay .speed").select_option("8")
    viewer.page.locator(".replay .play").click()
    viewer.page.wait_for_timeout(1500)
    assert viewer.step() <= 60


def start_live(visit):
    viewer = visit_form(visit)
    viewer.page.get_by_role("button", name="Start").click()
    expect(viewer.page.locator(".replay[data-painted]")).to_be_visible()
    return viewer


def visit_form(visit):
    class Form(Viewer):
        painted = Visitor.idle

    return visit("view=live", kind=Form)


def test_a_live_training_grows_follows_and_survives(visit):
    viewer = start_live(visit)
    viewer.until(lambda: viewer.step() >= 30)
    assert viewer.data("following") == "true"
    canvas = viewer.page.locator(".replay .loss canvas")
    canvas.evaluate("e => { e.dataset.same = 'yes'; }")
    canvas.click(position={"x": 60, "y": 60})  # back to the first steps
    viewer.until(lambda: viewer.data("following") == "false" and viewer.step() < 30)
    at = viewer.step()
    painted = int(viewer.data("painted"))
    viewer.until(lambda: int(viewer.data("painted")) >= painted + 2)
    assert viewer.step() == at  # it grows, the reader's step stays
    assert canvas.get_attribute("data-same") == "yes"  # grown in place: no flicker
    viewer.page.get_by_role("button", name="Follow the newest step").click()
    viewer.until(lambda: viewer.step() > at)

    # Away and back: the browser has forgotten all, the server does not know, and is asked.
    viewer.page.get_by_text("Training replay").click()
    expect(viewer.page.locator(".replay .now")).to_contain_text("of 599")
    viewer.page.go_back()
    expect(viewer.page.locator(".stProgress")).to_contain_text("of 400")
    viewer.until(lambda: viewer.step() > at)
    viewer.slide(0)
    viewer.until(lambda: viewer.step() == 0)  # not only what came since

    viewer.page.reload()
    expect(viewer.page.locator(".replay[data-painted]")).to_be_visible()
    viewer.page.get_by_role("button", name="Stop").click()
    expect(viewer.page.get_by_role("button", name="Open in replay")).to_be_visible()
    expect(viewer.page.locator(".replay .legend")).to_contain_text("stopped")
    first = viewer.page.locator(".replay .steps")
    first.fill("0")
    viewer.until(lambda: viewer.step() == 0)  # all of it is there
    title = viewer.page.locator(".replay .legend b").inner_text()
    viewer.page.get_by_role("button", name="Open in replay").click()
    viewer.page.wait_for_url("**/gradient_flow?view=replay&run=*")
    expect(viewer.page.locator(".st-key-replay_run")).to_be_visible()
    expect(viewer.page.locator(".replay .legend b")).to_have_text(title)


def test_two_people_are_queued_and_told(visit):
    one = start_live(visit)
    two = visit_form(visit)
    two.page.get_by_role("button", name="Start").click()
    expect(two.page.locator(".stProgress")).to_contain_text("2nd in line")
    one.page.get_by_role("button", name="Stop").click()
    expect(two.page.locator(".stProgress")).to_contain_text("step")
    two.page.get_by_role("button", name="Stop").click()
    one.page.get_by_role("button", name="Name, files, delete").click()
    one.page.get_by_text("Delete it for good").click()
    one.page.get_by_role("button", name="Delete", exact=False).last.click()
    expect(one.page.get_by_text("Nothing runs here yet")).to_be_visible()
    expect(two.page.get_by_role("button", name="Open in replay")).to_be_visible()
