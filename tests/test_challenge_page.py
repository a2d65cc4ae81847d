"""The page "ImageNet challenge", run by Streamlit's AppTest over a service without networks."""

import re

import pytest

from dashboard import challenge_panels
from dashboard.challenge_panels import VIEWS, ChallengeSettings
from dashboard.charts import csv_file
from dashboard.selection import WHERE
from pages import at_page, charts, texts
from vgg_viz import figures, published
from vgg_viz.published import COMPARISONS


def opened(app, **params):
    return at_page(app, "challenge", **params)


def test_the_first_view_is_the_winners(app, fake):
    opened(app)
    assert not app.error
    assert not app.warning
    (chart,) = charts(app)
    assert chart["layout"]["title"]["text"] == "ImageNet challenge, test photos"
    assert "**2013 is two things.** The winning entry, 11.7 %, is Clarifai's" in texts(app)
    assert "**ZFNet's paper** reports 14.8 % at best, from six networks" in texts(app)
    assert "with 7.3 % from seven networks, and first in localisation (25.3 % error)" in texts(app)
    assert "two of its networks reached 6.8 %" in texts(app)
    assert "Russakovsky et al. 2015, as quoted by He et al. 2015" in texts(app)
    assert app.query_params == {}


def test_no_network_is_asked_for_anything(app, fake):
    app.run()
    app.switch_page("app_pages/challenge.py")
    fake.asked.clear()
    for view in VIEWS:
        app.query_params["view"] = view
        app.run()
        assert not app.exception
    assert fake.asked == []


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "figures"])
@pytest.mark.parametrize("metric", ["top5", "top1"])
def test_each_view_is_one_chart_with_alt_text_and_a_source(app, view, metric):
    opened(app, view=view, metric=metric)
    assert not app.error
    assert not app.warning
    (element,) = app.get("plotly_chart")
    numbers = re.findall(r"\d+\.\d+", element.proto.alt)
    assert len(numbers) >= 5
    if VIEWS[view].measured_in:
        assert f"{metric[:3]}-{metric[3:]} error" in element.proto.alt
    assert re.search(r"20\d\d|torchvision", texts(app))


def test_the_metric_is_chosen_and_kept_in_the_address(app):
    opened(app, view="depth")
    assert "top-5" in charts(app)[0]["layout"]["yaxis"]["title"]["text"]
    app.segmented_control(key="challenge_metric").set_value("top1").run()
    assert "top-1" in charts(app)[0]["layout"]["yaxis"]["title"]["text"]
    assert app.query_params == {"view": "depth", "metric": "top1"}
    app.pills(key="challenge_view").set_value("testing").run()
    assert "top-1" in charts(app)[0]["layout"]["yaxis"]["title"]["text"]
    assert app.query_params == {"view": "testing", "metric": "top1"}


def test_a_protocol_is_chosen_and_what_it_lacks_is_listed(app):
    opened(app, view="cost")
    assert "**Not drawn, no number with this protocol:** AlexNet (2012, two groups), ZFNet (a)" in (
        texts(app)
    )
    app.selectbox(key="challenge_protocol").select("best").run()
    assert not app.exception
    assert app.query_params == {"view": "cost", "protocol": "best"}
    assert "**Not drawn, parameters and MACs not known:** OverFeat, MSRA (SPP)." in texts(app)
    assert "The views per photo differ" in texts(app)
    (trace,) = charts(app)[0]["data"]
    assert len(trace["x"]) == 11


def test_what_the_depth_shows_is_said_with_both_metrics(app):
    opened(app, view="depth")
    shown = texts(app)
    assert "E is worse than D: 27.0 → 27.3 % top-1, 8.8 → 9.0 % top-5." in shown
    assert "**LRN gains nothing**: 29.6 → 29.7 % top-1, 10.4 → 10.5 % top-5" in shown
    assert "D 27.0 → 25.6 % top-1, 8.8 → 8.1 % top-5; E 27.3 → 25.5 % top-1" in shown


def test_the_words_about_ways_to_test_hold():
    """Gains of three scales and of crops as well, from the tables."""
    gains = {"scales": [], "crops": []}
    for network in ("vgg16", "vgg19"):
        for metric in published.METRICS:
            tests = figures.errors_by_views(network, metric)
            one, three, _, both = (error.value for _, error in tests)
            gains["scales"].append(round(one - three, 1))
            gains["crops"].append(round(three - both, 1))
    assert (min(gains["scales"]), max(gains["scales"])) == (0.5, 0.8)
    assert (min(gains["crops"]), max(gains["crops"])) == (0.3, 0.4)
    two = published.find(published.VGG_TABLE_6, "vgg_d_e", "top-1").value
    seven = published.find(published.VGG_TABLE_6, "vgg_entry", "top-1").value
    assert two < seven


def test_what_the_ablations_show_is_said_with_numbers(app):
    opened(app, view="ablations")
    shown = texts(app)
    assert "top-1 error is 71.3 %; without one of these pairs 45.4 and 44.8 %" in shown
    assert "without 7 it is 40.0 %, not worse than 40.5 %" in shown
    assert "(a) 38.4 → (b) 37.5 %" in shown
    assert "10.0 % on training photos, 38.3 % on others" in shown


def test_the_table_holds_every_figure_with_its_source(app):
    opened(app, view="figures")
    table = app.dataframe[0].value
    assert len(table) == len(published.EVERY_ERROR)
    assert table["published_in"].str.len().min() > 10
    assert list(table["year"]) == sorted(table["year"])
    assert not charts(app)


def test_the_file_of_everything_has_a_protocol_and_a_source_in_every_row():
    rows = [error.row for error in published.EVERY_ERROR]
    lines = csv_file(rows, challenge_panels.EVERY_FIGURE).decode().splitlines()
    assert lines[0] == "year,team,network,metric,error,unit,split,protocol,published_in,source"
    assert len(lines) == len(rows) + 1
    assert any("VGG-19 (E),top-5,9.0,%,val" in line for line in lines)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"view": "losers"}, "`losers`, which does not exist; showing winners."),
        ({"metric": "top3"}, "`top3`, which does not exist; showing top5."),
        ({"view": "cost", "protocol": "mine"}, "`mine`, which does not exist"),
    ],
)
def test_a_bad_link_is_explained_and_something_is_shown(app, params, words):
    opened(app, **params)
    assert words in app.warning[0].value
    assert not app.error
    assert charts(app)
    app.button(key="dismiss").click().run()
    assert not app.warning


def test_an_unexpected_error_is_an_apology(app, monkeypatch, caplog):
    def fails(*_):
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(figures, "challenge_figure", fails)
    opened(app)
    assert "our fault" in app.error[0].value
    assert "secret" not in app.error[0].value


def test_terms_are_explained(app):
    opened(app, view="cost")
    (words,) = (caption.proto.help for caption in app.caption if caption.value == "Terms")
    for term in ("Top-5 error", "Single crop", "Dense", "Multi-crop", "Ensemble", "MACs"):
        assert f"**{term}**" in words


def test_settings_do_not_take_names_of_the_selection():
    own = set(vars(ChallengeSettings()))
    assert own == {"view", "metric", "protocol"}
    taken = {"image", "pairing", "scale", "precision", *WHERE}
    assert not own & taken
    assert set(COMPARISONS) >= {"single_crop", "dense_256", "best"}
