"""Two browsers at once over the real service: each sees its own photo, network and layer."""

import os
import re
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest

from browser import SCREEN, Visitor, launched, running_dashboard, wait_until
from tests.tiny_assets import NAMES, make_assets
from vgg_viz.requests import AttributionRequest
from vgg_viz.service.local import LocalService

pytestmark = pytest.mark.browser

SIDES = ("left", "right")
MODELS = ("zfnet_b:bundled", "vgg16:bundled")
PHOTOS = {"ada": "cat", "bob": "coffee"}
LAYERS = {"ada": ("conv3", "conv4_2"), "bob": ("conv4", "conv2_2")}
ROUNDS = int(os.environ.get("VGG_VIZ_ROUNDS", "4"))  # 50 for a soak by hand


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_assets(tmp_path_factory.mktemp("assets"))


def expected_maxima(assets: Path) -> dict[tuple[str, str, str, int], float]:
    """The largest value of every map that will be asked for, from a service of our own."""
    maxima = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGG_VIZ_ASSETS", str(assets))
        with LocalService("cpu") as service:
            for who, photo in PHOTOS.items():
                for model, layer in zip(MODELS, LAYERS[who], strict=True):
                    for target in range(3):
                        request = AttributionRequest(model, photo, layer, target)
                        grid = service.run(request).grid
                        maxima[photo, model, layer, target] = float(np.maximum(grid, 0).max())
    return maxima


def view(who: str, target: int) -> str:
    """The address of a view of one's own: photo, layers, class."""
    left, right = LAYERS[who]
    name = NAMES[target]
    return urlencode(
        {
            "image": PHOTOS[who],
            "pairing": "free",
            "scale": "own",
            "left_layer": left,
            "right_layer": right,
            "left_class": name,
            "right_class": name,
        }
    )


def largest(person: Visitor, where: str) -> float:
    """The largest value of a map, as the picture tells a screen reader."""
    stage = person.page.locator(f".st-key-{where}_overlay .stage")
    label = stage.get_attribute("aria-label") or ""
    found = re.search(r"largest value ([\d.e-]+?)\. ", label)
    return float(found[1]) if found else 0.0


def test_two_people_at_once_see_their_own_maps(assets, tmp_path):
    expected = expected_maxima(assets)
    assert len({round(value, 6) for value in expected.values()}) > 6
    environment = {"VGG_VIZ_ASSETS": str(assets), "VGG_VIZ_CACHE": str(tmp_path)}
    with running_dashboard(tmp_path / "log", environment) as address, launched() as chromium:
        people = {who: Visitor(chromium.new_context(viewport=SCREEN), address) for who in PHOTOS}
        for turn in range(ROUNDS):
            target = turn % 3
            for who, person in people.items():  # both are under way before either is looked at
                person.page.goto(f"{address}/?{view(who, target)}", wait_until="commit")
            for who, person in people.items():
                person.painted()
                for where, model, layer in zip(SIDES, MODELS, LAYERS[who], strict=True):
                    wanted = pytest.approx(expected[PHOTOS[who], model, layer, target], rel=0.01)
                    wait_until(lambda: largest(person, where) == wanted, 20)  # noqa: B023 - now
        assert [complaint for person in people.values() for complaint in person.complaints] == []
