"""The page "Parameters and computation", run by AppTest over a service without networks."""

import pytest

import pages
from dashboard import computation_dense, computation_measured
from pages import charts, texts
from vgg_viz.errors import InputError, OutOfMemoryError
from vgg_viz.requests import DenseMapRequest, LayerTimingsRequest, PictureRequest

FREE = (PictureRequest,)  # pictures cost no pass


def opened(app, fake, **params):
    app.run()
    app.switch_page("app_pages/computation.py")
    fake.asked.clear()
    return pages.opened(app, **params)


def passes(fake):
    """Questions for which a network would run."""
    return [request for request in fake.asked if not isinstance(request, FREE)]


def titles(app):
    return [chart["layout"]["title"]["text"] for chart in charts(app)]


def bars(chart):
    """Value by layer."""
    return {
        layer: value
        for trace in chart["data"]
        if trace["type"] == "bar"
        for layer, value in zip(trace["x"], trace["y"], strict=True)
    }


# --- where costs go ------------------------------------------------------------------------------


def test_the_papers_networks_are_compared_at_first_and_nothing_is_run(app, fake):
    opened(app, fake)
    assert not app.error
    assert not app.warning
    assert passes(fake) == []
    shown = texts(app)
    assert "**VGG-16 (D)** · **138.4 M** parameters · **15.47 G** MACs (30.94 G FLOPs)" in shown
    assert "**ZFNet (b)** · **107.6 M** parameters" in shown
    assert "full width, 1000 classes, 224 px" in shown
    left, right, shares, memory = charts(app)
    assert bars(right)["fc6"] == 102_764_544
    assert bars(left)["conv4"] == 4_719_616
    assert left["layout"]["yaxis"]["range"] == right["layout"]["yaxis"]["range"]
    assert [round(v, 1) for v in shares["data"][0]["x"]] == [96.1, 10.5, 99.2, 10.6]
    assert memory["layout"]["title"]["text"] == "Memory for 1 image, fp32"
    assert app.query_params == {}


def test_metric_batch_and_size_change_the_bars(app, fake):
    opened(app, fake)
    app.segmented_control(key="computation_metric").select("macs").run()
    app.number_input(key="computation_batch").set_value(8).run()
    app.selectbox(key="computation_size").select("448").run()
    assert not app.exception
    assert bars(charts(app)[1])["conv1_2"] == 8 * 4 * 1_849_688_064
    assert bars(charts(app)[1])["fc6"] == 8 * 102_760_448
    assert titles(app)[1] == "VGG-16 (D): MACs per layer, 8 images"
    assert app.query_params == {"metric": "macs", "batch": "8", "size": "448"}
    assert passes(fake) == []


def test_the_cumulated_line_ends_at_100_per_cent(app, fake):
    opened(app, fake, metric="training", cumulated="on")
    line = next(t for t in charts(app)[0]["data"] if t.get("yaxis") == "y2")
    assert line["y"][-1] == pytest.approx(100)
    assert line["y"] == sorted(line["y"])
    app.segmented_control(key="computation_metric").select("inference").run()
    assert not [t for t in charts(app)[0]["data"] if t.get("yaxis") == "y2"]
    assert app.toggle(key="computation_cumulated").disabled


def test_a_loaded_model_is_described_as_it_is(app, fake):
    opened(app, fake, networks="loaded")
    shown = texts(app)
    assert "bundled weights, 19 classes, 0.25 x width, 224 px" in shown
    assert "**VGG-16 (D)** · **8.413 M** parameters" in shown
    assert bars(charts(app)[1])["fc8"] == 19 * 1024 + 19


