"""The page "Attribution" over the fake service: matrix, layers, one method with trust, links."""

import io
import json
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from dashboard import attribution_occlusion
from dashboard import service as dashboard_service
from dashboard.attribution_cells import Cell
from dashboard.attribution_evidence import bundle
from dashboard.attribution_method import SHOWN
from dashboard.attribution_settings import parameters_of, parameters_text, typed
from dashboard.attribution_strips import Shown
from dashboard.edits_code import program
from fake_models import fake_models
from fake_occlusion import occlusion
from fake_service import FakeService
from pages import charts, opened, texts, whole_app
from vgg_viz import figures
from vgg_viz.attribution.methods import METHODS
from vgg_viz.errors import UnknownNameError
from vgg_viz.requests import (
    AttributionRequest,
    LayerSweepRequest,
    MethodCostRequest,
    OcclusionRequest,
    PictureRequest,
    TrustJob,
)
from vgg_viz.service.method_cost import method_cost

PAGE = "attribution"
ALL = tuple(METHODS.values())


def visit(app, fake, **params):
    """The page at an address, reached from Compare, whose questions are forgotten."""
    app.run()
    fake.asked.clear()
    app.switch_page(f"app_pages/{PAGE}.py")
    return opened(app, **params)


def asked(fake, kind=AttributionRequest):
    return [request for request in fake.asked if isinstance(request, kind)]


def frames(app):
    """Headers of the overlays, by key."""
    found = {}
    for element in app.get("bidi_component"):
        if element.proto.component_name.endswith("overlay"):
            header, _ = figures.unpack(element.proto.bytes)
            found[f"{header['label'].partition(',')[0]}: {header['title']}"] = header
    return found


def settled(app, fake, job):
    """The page when a job is through."""
    end = time.monotonic() + 60
    while not fake.events(fake.find(job))[-1].final:
        assert time.monotonic() < end
        time.sleep(0.02)
    return opened(app)


def test_six_methods_that_answer_at_once(app, fake):
    visit(app, fake)
    methods = ["grad_cam", "layer_cam", "gradient", "guided_backprop", "deconvnet", "lrp"]
    matrix = [request for request in asked(fake) if request.method in methods[1:]]
    assert {request.method for request in matrix} == set(methods[1:])
    assert not any(METHODS[request.method].stepwise for request in asked(fake))
    shown = frames(app)
    assert len(shown) == 12
    left, right = shown["ZFNet (b): LRP of cat"], shown["VGG-16 (D): LRP of cat"]
    assert left["signed"]
    assert left["scale"] == right["scale"] == "shared"
    assert left["limit"] == right["limit"]
    assert left["limit"] < max(left["own"], right["own"])  # a quantile: a map over pixels
    cams = [header for name, header in shown.items() if "Grad-CAM" in name]
    assert cams[0]["limit"] == max(header["own"] for header in cams)
    assert not cams[0]["signed"]
    assert "bundled weights, 19 classes, 0.25 x width" in texts(app)


def test_scales_of_their_own_and_whole_maxima(app, fake):
    visit(app, fake, scale="own", ends="maximum", methods="lrp")
    assert [header["scale"] for header in frames(app).values()] == ["own", "own"]
    assert all(header["limit"] == header["own"] for header in frames(app).values())


def test_why_this_class_and_not_that_one(app, fake):
    visit(app, fake, methods="grad_cam", against="dog")
    assert {request.versus for request in asked(fake)} == {3}
    assert "cat and not dog" in texts(app)
    app.selectbox(key="attribution_against").select("horse").run()
    assert app.query_params["against"] == "horse"


def test_parameters_and_seed_are_in_the_link(app, fake):
    visit(app, fake, methods="lrp", parameters="lrp.gamma:0.5,rise.masks:20", seed="3")
    last = asked(fake)[-1]
    assert (last.parameters, last.seed) == ((("gamma", 0.5),), 3)


def test_pills_choose_methods(app, fake):
    visit(app, fake, methods="lrp")
    app.pills(key="attribution_family_cam").set_value(["hires_cam"]).run()
    assert app.query_params["methods"] == "hires_cam,lrp"
    app.pills(key="attribution_family_cam").set_value([]).run()
    app.pills(key="attribution_family_relevance").set_value([]).run()
    assert "at least one method" in app.warning[0].value
    assert app.query_params["methods"] == "lrp"


def test_many_passes_tell_their_cost_and_wait_for_the_button(app, fake):
    visit(app, fake, methods="score_cam", parameters="rise.masks:100")
    assert not asked(fake)
    assert texts(app).count("128 forward passes, about 2 s here") == 2
    app.button(key="attribution_left_score_cam_start").click().run()
    (job,) = asked(fake)
    settled(app, fake, job)
    assert [name.partition(":")[0] for name in frames(app)] == ["ZFNet (b)"]
    again = opened(app)
    assert len(asked(fake)) == 1
    assert not again.exception


