"""The panel "At initialisation", run by Streamlit's AppTest over a service without networks."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest

import pages
from dashboard import flow_panels, initial_flow, service
from dashboard.flow_downloads import numbers_csv, numbers_json
from dashboard.flow_settings import DEFAULT, FlowSelection, Setting, request
from fake_flow import gradient_flow
from fake_models import fake_model
from fake_service import FakeService
from pages import texts, whole_app
from test_flow_charts import changed
from vgg_viz.errors import OutOfMemoryError
from vgg_viz.requests import GradientFlowRequest
from vgg_viz.results import QUANTITIES

PAGE = "app_pages/gradient_flow.py"


class FlowService(FakeService):
    """Answers about gradient flow can be replaced, by initialisation."""

    def __post_init__(self):
        super().__post_init__()
        self.instead = {}

    def run(self, request):
        answer = super().run(request)
        change = self.instead.get(getattr(request, "initialization", None))
        if change is None:
            return answer
        return change(answer)


@pytest.fixture
def fake(monkeypatch):
    made = FlowService()
    monkeypatch.setattr(service, "get_service", lambda: made)
    return made


@pytest.fixture
def app(fake):
    return whole_app()


def opened(app, **params):
    app.run()
    app.switch_page(PAGE)
    return pages.opened(app, **params)


def asked(fake):
    return [request for request in fake.asked if isinstance(request, GradientFlowRequest)]


def charts(app):
    return [json.loads(element.proto.spec) for element in app.get("plotly_chart")]


def curves(chart):
    """Marker and layer names of the measured curves."""
    return {t["marker"]["symbol"]: t for t in chart["data"] if t.get("mode") == "lines+markers"}


def raises(error):
    def change(_):
        raise error

    return change


def test_three_settings_are_compared_at_first(app, fake):
    opened(app)
    assert not app.error
    assert not app.warning
    assert [(r.network, r.initialization) for r in asked(fake)] == [
        ("vgg16", "std_0.01"),
        ("vgg16", "he_fan_in"),
        ("vgg16", "glorot"),
    ]
    assert asked(fake)[0] == request(DEFAULT.settings[0], DEFAULT)
    first, second, third = charts(app)[-3:]
    assert set(curves(first)) == {"circle", "square", "diamond"}
    assert [c["layout"]["yaxis"]["title"]["text"] for c in (first, second, third)] == [
        "std of z",
        "std of dL/dz",
        "|dL/dW|",
    ]
    assert app.query_params == {}


def test_curves_are_drawn_as_they_come_and_once_more_at_the_end(app, monkeypatch):
    drawn, draw = [], flow_panels.charts

    def noting(boxes, curves, chosen, *, draft):
        drawn.append((len(curves), draft))
        draw(boxes, curves, chosen, draft=draft)

    monkeypatch.setattr(flow_panels, "charts", noting)
    monkeypatch.setattr(initial_flow, "WORTH_A_DRAFT", 0.0)
    opened(app)
    assert drawn == [(1, True), (2, True), (3, False)]
    drawn.clear()
    monkeypatch.setattr(initial_flow, "WORTH_A_DRAFT", 60.0)
    app.run()
    assert drawn == [(3, False)]


def test_the_verdicts_and_the_pages_own_check_are_printed(app):
    opened(app)
    shown = texts(app).replace("\u2011", "-")
    assert "**The gradient dL/dz at conv1_1 is 3.2e-09" in shown
    assert "The signal vanishes" in shown
    assert "● **VGG-16 (D), normal, std 0.01**: The weight gradients |dL/dW| lie within" in shown
    assert "⟨W, dL/dW⟩ is the same number in every layer**: spread ● 3.1e-7" in shown
    assert "random weights, seed 0 · full width, 224 px" in shown
    assert "cpu, fp32" in shown


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("vgg16_bn:lsuv", "batch norm takes the scale"),
        ("vgg11_lrn:lsuv", "local response normalisation"),
        ("zfnet_b:lsuv", "local response normalisation"),
    ],
)
def test_where_eulers_identity_does_not_hold_the_page_says_why(app, setting, reason):
    opened(app, settings=setting)
    assert reason in texts(app)
    assert "is the same number in every layer" not in texts(app)


def test_staged_weights_say_what_was_copied(app, fake):
    opened(app, settings="vgg16:staged", size="quarter", reference="off")
    assert asked(fake)[0].source == "vgg11:bundled"
    assert asked(fake)[0].width == 0.25
    assert "Copied from the trained A: conv1_1, conv2_1, conv3_1, conv3_2, fc6, fc7, fc8." in (
        texts(app)
    )
    assert "biases that are not 0" in texts(app)


def test_staged_at_full_width_needs_weights_and_offers_another_size(app, fake):
    opened(app, settings="vgg16:std_0.01,vgg16:staged", reference="off")
    assert "ImageNet weights of A" in app.warning[0].value
    assert [r.initialization for r in asked(fake)] == ["std_0.01"]
    app.button(key="flow_quarter_1").click().run()
    assert not app.exception
    assert not app.warning
    assert app.query_params["size"] == "quarter"
    assert {r.source for r in asked(fake)[1:]} == {"vgg11:bundled"}


def test_staged_at_full_width_copies_from_fetched_weights(app, fake):
    a = fake_model("vgg11", "imagenet")
    fake.models[a.name] = a
    opened(app, settings="vgg16:staged", reference="off")
    assert not app.warning
    assert asked(fake)[0].source == "vgg11:imagenet"


def test_an_error_stays_in_its_card(app, fake):
    fake.instead["he_fan_in"] = raises(OutOfMemoryError("Too large for this device; go narrower."))
    opened(app)
    assert [error.value for error in app.error] == ["Too large for this device; go narrower."]
    assert set(curves(charts(app)[-1])) == {"circle", "diamond"}  # the others keep their markers


def test_an_unforeseen_error_shows_no_trace(app, fake):
    fake.instead["std_0.01"] = raises(ZeroDivisionError("secret"))
    opened(app, settings="vgg16:std_0.01")
    assert "our fault" in app.error[0].value
    assert "secret" not in app.error[0].value
    assert not charts(app)


def test_overflow_is_named_and_drawn(app, fake):
    fake.instead["variance_0.01"] = lambda flow: replace(
        changed(changed(flow, "conv5_1", z_std=math.inf), "fc6", z_std=math.nan), loss=math.nan
    )
    opened(app, settings="vgg16:variance_0.01")
    assert "no longer a finite number from conv5_1 on" in app.warning[0].value
    assert any(t["mode"] == "markers" for t in charts(app)[-3]["data"])


def test_settings_are_added_changed_and_removed(app, fake):
    opened(app)
    app.button(key="flow_add").click().run()
    assert len(curves(charts(app)[-1])) == 4
    app.selectbox(key="flow_network_0").select("zfnet_b").run()
    assert app.query_params["settings"].startswith("zfnet_b:std_0.01,vgg16:he_fan_in")
    assert "spread over VGG's depth" in texts(app)
    for _ in range(4):
        app.button(key="flow_remove_0").click().run()
    assert not app.exception
    assert app.query_params["settings"] == "none"
    assert "Nothing to compare yet" in app.info[0].value
    assert not charts(app)
    app.button(key="flow_add").click().run()
    assert len(charts(app)) == 3


def test_a_ready_comparison_replaces_the_settings(app, fake):
    opened(app)
    app.pills(key="flow_preset").set_value("Why deep VGG did not train").run()
    assert not app.exception
    assert app.query_params["settings"] == "vgg11:std_0.01,vgg16:std_0.01,vgg19:std_0.01"
    assert charts(app)[-1]["layout"]["xaxis"]["ticktext"][15] == "conv5_4"


def test_he_is_the_reference_of_the_deepest_network(app, fake):
    opened(app, settings="vgg11:std_0.01,vgg19:std_0.01")
    assert [(r.network, r.initialization) for r in asked(fake)][2:] == [("vgg19", "he_fan_in")]
    names = [trace.get("name", "") for trace in charts(app)[-3]["data"]]
    assert sum("Reference" in name for name in names) == 1
    app.toggle(key="flow_reference").set_value(False).run()
    names = [trace.get("name", "") for trace in charts(app)[-3]["data"]]
    assert not any("Reference" in name for name in names)
    assert app.query_params["reference"] == "off"


def test_nothing_is_asked_twice_for_another_chart_or_layer(app, fake):
    fake.delay = 0.01
    opened(app)
    before = set(asked(fake))
    app.selectbox(key="flow_quantity_2").select("dead_share").run()
    app.selectbox(key="flow_layer").select("conv5_3").run()
    assert set(asked(fake)) == before
    assert app.query_params["show"] == "z_std,gradient_std,dead_share"
    assert app.query_params["layer"] == "conv5_3"
    assert len(charts(app)) == 3 + 4


def test_a_layer_shows_its_histograms_and_zeros(app):
    opened(app, layer="conv5_3")
    shown = texts(app)
    assert "Exact zeros: ● 50 % · ■ 50 % · ◆ 50 %" in shown
    assert "No exact zeros." in shown
    assert len(charts(app)) == 3 + 4
    app.selectbox(key="flow_layer").select("fc8").run()
    assert "No ReLU follows this layer." in texts(app)
    assert len(charts(app)) == 3 + 3


def test_networks_without_the_layer_show_their_nearest(app):
    opened(app, layer="conv5_3", settings="vgg16:lsuv,vgg11:lsuv,zfnet_b:lsuv", reference="off")
    assert "VGG-11 (A): conv5_2; ZFNet (b): conv5." in texts(app)


def test_a_layer_of_no_network_is_named(app):
    opened(app, layer="conv9_9")
    assert "None of these networks has a layer `conv9_9`" in texts(app)
    assert len(charts(app)) == 3


def test_the_photo_is_the_one_of_page_compare(app, fake):
    app.query_params["image"] = "dog"
    app.run()
    app.switch_page(PAGE)
    app.run()
    picker = app.segmented_control(key="flow_input")
    assert "Photo: A dog" in picker.options
    picker.set_value("dog").run()
    assert not app.exception
    assert asked(fake)[-1].input == "dog"
    assert app.query_params["input"] == "dog"


def test_rate_and_seed_reach_every_request(app, fake):
    opened(app)
    app.number_input(key="flow_rate").set_value(0.1).run()
    app.number_input(key="flow_seed").set_value(7).run()
    assert not app.exception
    assert {(r.learning_rate, r.seed) for r in asked(fake)[-3:]} == {(0.1, 7)}
    assert app.query_params["lr"] == "0.1"
    assert "seed 7" in texts(app)


def test_a_bad_link_is_explained_and_stays(app):
    opened(app, settings="vgg16:hope", lr="fast")
    assert "`hope`" in app.warning[0].value
    assert "`fast`" in app.warning[0].value
    assert not app.error
    assert app.query_params["settings"] == "vgg16:hope"
    app.button(key="flow_add").click().run()
    assert app.query_params["settings"].startswith("vgg16:std_0.01,")


# --- files ---------------------------------------------------------------------------------------


def broken():
    asked_for = GradientFlowRequest("vgg16", "variance_0.01")
    return changed(gradient_flow(asked_for), "conv5_1", z_std=math.inf)


def test_the_table_names_what_made_every_row():
    flows = [gradient_flow(GradientFlowRequest("vgg11", "lsuv", seed=5)), broken()]
    text = numbers_csv(flows, replace(DEFAULT, seed=5), "0.1.0").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 11 + 16
    first = rows[0]
    assert (first["network"], first["initialization"], first["layer"]) == (
        "vgg11",
        "lsuv",
        "conv1_1",
    )
    assert set(QUANTITIES) < set(first)
    assert float(first["gradient_std"]) == flows[0].layers[0].values["gradient_std"]
    assert (first["seed"], first["weights"]) == ("5", "random weights, seed 5")
    assert first["versions"] == "torch 2.14.1 vgg-viz 0.1.0"
    assert [row["z_std"] for row in rows if row["layer"] == "conv5_1"][1] == "inf"


def test_the_document_is_json_for_everyone():
    def refuse(name):
        raise AssertionError(name)

    chosen = FlowSelection((Setting("vgg16", "variance_0.01"),))
    document = json.loads(numbers_json([broken()], chosen, "0.1.0"), parse_constant=refuse)
    (made,) = document["settings"]
    rows = {row["layer"]: row for row in made["layers"]}
    assert rows["conv5_1"]["z_std"] == "inf"
    assert rows["fc8"]["activation_std"] is None
    assert sum(rows["conv1_1"]["histograms"]["z"]) == rows["conv1_1"]["totals"]["z"]
    assert len(document["histogram_edges_log10"]) == 61
    assert made["verdict"][0].startswith("The gradient")