def test_tables_are_made_when_they_are_opened(app, fake):
    opened(app, fake)
    assert not app.dataframe
    app.session_state["computation_tables"] = True
    app.run()
    assert not app.exception
    table = app.dataframe[1].value
    row = table[table["layer"] == "conv5_3"].iloc[0]
    assert (row["parameters"], row["MACs"]) == (2_359_808, 462_422_016)
    last = table.iloc[-1]
    assert (last["parameters cumulated"], last["MACs cumulated"]) == (138_357_544, 15_470_264_320)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"view": "everything"}, "`everything`"),
        ({"metric": "joules"}, "`joules`"),
        ({"batch": "0"}, "`0`, but it has to be 1 to 256; showing 1"),
        ({"batch": "many"}, "`many`"),
        ({"size": "225"}, "`225`"),
        ({"times": "9"}, "`9`, but it has to be 1 to 4; showing 2"),
        ({"networks": "mine"}, "`mine`"),
        ({"cumulated": "perhaps"}, "`perhaps`"),
        ({"left": "nothing"}, "`nothing`"),
    ],
)
def test_a_bad_link_is_explained(app, fake, params, words):
    opened(app, fake, **params)
    assert words in app.warning[0].value
    assert not app.error
    assert len(charts(app)) == 4


def test_a_size_too_small_says_so_and_the_other_network_is_shown(app, fake):
    opened(app, fake, size="32")
    assert "An input of 32 px is too small for zfnet_b" in app.error[0].value
    assert "Give at least" in app.error[0].value
    assert len(charts(app)) == 3
    assert titles(app)[0] == "VGG-16 (D): parameters per layer"


# --- measured ------------------------------------------------------------------------------------


def test_nothing_is_measured_before_the_click(app, fake):
    opened(app, fake, view="measured")
    assert passes(fake) == []
    assert charts(app) == []
    assert "Nothing is measured yet" in app.info[0].value
    assert "10 to 60 seconds" in app.info[0].value


def test_a_click_measures_both_networks_at_full_width(app, fake):
    opened(app, fake, view="measured", batch="4")
    app.button(key="computation_measure").click().run()
    assert not app.exception
    assert not app.error
    assert passes(fake) == [
        LayerTimingsRequest("zfnet_b:random", 4),
        LayerTimingsRequest("vgg16:random", 4),
    ]
    left, right, roofline = charts(app)
    assert roofline["layout"]["title"]["text"] == "Roofline: cpu, AVX512, 2 threads of 2, fp32"
    assert left["layout"]["yaxis"]["range"] == right["layout"]["yaxis"]["range"]
    shown = texts(app)
    assert "random weights (He), seed 0" in shown
    assert "Arithmetic: 13 convolutions (conv1_1 to conv5_3)" in shown
    assert "Memory: fc6, fc7, fc8, all ReLU, pooling and normalisation" in shown
    assert "peak 100 GFLOP/s, memory 20 GB/s" in shown
    assert app.button(key="computation_measure").label == "Measure again"


def test_measurements_stay_and_are_repeated_only_on_request(app, fake):
    opened(app, fake, view="measured")
    app.button(key="computation_measure").click().run()
    fake.asked.clear()
    app.segmented_control(key="computation_view").select("costs").run()
    app.segmented_control(key="computation_view").select("measured").run()
    assert passes(fake) == []
    assert len(charts(app)) == 3
    app.button(key="computation_measure").click().run()
    assert passes(fake) == [
        LayerTimingsRequest("zfnet_b:random", attempt=1),
        LayerTimingsRequest("vgg16:random", attempt=1),
    ]


def test_only_what_is_new_is_measured(app, fake):
    opened(app, fake, view="measured")
    app.button(key="computation_measure").click().run()
    fake.asked.clear()
    app.selectbox(key="right_model").select("vgg11:random").run()
    assert len(charts(app)) == 2  # one network's times, and the roofline with it alone
    app.button(key="computation_measure").click().run()
    assert passes(fake) == [LayerTimingsRequest("vgg11:random")]


def test_one_network_on_both_sides_is_measured_once(app, fake):
    opened(app, fake, view="measured", left="vgg16:bundled")
    app.button(key="computation_measure").click().run()
    assert passes(fake) == [LayerTimingsRequest("vgg16:random")]
    assert len(charts(app)) == 2


def test_loaded_models_are_measured_as_they_are(app, fake):
    opened(app, fake, view="measured", networks="loaded", precision="bf16", size="128")
    app.button(key="computation_measure").click().run()
    assert passes(fake)[1] == LayerTimingsRequest("vgg16:bundled", 1, 128, "bf16")
    assert "bundled weights, 19 classes" in texts(app)


