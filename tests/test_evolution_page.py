"""The page From ZFNet to VGG, run by Streamlit's AppTest over a service without networks."""

import re

import pytest

from dashboard import evolution_controls, evolution_panels, service
from dashboard.evolution_controls import EvolutionSettings, best_model, choices, with_network
from dashboard.evolution_story import STEPS
from dashboard.selection import default_selection
from fake_models import fake_model
from fake_networks import make_service
from pages import opened, texts, whole_app
from vgg_viz import figures
from vgg_viz.architecture import describe_network, diff
from vgg_viz.models.configs import NETWORKS


@pytest.fixture
def fake(monkeypatch):
    made = make_service()
    monkeypatch.setattr(service, "get_service", lambda: made)
    return made


@pytest.fixture
def frames(monkeypatch):
    """Headers of the pictures that the page draws."""
    drawn = []
    original = figures.network_columns_frame

    def kept(*arguments, **details):
        frame = original(*arguments, **details)
        drawn.append(figures.unpack(frame)[0])
        return frame

    monkeypatch.setattr(figures, "network_columns_frame", kept)
    return drawn


@pytest.fixture
def app(fake):
    at = whole_app()
    at.switch_page("app_pages/evolution.py")
    return at


def table(app, start):
    """Cells of the Markdown table that begins with `start`."""
    text = next(e.value for e in app.markdown if e.value.startswith(start))
    lines = text.replace("\\", "").replace("**", "").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# --- what is shown -------------------------------------------------------------------------------


def test_the_papers_networks_at_full_size(app, fake, frames):
    opened(app)
    assert not app.error
    assert not app.warning
    totals = table(app, "| | ZFNet (b)")
    assert totals[2] == ["Parameters", "107.6 M", "138.4 M", "+30.73 M"]
    assert totals[3] == ["MACs", "2.477 G", "15.47 G", "+12.99 G"]
    assert totals[4][-1] == "+94.34 MB"
    assert totals[5] == ["Weight layers", "8", "16", "+8"]
    assert totals[6] == ["Receptive field", "331 px", "404 px", "+73 px"]
    assert frames[-1]["titles"] == ["ZFNet (b)", "VGG-16 (D)"]
    assert frames[-1]["details"] == ["224 px, 1 × width, 1000 classes"] * 2
    assert frames[-1]["selected"] == ["conv5", "conv5_3"]
    assert "arXiv 1311.2901; arXiv 1409.1556" in texts(app)
    assert app.query_params == {}


def test_no_network_runs(app, fake):
    opened(app)
    assert fake.asked == []


def test_the_ledger_ends_in_the_difference_of_the_totals(app):
    opened(app, left="vgg11:random", right="vgg13:random")
    rows = table(app, "| | Layer")
    assert [row[1] for row in rows[2:-1]] == ["conv1_2", "relu1_2", "conv2_2", "relu2_2"]
    assert rows[2][0] == ":green[+]"
    assert rows[2][2] == "3x3, 64 → 64 channels, 224 px"
    assert rows[-1][3:] == ["+184,512", "+3,699,376,128", "+38,535,168", "+2", "+6"]
    for column in range(3, 8):
        numbers = [int(row[column].replace(",", "").replace("·", "0")) for row in rows[2:]]
        assert sum(numbers[:-1]) == numbers[-1]
    assert "4 added (+), 0 removed (−), 0 changed (~); 30 are the same" in texts(app)


def test_the_largest_change_first(app):
    opened(app, order="size", cost="activation_bytes")
    rows = table(app, "| | Layer")[2:-1]
    sizes = [
        abs(int(re.sub(r"[,+]", "", row[5].replace("−", "-").replace("·", "0")))) for row in rows
    ]
    assert sizes == sorted(sizes, reverse=True)
    app.segmented_control(key="evolution_order").set_value("depth").run()
    assert table(app, "| | Layer")[2][1] == "conv1 → conv1_1"
    assert app.query_params.get("order") is None


def test_the_quantity_of_the_waterfall_stands_between_the_columns(app, frames):
    opened(app)
    app.segmented_control(key="evolution_cost").set_value("macs").run()
    assert frames[-1]["quantity"] == "MACs"
    assert app.query_params["cost"] == "macs"


def test_a_network_beside_itself_changes_nothing(app):
    opened(app, left="vgg16:bundled", right="vgg16:random", cost="macs")
    assert app.info[0].value == "MACs: no layer differs."
    assert table(app, "| | Layer")[-1][3:] == ["·"] * 5
    assert "40 are the same" in texts(app)


def test_a_quantity_that_stays_names_those_that_do_not(app):
    opened(app, left="vgg11:random", right="vgg11_lrn:random")
    assert app.info[0].value == "Parameters: no layer differs; what changes: Activations."


