"""Page Small filters, run by Streamlit's AppTest over a service without networks."""

import pytest

from dashboard import small_filters_settings as page_settings
from fake_models import fake_model
from pages import at_page, charts, texts
from vgg_viz.errors import OutOfMemoryError
from vgg_viz.requests import (
    AliasingRequest,
    DesignedAliasingRequest,
    FactorisationRequest,
    KernelsRequest,
    KernelStudyRequest,
    LayerFactorisationRequest,
    SharedFactorisationRequest,
)

CORNER = ",".join("1" if i < 5 or i % 5 == 0 else "0" for i in range(25))


def opened(app, **params):
    return at_page(app, "small_filters", **params)


def asked(fake, *kinds):
    return [request for request in fake.asked if isinstance(request, kinds)]


# --- cost ----------------------------------------------------------------------------------------


def test_the_papers_comparison_is_shown_first_and_asks_nothing(app, fake):
    opened(app)
    assert not app.error
    assert not app.warning
    assert "81 % more weights than the stack" in app.success[0].value
    shown = texts(app)
    assert "| Weights, formula | 49 C² | 27 C² |" in shown
    assert "| Weights | 3,211,264 | 1,769,472 |" in shown
    assert "| ReLUs | 1 | 3 |" in shown
    assert len(charts(app)) == 2
    assert app.query_params == {}
    fake.asked.clear()
    app.run()
    assert fake.asked == []


def test_where_the_claim_fails_the_page_says_so(app):
    opened(app)
    app.segmented_control(key="small_kernel").set_value("5").run()
    app.segmented_control(key="small_entry").set_value("half").run()
    assert not app.exception
    (warning,) = app.warning
    assert "The stack has 8.0 % more weights than the 5x5 layer" in warning.value
    assert "Here the textbook claim fails" in warning.value
    assert "13.5 C²" in texts(app)
    assert app.query_params == {"kernel": "5", "entry": "half"}
    app.segmented_control(key="small_kernel").set_value("7").run()
    assert "by less than for C → C" in app.success[0].value
    app.segmented_control(key="small_entry").set_value("rgb").run()
    assert "Only 3 channels come in" in app.warning[0].value


def test_channels_and_side_change_the_numbers(app):
    opened(app, channels="64", side="224", kernel="5", entry="rgb")
    assert "| Weights | 4,800 | 38,592 |" in texts(app)
    app.number_input(key="small_channels").set_value(128).run()
    app.number_input(key="small_side").set_value(14).run()
    assert not app.exception
    assert "| MACs at 14 x 14 | 1.882 M |" in texts(app)
    assert app.query_params["channels"] == "128"


# --- B against five 5x5 --------------------------------------------------------------------------


def test_the_papers_two_networks_are_compared(app):
    opened(app, view="five")
    shown = texts(app)
    assert not app.error
    for words in (
        "| Parameters | 133,047,848 | 134,503,528 | +1.1 % |",
        "| of the convolutions | 9,404,992 | 10,860,672 | +15.5 % |",
        "| MACs at 224 px | 11.308 G | 9.356 G | −17.3 % |",
        "| Layers with weights | 13 | 8 | −5 |",
        "| Field of the last convolution | 140 px | 140 px | the same |",
        "**7 % higher** than B's, measured on a centre crop",
        "15 % more convolution parameters, but 17 % fewer MACs",
    ):
        assert words in shown
    assert len(charts(app)) == 2
    assert "arXiv 1409.1556" in " ".join(element.proto.help for element in app.markdown)


# --- factorisation -------------------------------------------------------------------------------


