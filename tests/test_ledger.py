"""The ledger adds up for every pair, aligns as a person would, and says what changed."""

from functools import cache
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vgg_viz.architecture import (
    Costs,
    describe,
    describe_network,
    diff,
    least_input_size,
)
from vgg_viz.architecture.ledger import _LEFT_OVER, _aligned, _unlike, row_costs, totals
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import NETWORKS, build

ENDED = Costs()
SIZES = st.integers(63, 300)  # AlexNet, the hungriest, needs 63 px
WIDTHS = st.sampled_from([0.05, 0.25, 0.37, 1.0, 1.7])


@cache
def network(name):
    return describe_network(name)


def names(ledger, status):
    return [change.name for change in ledger.changes if change.status == status]


def change(ledger, name):
    return next(change for change in ledger.changes if change.name == name)


def check(ledger):
    """What every ledger has to fulfil."""
    before = tuple(change.before for change in ledger.changes if change.before)
    after = tuple(change.after for change in ledger.changes if change.after)
    assert (before, after) == (ledger.before.rows, ledger.after.rows)  # each once, in order
    assert ledger.sum == ledger.total_after - ledger.total_before
    for each in ledger.changes:
        if each.before and each.after:
            assert each.before.kind == each.after.kind == each.kind
            assert each.status == ("changed" if each.words else "same")
        else:
            assert each.status == ("added" if each.after else "removed")
        if each.status == "same":
            assert each.costs == ENDED


# --- sums ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", NETWORKS)
@pytest.mark.parametrize("before", NETWORKS)
def test_the_changes_add_up_for_every_pair(before, after):
    a, b = network(before), network(after)
    ledger = diff(a, b)
    check(ledger)
    assert ledger.sum.parameters == b.parameters - a.parameters
    assert ledger.sum.macs == b.macs - a.macs
    assert ledger.sum.activation_bytes == b.activation_bytes() - a.activation_bytes()
    assert ledger.sum.depth == (len(b.convs) + 3) - (len(a.convs) + 3)
    fields = [x.row("fc8").receptive_field.size for x in (a, b)]
    assert ledger.sum.receptive_field == fields[1] - fields[0]