# --- sizes ---------------------------------------------------------------------------------------


def test_sizes_recompute_at_once(app, frames):
    opened(app)
    app.number_input(key="evolution_size").set_value(384).run()
    app.number_input(key="evolution_width").set_value(0.5).run()
    app.number_input(key="evolution_classes").set_value(10).run()
    assert not app.exception
    expected = describe_network("vgg16", width=0.5, classes=10, input_size=384)
    assert table(app, "| | ZFNet (b)")[2][2] == figures.amount(expected.parameters)
    assert frames[-1]["details"][0] == "384 px, 0.5 × width, 10 classes"
    assert app.query_params == {"size": "384", "width": "0.5", "classes": "10"}


def test_as_loaded_draws_the_models_own_sizes(app, fake, frames):
    opened(app)
    app.toggle(key="evolution_loaded").set_value(True).run()
    info = fake_model("vgg16", "bundled")
    assert table(app, "| | ZFNet (b)")[2][2] == figures.amount(info.parameters)
    assert frames[-1]["details"][1] == "bundled weights: 224 px, 0.25 × width, 19 classes"
    assert app.number_input(key="evolution_size").disabled


@pytest.mark.parametrize(
    ("left", "size", "layer", "least"),
    [("alexnet:imagenet", 40, "pool5", 63), ("vgg11:random", 3, "pool2", 32)],
)
def test_an_input_too_small_names_the_layer_and_offers_the_least(app, left, size, layer, least):
    opened(app, left=left, size=str(size))
    assert f"nothing is left at {layer}. Give at least {least} px" in app.error[0].value
    assert app.button(key="evolution_least").label == f"Use {least} px"
    app.button(key="evolution_least").click().run()
    assert not app.error
    assert app.number_input(key="evolution_size").value == least


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"size": "9000"}, "size `9000`, but it has to be 1 to 1024; showing 224"),
        ({"width": "wide"}, "width `wide`, but it has to be 0.05 to 4; showing 1"),
        ({"classes": "0"}, "classes `0`"),
        ({"cost": "money"}, "cost `money`, which does not exist; showing parameters"),
        ({"left": "vgg99:random"}, "`vgg99:random`, which is not offered here"),
    ],
)
def test_a_bad_link_is_explained(app, params, words):
    opened(app, **params)
    assert words in app.warning[0].value.replace("\n", " ")
    assert not app.error
    assert table(app, "| | ZFNet (b)")[2][1] == "107.6 M"


def test_an_unexpected_error_is_an_apology(app, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(evolution_panels, "totals", broken)
    opened(app)
    assert "our fault" in app.error[0].value
    assert "secret" not in app.error[0].value


# --- networks ------------------------------------------------------------------------------------


def test_every_network_can_be_chosen(app, fake, frames):
    opened(app)
    picker = app.selectbox(key="evolution_right")
    assert len(picker.options) == len(NETWORKS)
    picker.select("vgg19_bn").run()
    assert frames[-1]["titles"] == ["ZFNet (b)", "VGG-19 (E) + BN"]
    app.selectbox(key="evolution_left").select("vgg19").run()
    assert frames[-1]["titles"] == ["VGG-19 (E)", "VGG-19 (E) + BN"]
    assert not app.exception


def test_the_best_weights_there_are_become_the_side(fake):
    offered = fake.describe()
    assert best_model("vgg16", offered).name == "vgg16:bundled"
    assert best_model("alexnet", offered).name == "alexnet:imagenet"
    assert best_model("vgg19", offered).name == "vgg19:random"
    chosen = default_selection(offered).with_side("right", model="vgg16:random")
    assert with_network(chosen, "right", "vgg16", offered) is chosen  # it is shown already
    assert with_network(chosen, "left", "vgg16", offered).left.model == "vgg16:bundled"


def test_a_checkpoint_of_ones_own_is_drawn_as_it_is(app, fake, frames):
    info = fake.put_weights(b"VGG", "mine.pth")
    opened(app, right=info.name)
    assert choices(fake.describe())[info.name] == "VGG-16 (D) · file-1a2b3c4d"
    assert app.selectbox(key="evolution_right").value == info.name
    assert frames[-1]["details"] == [
        "224 px, 1 × width, 1000 classes",
        "file mine.pth: 224 px, 0.25 × width, 19 classes",
    ]
    app.selectbox(key="evolution_right").select("vgg16").run()
    assert app.query_params == {}  # the bundled one again


# --- morph ---------------------------------------------------------------------------------------


def test_the_steps_lead_from_alexnet_to_vgg19(app, frames):
    opened(app, left="alexnet:imagenet", right="zfnet_a:random")
    assert app.segmented_control(key="evolution_step").value == 0
    assert app.button(key="evolution_previous").disabled
    seen = [frames[-1]["titles"]]
    while not app.button(key="evolution_next").disabled:
        app.button(key="evolution_next").click().run()
        assert not app.exception
        seen.append(frames[-1]["titles"])
    assert [before for before, _ in seen[1:]] == [after for _, after in seen[:-1]]
    assert seen[0][0] == "AlexNet"
    assert seen[-1][1] == "VGG-19 (E)"
    assert len(seen) == len(STEPS) == 8
    app.button(key="evolution_previous").click().run()
    assert frames[-1]["titles"] == seen[-2]


def test_a_step_says_what_changed_and_where_the_figures_come_from(app):
    opened(app)
    assert "A pair of your own" in texts(app)
    app.segmented_control(key="evolution_step").set_value(3).run()
    words = next(e for e in app.markdown if "Local response normalisation" in e.value)
    assert "10.4\N{NO-BREAK SPACE}% → 10.5\N{NO-BREAK SPACE}%" in words.value
    assert "table 3" in words.proto.help
    assert app.query_params["left"] == "vgg11:random"


def test_next_goes_on_from_the_left_network(app, frames):
    opened(app, left="vgg13:random", right="alexnet:imagenet")
    app.button(key="evolution_next").click().run()
    assert frames[-1]["titles"] == ["VGG-13 (B)", "VGG-16 (C)"]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.short)