def test_a_stopped_map_says_how_far_it_is(app, fake):
    fake.studies.step_seconds = 0.2
    visit(app, fake, methods="rise")
    app.button(key="attribution_right_rise_start").click().run()
    job = asked(fake)[0]
    fake.cancel(fake.find(job))
    settled(app, fake, job)
    assert app.button(key="attribution_right_rise_go_on")
    found = fake.result(fake.find(job))
    assert found is None or f"{found.done} of 8 steps" in texts(app)


def test_every_convolution_of_both_networks(app, fake):
    visit(app, fake, view="layers", swept="layer_cam")
    sweeps = asked(fake, LayerSweepRequest)
    assert [(s.model, s.method) for s in sweeps] == [
        ("zfnet_b:bundled", "layer_cam"),
        ("vgg16:bundled", "layer_cam"),
    ]
    assert len(frames(app)) == 5 + 13
    assert {header["scale"] for header in frames(app).values()} == {"own"}
    order = [name.rpartition(" at ")[2] for name in frames(app)]
    assert order[:3] == ["conv1", "conv1_1", "conv1_2"]


def test_details_of_a_card_lead_to_its_method(app, fake):
    visit(app, fake)
    app.button(key="attribution_open_lrp").click().run()
    assert app.query_params["view"] == "method"
    assert app.query_params["method"] == "lrp"
    assert len(frames(app)) == 2


@pytest.mark.parametrize(
    ("method", "verdict"),
    [("grad_cam", "Passes every test"), ("guided_backprop", "Do not trust this map")],
)
def test_trust_in_words_and_curves(app, fake, method, verdict):
    visit(app, fake, view="method", method=method, box="0.2,0.2,0.8,0.8")
    assert all(header["box"] == [0.2, 0.2, 0.8, 0.8] for header in frames(app).values())
    assert not asked(fake, TrustJob)
    app.button(key="attribution_trust_right_start").click().run()
    (job,) = asked(fake, TrustJob)
    assert job.box is None  # the box needs no pass: another one asks for nothing
    settled(app, fake, job)
    assert "in the box" in texts(app)
    assert verdict in texts(app)
    assert "does no better than an edge detector" in texts(app).lower() or method == "grad_cam"
    deletion, insertion, cascade = charts(app)
    assert len(deletion["data"]) == len(insertion["data"]) == 4
    assert deletion["data"][0]["name"].startswith("this map")
    assert len(cascade["data"][0]["x"]) == 8
    other = visit(whole_app(), fake, view="method", method=method)
    assert verdict in texts(other)
    assert "in the box" not in texts(other)
    assert not asked(fake, TrustJob)


def test_the_bundle_holds_map_and_trust(app, fake):
    visit(app, fake, view="method", method="lrp")
    app.button(key="attribution_trust_left_start").click().run()
    (job,) = asked(fake, TrustJob)
    settled(app, fake, job)
    data = _bundled(app, fake, job)
    with zipfile.ZipFile(io.BytesIO(data)) as kept:
        manifest = json.loads(kept.read("manifest.json"))
        assert {"evidence.html", "map_1.png", "maps.npz", "again.py"} <= set(kept.namelist())
    assert manifest["maps"][0]["request"]["method"] == "lrp"
    assert manifest["maps"][0]["trust"]["verdict"] == "good"


def _bundled(app, fake, job):
    assert app.get("download_button")
    info = fake.describe().model("zfnet_b:bundled")
    cell = Cell("left", info, METHODS["lrp"], job.attribution, 1.0)
    return bundle([Shown(cell, fake.run(job.attribution), None)], None, "A cat", {"lrp": "LRP"})


def test_a_square_slides_over_the_photo(app, fake):
    visit(app, fake, view="occlusion", parameters="occlusion.square:48,occlusion.fill:black")
    assert not asked(fake, OcclusionRequest)
    assert texts(app).count("forward passes") == 2
    app.button(key="attribution_occlusion_right_start").click().run()
    (job,) = asked(fake, OcclusionRequest)
    assert (job.model, job.square, job.stride, job.fill) == ("vgg16:bundled", 48, 16, "black")
    settled(app, fake, job)
    assert "144 of 144 places" in texts(app)
    found = fake.result(fake.find(job))
    places = attribution_occlusion.rows(found)
    assert len(places) == 144
    assert places[0]["probability"] == pytest.approx(0.9, abs=1e-6)
    assert places[0]["most probable"] == "cat"


def test_the_frame_of_the_square_says_where_it_has_not_been():
    job = OcclusionRequest("vgg16:bundled", "cat")
    made_by = FakeService().run(AttributionRequest("vgg16:bundled", "cat")).provenance
    found = occlusion(job, 4, 8, made_by)  # half of the rows
    picture = FakeService().run(PictureRequest("cat", "vgg16:bundled"))
    header, parts = figures.unpack(figures.occlusion_frame(picture, found, "VGG"))
    tops = np.frombuffer(parts["tops"], "<i2").reshape(13, 13)
    assert (tops[:7] >= 0).all()
    assert (tops[7:] == -1).all()
    assert header["classes"] == {"2": "cat", "3": "dog"}
    sums = np.frombuffer(parts["activations"], "<f2").reshape(13, 13)
    assert header["unit"] == 60
    assert sums[0, 0] == pytest.approx(50 / 60, abs=1e-3)
    assert not sums[7:].any()