@pytest.mark.parametrize("error", [OutOfMemoryError("too little memory"), InputError("at most 5")])
def test_what_the_service_refuses_is_said(app, fake, error):
    fake.errors[LayerTimingsRequest] = error
    opened(app, fake, view="measured")
    app.button(key="computation_measure").click().run()
    assert not app.exception
    assert str(error) in app.error[0].value
    assert app.button(key="computation_measure").label == "Measure on this device"


def test_few_measurements_are_kept(app, fake, monkeypatch):
    monkeypatch.setattr(computation_measured, "KEPT", 2)
    opened(app, fake, view="measured")
    for batch in (1, 2, 3):
        app.number_input(key="computation_batch").set_value(batch).run()
        app.button(key="computation_measure").click().run()
    assert len(app.session_state["timings"]) == 2


# --- dense evaluation ----------------------------------------------------------------------------


def test_no_photo_is_evaluated_before_the_click(app, fake):
    opened(app, fake, view="dense")
    assert passes(fake) == []
    assert charts(app) == []
    assert "Not evaluated yet" in app.info[0].value
    assert "448 px" in app.info[0].value


def test_a_click_evaluates_the_photo_with_both_networks(app, fake):
    opened(app, fake, view="dense", image="dog")
    app.button(key="computation_evaluate").click().run()
    assert not app.exception
    assert not app.error
    assert passes(fake) == [
        DenseMapRequest("zfnet_b:bundled", "dog", 448),
        DenseMapRequest("vgg16:bundled", "dog", 448),
    ]
    assert titles(app) == [
        "ZFNet (b): probability of dog",
        "ZFNet (b): top class at each position",
        "VGG-16 (D): probability of dog",
        "VGG-16 (D): top class at each position",
    ]
    shown = texts(app)
    assert "bundled weights, 19 classes, 0.25 x width; photo at 597 × 448 px" in shown
    assert "**8 × 12 positions** every 32 px" in shown
    assert "**A** dog" in shown
    assert "padding matters" not in shown


def test_the_class_is_a_view_of_the_same_evaluation(app, fake):
    opened(app, fake, view="dense", image="dog")
    app.button(key="computation_evaluate").click().run()
    fake.asked.clear()
    app.selectbox(key="computation_class").select("elephant").run()
    assert passes(fake) == []
    assert titles(app)[0] == "ZFNet (b): probability of elephant"
    assert titles(app)[2] == "VGG-16 (D): probability of elephant"
    assert app.query_params["left_class"] == "elephant"


def test_crops_and_size_are_asked_for(app, fake):
    opened(app, fake, view="dense", times="1.5", crops="on")
    app.button(key="computation_evaluate").click().run()
    assert passes(fake)[0] == DenseMapRequest("zfnet_b:bundled", "cat", 336, crops=True)
    assert "the top class is the same at **89 %**: padding matters" in texts(app)
    app.slider(key="computation_times").set_value(3.0).run()
    assert "Not evaluated yet" in app.info[0].value
    assert app.query_params["times"] == "3.0"


def test_weights_that_are_not_here_can_be_fetched(app, fake):
    opened(app, fake, view="dense", right="vgg16:imagenet")
    app.button(key="computation_evaluate").click().run()
    assert not app.exception
    assert [request.model for request in passes(fake)] == ["zfnet_b:bundled"]
    assert any("Fetch" in button.label for button in app.button)


def test_an_error_stands_in_place_of_its_map(app, fake):
    fake.errors[DenseMapRequest] = InputError("Give at least 224 px.")
    opened(app, fake, view="dense")
    app.button(key="computation_evaluate").click().run()
    assert not app.exception
    assert [error.value for error in app.error] == ["Give at least 224 px."] * 2


def test_few_evaluations_are_kept(app, fake, monkeypatch):
    monkeypatch.setattr(computation_dense, "KEPT", 2)
    opened(app, fake, view="dense")
    for times in (1.0, 2.0, 3.0):
        app.slider(key="computation_times").set_value(times).run()
        app.button(key="computation_evaluate").click().run()
    assert len(app.session_state["dense_maps"]) == 2