def test_a_kernel_of_conv2_is_factorised(app, fake):
    opened(app, view="factors")
    assert not app.error
    shown = texts(app)
    assert (
        "One pair of 3x3 makes **conv2, output 0, input 0** with a residual of **25.0 %**" in shown
    )
    for name in ("**K**", "**a**", "**b**", "**a * b**", "**K − a * b**", "**separable**"):
        assert name in shown
    assert "zfnet_b:bundled, bundled weights" in shown
    assert "| VGG-16 (C) | 1x1 | 9,996,096 | 11.771 G | 140 px | 28.1 / 9.4 |" in shown
    assert len(charts(app)) == 3
    assert asked(fake, SharedFactorisationRequest) == []  # its section is closed
    assert asked(fake, KernelsRequest)[0] == KernelsRequest("zfnet_b:bundled", "conv2")
    assert len(asked(fake, FactorisationRequest)[0].kernel) == 25


def test_another_kernel_and_more_channels(app, fake):
    opened(app, view="factors")
    app.number_input(key="small_output").set_value(3).run()
    app.number_input(key="small_input").set_value(2).run()
    app.segmented_control(key="small_between").set_value("2").run()
    assert not app.exception
    shown = texts(app)
    assert "2 pairs of 3x3 make **conv2, output 3, input 2** with a residual of **12.5 %**" in shown
    assert "**Σ a * b**" in shown
    assert asked(fake, FactorisationRequest)[-1].channels == 2
    assert {k: app.query_params[k] for k in ("output", "input", "between")} == {
        "output": "3",
        "input": "2",
        "between": "2",
    }


@pytest.mark.parametrize("name", page_settings.EXAMPLES)
def test_examples_are_asked_for_by_their_values(app, fake, name):
    opened(app, view="factors", source=name)
    assert not app.error
    assert asked(fake, FactorisationRequest)[-1].kernel == page_settings.example(name)
    assert page_settings.EXAMPLES[name] in texts(app)


def test_a_kernel_can_be_typed(app, fake):
    opened(app, view="factors", source="own", values=CORNER)
    assert asked(fake, FactorisationRequest)[-1].kernel == page_settings.typed_kernel(CORNER)
    app.text_input(key="small_values").set_value("1 " * 24 + "2").run()
    assert not app.exception
    assert asked(fake, FactorisationRequest)[-1].kernel == (1.0,) * 24 + (2.0,)
    assert app.query_params["values"].endswith(",1,2")
    app.text_input(key="small_values").set_value("1, 2, three").run()
    assert "Give 25 numbers" in app.warning[0].value
    assert app.text_input(key="small_values").value.endswith(",1,2")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1 " * 25, 25),
        ("1,2;3\n" + "0 " * 22, 25),
        ("\u22121 " * 25, 25),
        ("1 " * 24, None),
        ("x " * 25, None),
        ("inf " * 25, None),
        ("1e7 " * 25, None),
        ("", None),
    ],
)
def test_typed_kernels_are_read_with_care(text, count):
    found = page_settings.typed_kernel(text)
    assert (None if found is None else len(found)) == count


def test_without_5x5_layers_other_kernels_still_work(app, fake):
    for name in list(fake.models):
        if "zfnet" in name or "alexnet" in name:
            del fake.models[name]
    opened(app, view="factors")
    assert "No network with 5x5 kernels" in app.info[0].value
    app.segmented_control(key="small_source").set_value("gaussian").run()
    assert not app.exception
    assert "**Gaussian blur**" in texts(app)
    assert len(charts(app)) == 1


# --- first layer ---------------------------------------------------------------------------------


def test_three_first_layers_stand_beside_one_another(app, fake):
    opened(app, view="first")
    assert not app.error
    shown = texts(app)
    assert [r.model for r in asked(fake, KernelStudyRequest)] == [
        "alexnet:imagenet",
        "zfnet_b:bundled",
        "vgg16:bundled",
    ]
    assert "learned: imagenet weights" in shown
    assert "**conv1: 12 kernels 11x11, stride 4**" in shown
    assert "**conv1_1: 12 kernels 3x3, stride 1**" in shown
    assert "**75 %** of the response is beyond what stride 4 can hold" in shown
    assert "Dead: 1. Pairs that are alike: 2 (closest: 1 and 4, cosine 0.97)" in shown
    assert len(charts(app)) == 4
    assert "fetch its ImageNet weights" not in shown