def test_the_words_of_a_step_are_true_of_the_tables(step):
    ledger = diff(describe_network(step.before), describe_network(step.after))
    changes = {change.name: change for change in ledger.changes}
    assert ledger.count("added") + ledger.count("removed") + ledger.count("changed")
    match step.short:
        case "ZFNet (a)":
            assert "kernel 11 -> 7, stride 4 -> 2" in changes["conv1"].words
        case "ZFNet (b)":
            widths = [row.out_channels for row in ledger.after.convs[2:]]
            assert widths == [512, 1024, 512]
        case "A":
            assert {(row.kernel, row.stride) for row in ledger.after.convs} == {(3, 1)}
            assert (ledger.total_before.depth, ledger.total_after.depth) == (8, 11)
        case "A-LRN":
            assert [c.kind for c in ledger.changes if c.status != "same"] == ["lrn"]
            assert ledger.sum.activation_bytes > 0
        case "C" | "E":
            added = [c.after for c in ledger.changes if c.status == "added" and c.kind == "conv"]
            assert {row.kernel for row in added} == {1 if step.short == "C" else 3}
            assert [row.name[4] for row in added] == ["3", "4", "5"]
        case "D":
            assert (ledger.sum.depth, ledger.sum.receptive_field) == (0, 56)
    for percent in re.findall(r"\d+\.\d %", step.words):
        assert percent in FIGURES


# facts.md 1.3, 2.3 and 2.4
FIGURES = {
    f"{number} %"
    for number in ("18.2", "16.5", "16.0", "33.1", "18.8", "10.4", "10.5", "9.9", "9.4", "8.8",
                   "9.0", "8.1", "8.0")
}  # fmt: skip


def test_a_service_without_these_networks_has_no_steps(app, fake):
    fake.models = {name: m for name, m in fake.models.items() if m.network in ("vgg16", "vgg11")}
    opened(app)
    assert not app.exception
    assert not [b for b in app.button if b.key == "evolution_next"]


# --- clicks --------------------------------------------------------------------------------------


def test_a_click_moves_the_selection_of_every_page(app, fake, monkeypatch):
    opened(app)
    picked = type("State", (), {"picked": {"side": "right", "layer": "conv3_2"}})()
    changed = []
    monkeypatch.setattr(evolution_panels.session, "change", changed.append)
    monkeypatch.setattr(evolution_panels.st, "session_state", {"columns": picked})
    evolution_panels._on_pick()
    offered = fake.describe()
    after = changed[0](default_selection(offered), offered)
    assert (after.right.layer, after.left.layer) == ("conv3_2", "conv3")  # paired by depth
    picked.picked = {"side": "above", "layer": "conv3_2"}
    evolution_panels._on_pick()
    assert len(changed) == 1


def test_settings_have_defaults_that_need_no_address():
    assert EvolutionSettings() == EvolutionSettings(224, 1.0, 1000, False, "parameters", "depth")
    assert set(evolution_panels.SHORT) == set(figures.COSTS)
    info = fake_model("vgg16", "bundled")
    drawn = evolution_controls.described(info, EvolutionSettings())
    assert drawn.parameters == 138_357_544
