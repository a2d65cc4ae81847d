"""The picture of two networks and the waterfall hold what the ledger holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgg_viz import figures
from vgg_viz.architecture import describe_network, diff
from vgg_viz.figures import COSTS, LIGHT, amount, signed
from vgg_viz.figures.ledger_charts import MOST
from vgg_viz.figures.network_columns import NOT_DRAWN
from vgg_viz.models.configs import NETWORKS


def ledger_of(before="zfnet_b", after="vgg16", **sizes):
    return diff(describe_network(before, **sizes), describe_network(after, **sizes))


def frame(ledger, **details):
    return figures.unpack(figures.network_columns_frame(ledger, **details))[0]


def row_of(header, layer):
    return next(
        row
        for row in header["rows"]
        if any(block and block["name"] == layer for block in row["blocks"])
    )


# --- columns -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_with_a_shape_of_its_own_has_a_block(name):
    a = describe_network(name)
    header = frame(diff(a, a))
    names = [row["blocks"][0]["name"] for row in header["rows"]]
    assert names == [
        row.name for row in a.rows if row.kind not in NOT_DRAWN and row.kind != "avg_pool"
    ]
    for row in header["rows"]:
        assert (row["status"], row["sign"], row["change"]) == ("same", "", "")
        described = a.row(row["blocks"][1]["name"])
        assert row["blocks"][1]["side"] == described.out_side
        assert row["blocks"][1]["channels"] == described.out_channels


def test_aligned_blocks_share_a_row_and_changes_have_signs():
    header = frame(ledger_of(), quantity="macs", selected=("conv5", "conv5_3"))
    first = row_of(header, "conv1")
    assert [block["label"] for block in first["blocks"]] == ["conv7-96 /2", "conv3-64"]
    assert (first["status"], first["sign"], first["change"]) == ("changed", "~", "−84.05 M")
    assert first["words"].startswith("kernel 7 → 3, stride 2 → 1")
    removed, added = row_of(header, "norm1"), row_of(header, "conv1_2")
    assert (removed["sign"], removed["blocks"][1]) == ("−", None)
    assert (added["sign"], added["blocks"][0], added["change"]) == ("+", None, "+1.85 G")
    assert row_of(header, "fc7")["status"] == "same"
    assert header["selected"] == ["conv5", "conv5_3"]
    assert header["quantity"] == "MACs"
    assert [kind for kind, _ in header["kinds"]] == ["conv", "max_pool", "lrn", "linear"]
    assert "ZFNet (b) (5 convolutions, 224 px) beside VGG-16 (D) (13" in header["summary"]
    assert "18 added, 2 removed, 16 changed" in header["summary"]


def test_a_block_holds_all_its_numbers():
    facts = dict(row_of(frame(ledger_of()), "conv4_2")["blocks"][1]["facts"])
    assert facts == {
        "Output": "512 × 28 × 28",
        "Kernel": "3 × 3",
        "Stride": "1",
        "Padding": "1",
        "Parameters": "2,359,808",
        "MACs": "1,849,688,064",
        "Activations": "401,408 · 1.606 MB",
        "Receptive field": "76 px",
        "Jump": "8 px",
    }
    fc6 = dict(row_of(frame(ledger_of()), "fc6")["blocks"][1]["facts"])
    assert (fc6["Output"], fc6["Kernel"], fc6["Receptive field"]) == ("4,096", "–", "404 px")


def test_labels_are_those_of_the_papers_tables():
    labels = {
        figures.layer_label(row)
        for name in ("alexnet", "vgg16_c", "vgg11_bn")
        for row in describe_network(name).rows
        if row.kind not in NOT_DRAWN
    }
    assert {"conv11-64 /4", "maxpool3 /2", "conv3-512", "conv1-256", "maxpool"} <= labels
    assert {"FC-4096", "FC-1000", "BN", "avgpool"} <= labels


def test_an_adaptive_pool_is_drawn_where_it_pools():
    from vgg_viz.architecture import describe
    from vgg_viz.models.configs import build

    larger = describe(build("vgg16"), 448)
    header = frame(diff(describe_network("vgg16"), larger))
    assert row_of(header, "avgpool")["status"] == "changed"
    assert ["avg_pool", "average pooling"] in header["kinds"]


# --- waterfall -----------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", COSTS)
@pytest.mark.parametrize("pair", [("zfnet_b", "vgg16"), ("vgg19_bn", "alexnet"), ("vgg11",) * 2])
def test_bars_add_up_to_the_difference(pair, quantity):
    ledger = ledger_of(*pair)
    bars = figures.waterfall_bars(ledger, quantity)
    assert sum(bar.amount for bar in bars) == getattr(ledger.sum, quantity)
    assert len(bars) <= MOST + 1
    assert all(bar.amount for bar in bars[:-1])


def test_the_largest_changes_stand_in_the_order_of_computation():
    ledger = ledger_of()
    bars = figures.waterfall_bars(ledger, "activation_bytes")
    assert [bar.label for bar in bars[:3]] == ["conv1 → conv1_1", "relu1 → relu1_1", "norm1"]
    changes = [c.costs.activation_bytes for c in ledger.changes if c.costs.activation_bytes]
    assert bars[-1].label == f"{len(changes) - MOST} others"
    least = min(abs(bar.amount) for bar in bars[:-1])
    assert sum(abs(change) > least for change in changes) < MOST


def test_the_waterfall_draws_the_numbers_and_their_sum():
    ledger = ledger_of("vgg11", "vgg13")
    figure = figures.waterfall_figure(ledger, "macs", LIGHT)
    (trace,) = figure.data
    assert list(trace.x) == [1_849_688_064, 1_849_688_064, 3_699_376_128]
    assert list(trace.measure) == ["relative", "relative", "total"]
    assert figure.layout.title.text == "MACs: difference to VGG-11 (A)"
    assert figure.layout.yaxis.ticktext == (
        "conv1_2  <b>+1.85 G</b>",
        "conv2_2  <b>+1.85 G</b>",
        "Sum  <b>+3.699 G</b>",
    )
    assert trace.hovertext[0] == "conv1_2: +1,849,688,064"
    low, high = figure.layout.xaxis.range
    assert low < 0
    assert high > 3_699_376_128


def test_units_stand_in_the_title_and_behind_the_numbers():
    ledger = ledger_of()
    assert "(px)" in figures.waterfall_figure(ledger, "receptive_field", LIGHT).layout.title.text
    figure = figures.waterfall_figure(ledger, "activation_bytes", LIGHT)
    assert "(bytes)" in figure.layout.title.text
    assert "MB" in figure.layout.yaxis.ticktext[0]
    assert figure.data[0].hovertext[0].endswith(" B")


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0, "", "0"),
        (999, "", "999"),
        (1000, "", "1 k"),
        (999_960, "", "1 M"),
        (15_470_264_320, "", "15.47 G"),
        (12_845_056, "B", "12.85 MB"),
        (404, "px", "404 px"),
        (1260, "px", "1,260 px"),
    ],
)
def test_amounts_in_four_digits(number, unit, text):
    assert amount(number, unit) == text
    assert signed(-number, unit) == ("−" if number else "±") + text


@given(st.integers(1, 10**15))
def test_an_amount_is_right_to_four_digits(number):
    value, _, prefix = amount(number).partition(" ")
    factor = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}[prefix]
    assert float(value) * factor == pytest.approx(number, rel=5.1e-4)
    assert len(value.replace(".", "")) <= 4