def test_random_kernels_are_called_random(app, fake):
    del fake.models["alexnet:imagenet"]
    fake.models["alexnet:random"] = fake_model("alexnet", "random")
    opened(app, view="first")
    shown = texts(app)
    assert "random weights, nothing learned" in shown
    assert "fetch its ImageNet weights on page Compare" in shown


def test_another_network_of_a_family(app, fake):
    opened(app, view="first")
    picker = app.selectbox(key="small_vgg")
    assert len(picker.options) == 2  # not the one that must be fetched first
    picker.set_value("vgg11:random").run()
    assert not app.exception
    assert app.query_params["vgg"] == "vgg11:random"
    assert asked(fake, KernelStudyRequest)[-1].model == "vgg11:random"
    assert "random weights, nothing learned" in texts(app)


def test_an_error_stays_in_its_column(app, fake):
    fake.errors[KernelStudyRequest] = OutOfMemoryError("Too large for this device.")
    opened(app, view="first")
    assert {error.value for error in app.error} == {"Too large for this device."}
    assert app.title[0].value == "Small filters"


# --- aliasing ------------------------------------------------------------------------------------


def test_aliasing_is_shown_on_the_zone_plate_first(app, fake):
    opened(app, view="aliasing")
    assert not app.error
    assert {r.image for r in asked(fake, AliasingRequest)} == {""}
    shown = texts(app)
    for words in ("Alias share 94 %", "Alias share 75 %", "Alias share 0 %"):
        assert words in shown
    assert "VGG's first layer keeps every px" in shown
    assert len(charts(app)) == 1
    app.segmented_control(key="small_part").set_value("alias").run()
    app.segmented_control(key="small_which").set_value("most").run()
    assert not app.exception
    assert asked(fake, AliasingRequest)[-1].which == "most"


def test_the_photo_is_the_one_of_page_compare(app, fake):
    app.query_params["image"] = "dog"
    app.run()
    app.switch_page("app_pages/small_filters.py")
    app.run()
    app.segmented_control(key="small_view").set_value("aliasing").run()
    app.segmented_control(key="small_picture").set_value("photo").run()
    assert not app.exception
    assert asked(fake, AliasingRequest)[-1].image == "dog"
    assert app.query_params["picture"] == "photo"


def test_the_same_kernel_at_three_strides(app, fake):
    opened(app, view="aliasing", by="designed", design="stripes")
    made = asked(fake, DesignedAliasingRequest)
    assert [(r.design, r.kernel, r.stride) for r in made] == [
        ("stripes", 11, 4),
        ("stripes", 7, 2),
        ("stripes", 3, 1),
    ]
    assert "nothing learned: the columns differ in size and stride alone" in texts(app)
    assert asked(fake, AliasingRequest) == []


# --- links ---------------------------------------------------------------------------------------


def test_a_bad_link_is_explained(app):
    opened(app, view="cost", kernel="6", channels="0", of="../etc", values="1,2")
    (warning,) = app.warning
    for words in ("`6`", "2 to 4096", "`../etc`", "25 numbers"):
        assert words in warning.value
    assert not app.error


def test_a_model_that_is_not_here_gives_way(app, fake):
    opened(app, view="first", zfnet="zfnet_a:imagenet")
    assert not app.error
    assert "zfnet_b:bundled" in [r.model for r in asked(fake, KernelStudyRequest)]


def test_views_do_not_compute_what_is_hidden(app, fake):
    opened(app)
    for view, kinds in (
        ("first", (AliasingRequest, FactorisationRequest)),
        ("factors", (AliasingRequest, KernelStudyRequest)),
        ("aliasing", (LayerFactorisationRequest, KernelStudyRequest)),
    ):
        fake.asked.clear()
        app.segmented_control(key="small_view").set_value(view).run()
        assert not app.exception
        assert asked(fake, *kinds) == []
        assert app.query_params["view"] == view