def test_a_bad_link_is_noted(app, fake):
    visit(
        app,
        fake,
        methods="grad_cam,magic",
        parameters="lrp.gamma:99",
        against="unicorn",
        swept="rise",
        box="0.5,0,0.2,1",
    )
    noted = app.warning[0].value
    for word in ("magic", "lrp.gamma:99", "unicorn", "rise", "0.5,0,0.2,1"):
        assert word in noted
    assert len(frames(app)) == 2


def test_errors_stand_in_their_cells_and_networks_can_be_fetched(app, fake):
    fake.errors[AttributionRequest] = UnknownNameError("There is no such layer.")
    visit(app, fake, methods="grad_cam", left="vgg16:imagenet")
    assert "no such layer" in app.error[0].value
    assert "not on this machine yet" in app.info[0].value


def test_untrained_weights_and_an_unknown_second_class_are_told(app, fake):
    visit(app, fake, view="method", left="vgg11:random", against="tench")
    assert "Untrained" in texts(app)
    assert "does not know the second class" in texts(app)


def test_parameters_are_read_and_written():
    assert parameters_of("rise.masks:20,lrp.preset:epsilon", ALL) == {
        "rise": {"masks": 20},
        "lrp": {"preset": "epsilon"},
    }
    for bad in ("rise.masks:9.5", "lrp.preset:x", "lrp:1", "x.y:1", "rise.masks:9999999"):
        assert parameters_of(bad, ALL) is None
    kept = {"rise": {"masks": 20, "share": 0.5}, "lrp": {"gamma": 1.0}}
    assert parameters_text(kept, ALL) == "rise.masks:20,lrp.gamma:1.0"
    assert parameters_of(parameters_text(kept, ALL), ALL)["lrp"] == {"gamma": 1.0}
    gamma = next(p for p in METHODS["lrp"].parameters if p.name == "gamma")
    assert typed(gamma, "nan") is None


def test_costs_come_from_the_tables():
    info = next(model for model in fake_models() if model.name == "vgg16:bundled")
    assert method_cost(MethodCostRequest(info.name, "score_cam", "conv1_1"), info).forward == 16
    rise = MethodCostRequest(info.name, "rise", None, (("masks", 70),))
    assert (method_cost(rise, info).forward, method_cost(rise, info).backward) == (70, 0)
    # Behind the last convolution only the linear layers run.
    linear = sum(row.macs for row in info.layers if row.kind == "linear") / info.macs
    ablated = method_cost(MethodCostRequest(info.name, "ablation_cam"), info)
    assert ablated.forward == pytest.approx(128 * linear)
    for method, layer in (("magic", None), ("rise", "conv9")):
        with pytest.raises(UnknownNameError):
            method_cost(MethodCostRequest(info.name, method, layer), info)


def test_a_quantile_ends_a_scale():
    fake = FakeService()
    found = fake.run(AttributionRequest("vgg16:bundled", "cat", method="gradient"))
    values = np.linspace(0, 1, 101, dtype=np.float32)[None]
    found = replace(found, grid=values)
    picture = fake.run(PictureRequest("cat", "vgg16:bundled"))
    header, _ = figures.unpack(figures.overlay_frame(picture, found, quantile=0.9))
    assert header["limit"] == pytest.approx(0.9)
    assert (header["own"], header["scale"]) == (1, "own")
    assert figures.shared_limit([found], 0.5) == pytest.approx(0.5)
    sparse = replace(found, grid=np.float32([[0, 0, 0, 2]]))
    assert figures.shared_limit([sparse], 0.5) == 2


def test_every_method_that_answers_at_once_over_real_networks(service, monkeypatch):
    monkeypatch.setattr(dashboard_service, "get_service", lambda: service)
    quick = [method.name for method in ALL if not method.stepwise]
    app = whole_app()
    app.run()
    app.switch_page(f"app_pages/{PAGE}.py")
    opened(app, methods=",".join(quick))
    assert [error.value for error in app.error] == []
    assert len(frames(app)) == 2 * len(quick)
    assert texts(app).count("conservation error") == 2 * 3  # LRP and both excitation backprops
    assert service.run(MethodCostRequest("vgg16", "kernel_shap")).forward == 301
    opened(app, view="layers")
    assert [error.value for error in app.error] == []


def test_the_code_runs(service, assets, capsys):
    request = AttributionRequest("vgg16:bundled", "cat", method="gradient")
    exec(compile(program([request], SHOWN), "<shown>", "exec"), {})  # noqa: S102 - as a person would
    size = service.describe().model("vgg16:bundled").input_size
    assert f"({size}, {size})" in capsys.readouterr().out