@given(
    st.sampled_from([*NETWORKS]), st.sampled_from([*NETWORKS]), SIZES, SIZES, WIDTHS, WIDTHS,
    st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_the_changes_add_up_at_any_size(before, after, size, other, width, wider, keep_fc):
    a = describe(build(before, width=width, classes=7, input_size=size))
    built = build(after, width=wider, input_size=224 if keep_fc else other)
    check(diff(a, describe(built, other)))


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_add_up_to_the_network(name):
    a = network(name)
    assert sum(row_costs(a), Costs(receptive_field=1)) == totals(a)


@pytest.mark.parametrize("name", ["alexnet", "zfnet_b", "vgg16_c", "vgg19_bn"])
def test_a_rows_part_of_the_field_is_k_minus_1_times_the_jump(name):
    """r = 1 + sum of (k - 1) j, fc6 a convolution over the whole last map."""
    a, jump = network(name), 1
    for row, cost in zip(a.rows, row_costs(a), strict=True):
        kernel = {"fc6": a.row("avgpool").out_side}.get(row.name, row.kernel)
        grown = (kernel - 1) * jump
        assert cost.receptive_field == grown, row.name
        jump *= row.stride


# --- worked by hand ------------------------------------------------------------------------------


def test_from_zfnet_to_a_by_hand():
    ledger = diff(network("zfnet_b"), network("vgg11"))
    first = change(ledger, "conv1 -> conv1_1")
    assert first.words.startswith("kernel 7 -> 3, stride 2 -> 1, 96 -> 64 channels")
    assert first.costs == Costs(
        parameters=(3 * 3 * 3 + 1) * 64 - (7 * 7 * 3 + 1) * 96,
        macs=27 * 64 * 224**2 - 147 * 96 * 110**2,
        activation_bytes=4 * (64 * 224**2 - 96 * 110**2),
        depth=0,
        receptive_field=(3 - 1) - (7 - 1),
    )
    fc6 = change(ledger, "fc6")
    assert fc6.words == "input 18,432 -> 25,088 features"
    assert fc6.costs == Costs(27_262_976, 27_262_976, 0, 0, (7 - 1) * 32 - (6 - 1) * 32)
    assert names(ledger, "removed") == ["norm1", "norm2"]
    assert names(ledger, "added") == [
        *("conv3_2", "relu3_2", "pool3", "conv4_2", "relu4_2", "pool4", "conv5_2", "relu5_2"),
    ]
    assert ledger.sum == Costs(132_863_336 - 107_627_624, 5_132_385_152, 45_363_328, 3, 342 - 331)


# --- alignment -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_differs_in_nothing_from_itself(name):
    ledger = diff(network(name), network(name))
    assert {change.status for change in ledger.changes} == {"same"}
    assert ledger.sum == ENDED


@pytest.mark.parametrize(
    ("before", "after", "added", "removed", "changed"),
    [
        ("vgg11", "vgg13", "conv1_2 relu1_2 conv2_2 relu2_2", "", ""),
        ("vgg11", "vgg11_lrn", "norm1", "", ""),
        ("vgg11_lrn", "vgg13", "conv1_2 relu1_2 conv2_2 relu2_2", "norm1", ""),
        ("vgg13", "vgg16_c", "conv3_3 relu3_3 conv4_3 relu4_3 conv5_3 relu5_3", "", ""),
        ("vgg16_c", "vgg16", "", "", "conv3_3 conv4_3 conv5_3"),
        ("vgg16", "vgg19", "conv3_4 relu3_4 conv4_4 relu4_4 conv5_4 relu5_4", "", ""),
        ("vgg19", "vgg16", "", "conv3_4 relu3_4 conv4_4 relu4_4 conv5_4 relu5_4", ""),
        (
            "zfnet_a",
            "zfnet_b",
            "",
            "",
            "conv3 relu3 conv4 relu4 conv5 relu5 pool5 avgpool flatten fc6",
        ),
    ],
)
def test_the_papers_steps(before, after, added, removed, changed):
    ledger = diff(network(before), network(after))
    assert names(ledger, "added") == added.split()
    assert names(ledger, "removed") == removed.split()
    assert names(ledger, "changed") == changed.split()


def test_batch_norm_adds_only_itself():
    ledger = diff(network("vgg19"), network("vgg19_bn"))
    added = [change for change in ledger.changes if change.status == "added"]
    assert {change.kind for change in added} == {"batch_norm"}
    assert len(added) == 16
    assert ledger.count("same") == len(network("vgg19").rows)


def test_five_by_five_against_a_pair_of_three_by_three():
    """Facts of section 1.9: 13.5 C^2 against 12.5 C^2 at the entry of a stage."""
    ledger = diff(network("vgg13_5x5"), network("vgg13"))
    parts = change(ledger, "conv4_1").costs + change(ledger, "conv4_2").costs
    assert parts.parameters == 512**2 * (13.5 - 12.5) + 512
    assert parts.receptive_field == 0
    assert change(ledger, "conv4_1").words == "kernel 5 -> 3, padding 2 -> 1"
    assert ledger.sum.receptive_field == 0


def cheapest(before, after):
    """Least cost of all alignments, by trying them all."""
    if not before or not after:
        return _LEFT_OVER * (len(before) + len(after))
    found = [
        _LEFT_OVER + cheapest(before[1:], after),
        _LEFT_OVER + cheapest(before, after[1:]),
    ]
    if before[0].kind == after[0].kind:
        found.append(_unlike(before[0], after[0]) + cheapest(before[1:], after[1:]))
    return min(found)


ROWS = [row for name in ("alexnet", "zfnet_b", "vgg16_c", "vgg13_bn") for row in network(name).rows]
TABLES = st.lists(st.sampled_from(ROWS), max_size=5)


@given(TABLES, TABLES)
@settings(deadline=None)
def test_no_other_alignment_is_cheaper(before, after):
    pairs = list(_aligned(before, after))
    assert [a for a, _ in pairs if a] == before
    assert [b for _, b in pairs if b] == after
    cost = sum(_unlike(a, b) if a and b else _LEFT_OVER for a, b in pairs)
    assert cost == cheapest(before, after)


@given(st.sampled_from(ROWS), st.sampled_from(ROWS))
def test_two_of_one_kind_are_rather_paired_than_left_over(a, b):
    assert (_unlike(a, b) == 0) <= (a.out_channels == b.out_channels and a.kernel == b.kernel)
    assert _unlike(a, b) == _unlike(b, a) < 2 * _LEFT_OVER


# --- words ---------------------------------------------------------------------------------------


def test_words_name_what_a_layer_is():
    ledger = diff(network("zfnet_b"), network("vgg16"))
    assert change(ledger, "conv3_2").words == "3x3, 256 -> 256 channels, 56 px"
    assert change(ledger, "pool4").words == "2x2 stride 2, 512 channels, 14 px"
    assert change(ledger, "norm1").words == "96 channels, 110 px"
    assert change(ledger, "relu1 -> relu1_1").words == "96 -> 64 channels, map 110 -> 224 px"
    wider = diff(describe_network("vgg11", classes=10), network("vgg11"))
    assert change(wider, "fc8").words == "10 -> 1,000 features"


def test_a_field_that_grows_by_the_maps_alone_is_explained():
    """With fc6 kept, a larger input changes how much of it fc6 sees, and nothing else of fc6."""
    config = build("vgg16")
    fc6 = change(diff(describe(config), describe(config, 384)), "fc6")
    # 7 x 7 of 32 px; at 384 px all 12 x 12, of which the adaptive pool's window has seen 3 x 3.
    assert fc6.costs == Costs(receptive_field=(12 - 3) * 32 - (7 - 1) * 32)
    assert (fc6.status, fc6.words) == ("changed", "field grows by 192 -> 288 px")


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_the_least_input_is_the_least_that_works(name):
    least = least_input_size(name)
    assert describe_network(name, input_size=least).rows[-1].out_channels == 1000
    with pytest.raises(InputError, match=rf"nothing is left at \w+\. Give at least {least} px"):
        describe_network(name, input_size=least - 1)
    with pytest.raises(UnknownNameError):
        least_input_size("vgg61")


def test_pairs_of_the_lecture_never_cross():
    """Lines between aligned blocks do not cross: the order of both networks is kept."""
    for before, after in product(("alexnet", "zfnet_b"), ("vgg11", "vgg19_bn")):
        pairs = [
            (network(before).rows.index(c.before), network(after).rows.index(c.after))
            for c in diff(network(before), network(after)).changes
            if c.before and c.after
        ]
        assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
