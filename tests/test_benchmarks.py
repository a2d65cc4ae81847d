"""The benchmarks run, and everybody in them makes the same maps; how fast is for `make bench`."""

from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import (
    architecture,
    browser,
    feature_vis,
    inspection,
    recorder,
    startup,
    top_patches,
)
from benchmarks.measure import Timing, in_turns, table
from tests.tiny_assets import make_assets
from vgg_viz.feature_vis.gallery import best_of, random_patches
from vgg_viz.models.configs import NETWORKS
from vgg_viz.models.registry import parse_model_name
from vgg_viz.models.weights import load_model


@pytest.fixture
def small() -> inspection.Case:
    return inspection.vgg16_case(width=1 / 16, side=64, classes=7)


def test_contenders_make_our_maps(small: inspection.Case) -> None:
    report = inspection.measure(small, rounds=1, slow_rounds=1)
    exact = {inspection.SERVICE, inspection.TORCHCAM, inspection.CAPTUM}
    assert exact | {inspection.PYTORCH_GRAD_CAM} <= report.differences.keys()
    assert all(report.differences[name] < 1e-4 for name in exact)
    described = inspection.describe(report)
    for name in report.timings:
        assert name in described


def test_maps_that_differ_are_not_timed(
    small: inspection.Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(case: inspection.Case) -> inspection.Maps:
        made = inspection.ours(case, case.convs)
        return {name: maps.flip(2) for name, maps in made.items()}

    monkeypatch.setattr(inspection, "captum_passes", wrong)
    with pytest.raises(ValueError, match="captum"):
        inspection.measure(small, rounds=1, slow_rounds=1)


def test_the_passes_alone(small: inspection.Case) -> None:
    report = inspection.measure_ours(small, rounds=2)
    assert {len(timing.seconds) for timing in report.timings.values()} == {2}
    assert inspection.OURS in inspection.describe(report)


def test_steps_with_and_without_a_recorder() -> None:
    case = recorder.vgg16_case(width=1 / 16, side=32, batch=2, classes=7)
    report = recorder.measure(case, rounds=2)
    assert {len(timing.seconds) for timing in report.timings.values()} == {2}
    assert recorder.CARELESS in recorder.describe(report)
    assert not any(module._forward_hooks for module in case.network.modules())


def test_a_recorded_training_is_a_mean_of_its_steps() -> None:
    seconds = {recorder.PLAIN: 2.0, recorder.BETWEEN: 2.0, recorder.MEASURED: 7.0}
    seconds[recorder.CARELESS] = 3.0
    report = recorder.Report({name: Timing((value,)) for name, value in seconds.items()})
    assert report.recorder == pytest.approx((49 * 2 + 7) / 50 / 2)
    assert report.careless == 1.5


def test_steps_of_a_feature_visualisation_and_what_they_reach() -> None:
    case = feature_vis.vgg16_case(width=1 / 16, size=64)
    report = feature_vis.measure(case, rounds=2, steps=1)
    assert {feature_vis.OURS, feature_vis.WIDE} <= report.timings.keys()
    assert feature_vis.WIDE in feature_vis.describe(report)
    values = feature_vis.objectives_reached([case], steps=2)
    assert feature_vis.MARGIN in feature_vis.describe_values([case], values)
    made = feature_vis.optimisation(case)
    made.step(case.network, 2)
    assert values[feature_vis.OURS] == [pytest.approx(float(made.values(case.network)[0]))]
    assert not any(module._forward_hooks for module in case.network.modules())


def test_the_ratio_to_torch_lucent_has_a_bar() -> None:
    timings = {feature_vis.OURS: Timing((0.2,)), feature_vis.LUCENT: Timing((0.5,))}
    assert "2.50, >= 1.5: held" in feature_vis.describe(feature_vis.Report(timings))
    timings[feature_vis.LUCENT] = Timing((0.2,))
    assert "1.00, >= 1.5: MISSED" in feature_vis.describe(feature_vis.Report(timings))


def test_pictures_beside_patches(assets) -> None:
    model = load_model(parse_model_name("vgg16:bundled"))
    photos = [path for path in (assets / "images").glob("*.jpg") if path.stem in ("cat", "forest")]
    patches = random_patches(photos, 6, model.config.input_size)
    found = feature_vis.rivals(model, [("conv2_1", 1)], patches, steps=30)
    assert [(rival.kind, rival.size) for rival in found] == [("channel", 32), ("neuron", 32)]
    best = best_of(model, 32, patches)["conv2_1"][1]
    assert found[0].photo == pytest.approx(float(best), abs=1e-5)
    assert "optimised pictures are above every patch" in feature_vis.describe_rivals(found, 6)


def test_the_tables_of_every_network_are_timed() -> None:
    timings = architecture.measure(rounds=1)
    assert timings.keys() == NETWORKS.keys()
    described = architecture.describe(timings)
    assert all(name in described for name in NETWORKS)
    slow = architecture.describe({"vgg16": Timing((0.06,))})
    assert "slowest median 60.00 ms, <= 50: MISSED" in slow


def test_everybody_has_a_turn_in_every_round() -> None:
    order: list[str] = []
    timings = in_turns(
        {name: lambda name=name: order.append(name) for name in "abc"}, 3, slow={"c": 1}
    )
    assert "".join(order) == "abcbaab"
    assert [len(timings[name].seconds) for name in "abc"] == [3, 3, 1]


def test_numbers_of_a_timing() -> None:
    timing = Timing((5.0, 1.0, 3.0, 2.0))
    assert (timing.best, timing.median) == (1.0, 2.5)
    assert [timing.percentile(share) for share in (0.25, 0.5, 0.95, 1)] == [1.0, 2.0, 5.0, 5.0]
    assert table(("a", "b"), [("x", "10")]) == "a   b\n-  --\nx  10"


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["inspections"]) == 2
    said = capsys.readouterr().err
    assert "no part 'inspections'; choose from architecture, inspection, " in said
    assert ", ".join(command.PARTS) in said


@pytest.mark.browser
def test_a_start_and_a_visit(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VGG_VIZ_ASSETS", str(make_assets(tmp_path / "assets")))
    (start,) = startup.measure(rounds=1)
    assert start.torch_wanted is not None
    assert start.painted is not None
    assert start.healthy < start.painted
    assert "torch imported before the health answer" in startup.describe([start])

    plan = browser.Plan(
        channels=2,
        among_all=1,
        photos=1,
        classes=1,
        layers=("conv4_1",),
        wide={"conv3": browser.ALL_14},
        wide_model="alexnet:random",
    )
    timings = browser.measure(plan)
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {
        browser.RING: 3,
        browser.CHANNEL: 2,
        browser.AMONG_ALL: 1,
        browser.PHOTO: 1,
        browser.CLASS: 1,
        browser.LAYER: 1,
        browser.ALL_14: 1,
    }
    assert browser.CHANNEL in browser.describe(timings)


def test_indexing_a_folder_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assets = make_assets(tmp_path / "assets")
    monkeypatch.setenv("VGG_VIZ_ASSETS", str(assets))
    monkeypatch.setenv("VGG_VIZ_INDEXES", str(tmp_path / "kept"))
    report = top_patches.measure(assets / "images", limit=9)
    assert report.images == 9
    assert "images/s" in top_patches.describe(report)
    assert not (tmp_path / "kept").exists()
    monkeypatch.delenv(top_patches.PHOTOS, raising=False)
    top_patches.main()
    assert "names no folder" in capsys.readouterr().out
