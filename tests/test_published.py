"""Published errors against the papers' tables, typed a second time here; and what holds for all."""

import re
from collections import Counter

import pytest

from vgg_viz.architecture import describe_network
from vgg_viz.errors import UnknownNameError
from vgg_viz.published import (
    ABLATIONS,
    CHALLENGE,
    COMPARISONS,
    CONFIGURATIONS,
    EVERY_ERROR,
    HUMAN,
    METRICS,
    NETWORKS,
    RESNET,
    TORCHVISION,
    VGG_LOCALISATION,
    VGG_TABLE_3,
    VGG_TABLE_4,
    VGG_TABLE_5,
    VGG_TABLE_6,
    VGG_TABLE_7,
    ZFNET_TABLE_2,
    Protocol,
    cost,
    find,
)

# Table 3 column by column: top-1 and top-5 error of A, A-LRN, B, C, D, E at each training scale.
TABLE_3 = {
    ("256", "256", "top-1"): (29.6, 29.7, 28.7, 28.1, 27.0, 27.3),
    ("256", "256", "top-5"): (10.4, 10.5, 9.9, 9.4, 8.8, 9.0),
    ("384", "384", "top-1"): (None, None, None, 28.1, 26.8, 26.9),
    ("384", "384", "top-5"): (None, None, None, 9.3, 8.7, 8.7),
    ("256 to 512", "384", "top-1"): (None, None, None, 27.3, 25.6, 25.5),
    ("256 to 512", "384", "top-5"): (None, None, None, 8.8, 8.1, 8.0),
}
TABLE_4 = {
    ("256", "224, 256, 288", "top-1"): (28.2, 27.7, 26.6, 26.9),
    ("256", "224, 256, 288", "top-5"): (9.6, 9.2, 8.6, 8.7),
    ("384", "352, 384, 416", "top-1"): (None, 27.8, 26.5, 26.7),
    ("384", "352, 384, 416", "top-5"): (None, 9.2, 8.6, 8.6),
    ("256 to 512", "256, 384, 512", "top-1"): (None, 26.3, 24.8, 24.8),
    ("256 to 512", "256, 384, 512", "top-5"): (None, 8.2, 7.5, 7.5),
}


def values(table, metric, split):
    """Every number of a table in its order."""
    return [e.value for e in table if (e.metric, e.split) == (metric, split)]


@pytest.mark.parametrize(
    ("table", "typed", "networks"),
    [(VGG_TABLE_3, TABLE_3, CONFIGURATIONS), (VGG_TABLE_4, TABLE_4, CONFIGURATIONS[2:])],
    ids=["table 3", "table 4"],
)
def test_every_cell_over_depth(table, typed, networks):
    for (trained, tested, metric), column in typed.items():
        how = Protocol("dense", train_side=trained, test_side=tested)
        found = [find(table, network, metric, protocol=how) for network in networks]
        assert tuple(error and error.value for error in found) == column
    cells = sum(value is not None for column in typed.values() for value in column)
    assert len([error for error in table if error.split == "val"]) == cells


def test_vggs_tables_of_views_and_of_fusion():
    assert values(VGG_TABLE_5, "top-1", "val") == [24.8, 24.6, 24.4] * 2
    assert values(VGG_TABLE_5, "top-5", "val") == [7.5, 7.5, 7.2, 7.5, 7.4, 7.1]
    assert values(VGG_TABLE_6, "top-1", "val") == [24.7, 24.0, 23.9, 23.7]
    assert values(VGG_TABLE_6, "top-5", "val") == [7.5, 7.1, 7.2, 6.8]
    assert values(VGG_TABLE_6, "top-5", "test") == [7.3, 7.0, 6.8]
    assert [e.value for e in VGG_TABLE_4 if e.split == "test"] == [7.3]


def test_the_state_of_the_art_as_vggs_paper_saw_it():
    tests = {(e.network, e.protocol.networks): e.value for e in VGG_TABLE_7 if e.split == "test"}
    assert tests == {
        ("vgg_d_e", 2): 6.8,
        ("vgg19", 1): 7.0,
        ("vgg_entry", 7): 7.3,
        ("googlenet", 7): 6.7,
        ("msra_spp", 11): 8.1,
        ("msra_spp", 1): 9.1,
        ("clarifai", None): 11.7,
        ("clarifai", 1): 12.5,
        ("zfnet_a_b", 6): 14.8,
        ("zfnet_b", 1): 16.1,
        ("overfeat", 7): 13.6,
        ("alexnet_2012", 5): 16.4,
    }
    assert values(VGG_TABLE_7, "top-1", "val") == [
        *(23.7, 24.4, 24.7, 27.9, 36.0, 37.5, 34.0, 35.7, 38.1, 40.7)
    ]
    assert find(VGG_TABLE_7, "googlenet", "top-5", protocol=Protocol("144 crops")).value == 7.9


def test_zfnets_own_tables():
    assert values(ZFNET_TABLE_2, "top-1", "val") == [
        *(40.7, 38.1, 39.0, 36.7, 40.5, 38.4, 36.7, 37.5, 36.0)
    ]
    assert values(ZFNET_TABLE_2, "top-5", "val") == [
        *(18.2, 16.4, 16.6, 15.4, 18.1, 16.5, 15.3, 16.0, 14.7)
    ]
    assert values(ZFNET_TABLE_2, "top-5", "test") == [26.2, 16.4, 15.3, 15.3, 16.1, 14.8]
    assert values(ABLATIONS, "top-1", "train") == [
        *(35.1, 41.8, 27.4, 27.4, 71.1, 40.3, 26.8, 33.1, 38.2, 22.0, 18.8, 10.0)
    ]
    assert values(ABLATIONS, "top-1", "val") == [
        *(40.5, 45.4, 40.0, 44.8, 71.3, 41.7, 40.0, 38.4, 40.2, 38.8, 37.5, 38.3)
    ]
    assert values(ABLATIONS, "top-5", "val") == [
        *(18.1, 22.1, 18.4, 22.4, 50.1, 18.8, 18.1, 16.5, 17.6, 17.0, 16.0, 16.9)
    ]


def test_numbers_that_two_papers_print_agree():
    """VGG's table 7 quotes Zeiler & Fergus, who quote Krizhevsky."""
    own = {
        (e.network, e.metric, e.split, e.protocol.networks): e.value
        for e in ZFNET_TABLE_2
        if not e.protocol.outside_data
    }
    quoted = {(e.network, e.metric, e.split, e.protocol.networks): e.value for e in VGG_TABLE_7}
    shared = own.keys() & quoted.keys()
    assert len(shared) == 5 + 3 + 3  # AlexNet, ZFNet (b), (a) and (b)
    assert all(own[key] == quoted[key] for key in shared)


@pytest.mark.parametrize(
    ("network", "top1", "top5"),
    [
        ("alexnet", 56.522, 79.066),
        ("vgg11", 69.020, 88.628),
        ("vgg13_bn", 71.586, 90.374),
        ("vgg16", 71.592, 90.382),
        ("vgg19_bn", 74.218, 91.842),
        ("googlenet", 69.778, 89.530),
        ("resnet50", 76.130, 92.862),
    ],
)
def test_torchvisions_errors_are_what_its_accuracies_leave(network, top1, top5):
    assert find(TORCHVISION, network, "top-1").value == pytest.approx(100 - top1, abs=1e-9)
    assert find(TORCHVISION, network, "top-5").value == pytest.approx(100 - top5, abs=1e-9)


def test_torchvisions_errors_are_those_of_the_installed_program():
    models = pytest.importorskip("torchvision.models")
    for network in {error.network for error in TORCHVISION}:
        weights = models.get_model_weights(network).IMAGENET1K_V1
        accuracies = weights.meta["_metrics"]["ImageNet-1K"]
        for metric, name in (("top-1", "acc@1"), ("top-5", "acc@5")):
            assert find(TORCHVISION, network, metric).value == pytest.approx(100 - accuracies[name])


def test_winners_year_by_year():
    won = {e.error.year: e.error.value for e in CHALLENGE if e.standing == "winner"}
    assert won == {
        2010: 28.2,
        2011: 25.8,
        2012: 16.4,
        2013: 11.7,
        2014: 6.7,
        2015: 3.57,
        2016: 2.991,
        2017: 2.251,
    }
    outside = [(e.label, e.error.value) for e in CHALLENGE if "outside" in e.standing]
    assert outside == [("AlexNet", 15.3), ("Clarifai", 11.2)]
    assert all(e.error.protocol.outside_data for e in CHALLENGE if "outside" in e.standing)
    assert [e.error.value for e in CHALLENGE if e.standing == "second place"] == [7.3]
    assert [e.error.year for e in CHALLENGE] == sorted(e.error.year for e in CHALLENGE)
    assert {e.error.split for e in CHALLENGE} == {"test"}
    assert (HUMAN.value, VGG_LOCALISATION.value) == (5.1, 25.3)


def test_zfnets_paper_did_not_win_2013():
    of_2013 = {e.label: (e.standing, e.error.value) for e in CHALLENGE if e.error.year == 2013}
    assert of_2013["ZFNet's paper"] == ("paper", 14.8)
    assert of_2013["Clarifai"][1] == 11.2  # the later of its two rows
    assert not any("ZFNet" in e.label for e in CHALLENGE if "winner" in e.standing)


def test_the_team_of_2016_is_not_named():
    (entry,) = (e for e in CHALLENGE if e.error.year == 2016)
    assert not entry.label
    said = " ".join(str(value) for value in entry.error.row.values())
    assert "Soushen" not in said
    assert "not named here" in said


def test_resnet():
    assert [(e.network, e.metric, e.value) for e in RESNET] == [("resnet152", "top-5", 4.49)]


# --- what holds for every number -----------------------------------------------------------------


def test_every_number_has_a_protocol_a_source_a_year_and_a_team():
    assert len(EVERY_ERROR) == 193
    for error in EVERY_ERROR:
        row = error.row
        assert 0 < row["error"] < 100
        assert row["unit"] == "%"
        assert row["protocol"]
        assert re.search(r"(19|20)\d\d|torchvision", row["published_in"])
        assert row["team"]
        assert 2010 <= row["year"] <= 2017
        assert row["network"]


def test_no_number_stands_twice_with_the_same_source():
    keys = Counter(
        (e.network, e.variant, e.metric, e.split, e.protocol, e.source) for e in EVERY_ERROR
    )
    assert [key for key, count in keys.items() if count > 1] == []


def test_top_5_is_never_worse_than_top_1():
    top5 = {
        (e.network, e.variant, e.split, e.protocol, e.source): e.value
        for e in EVERY_ERROR
        if e.metric == "top-5"
    }
    pairs = [
        (e.value, top5[key])
        for e in EVERY_ERROR
        if e.metric == "top-1"
        and (key := (e.network, e.variant, e.split, e.protocol, e.source)) in top5
    ]
    assert len(pairs) > 60
    assert all(five < one for one, five in pairs)


def test_words_say_how_it_was_measured():
    assert Protocol("dense", train_side="256", test_side="384").words == (
        "one network; dense, Q = 384 px; trained at S = 256 px"
    )
    assert Protocol("10 crops", 7, outside_data="ImageNet 2011").words == (
        "7 networks averaged; 10 crops; trained with outside data: ImageNet 2011"
    )
    assert Protocol(networks=None).words == "several networks averaged; views per photo not stated"
    assert Protocol("no ConvNet", 0).words == "no ConvNet"


def test_a_value_is_written_as_in_its_paper():
    written = {e.label: e.error.written for e in CHALLENGE}
    assert written["SENet"] == "2.251"
    assert written["ResNet"] == "3.57"
    assert find(VGG_TABLE_3, "vgg19", "top-5").written == "9.0"


# --- costs ---------------------------------------------------------------------------------------


def test_networks_with_a_table_cost_what_the_table_says():
    for name, entry in NETWORKS.items():
        if entry.registry:
            counted = describe_network(entry.registry)
            assert cost(name).parameters == counted.parameters
            assert cost(name).macs == counted.macs
    assert cost("vgg16").parameters == 138_357_544
    assert cost("zfnet_b").parameters == 107_627_624


def test_alexnet_with_two_groups_counted_by_hand():
    """conv2, conv4 and conv5 see half of the channels; the input is 227 px."""
    convs = [  # (kernel, input channels seen, output channels, side of the output)
        *((11, 3, 96, 55), (5, 48, 256, 27), (3, 256, 384, 13)),
        *((3, 192, 384, 13), (3, 192, 256, 13)),
    ]
    linear = [(6 * 6 * 256, 4096), (4096, 4096), (4096, 1000)]
    parameters = sum(k * k * i * o + o for k, i, o, _ in convs) + sum(i * o + o for i, o in linear)
    macs = sum(k * k * i * o * s * s for k, i, o, s in convs) + sum(i * o for i, o in linear)
    assert (cost("alexnet_2012").parameters, cost("alexnet_2012").macs) == (parameters, macs)


def test_costs_of_networks_without_a_table_name_their_source():
    assert cost("googlenet").parameters == 6_624_904
    assert (cost("resnet50").parameters, cost("resnet152").parameters) == (25_557_032, 60_192_808)
    assert cost("resnet152").macs == 11_510_000_000
    assert "torchvision" in cost("googlenet").source
    assert cost("clarifai") is None
    with pytest.raises(UnknownNameError, match="vgg17"):
        cost("vgg17")


# --- one protocol at a time ----------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", [name for name in COMPARISONS if name != "best"])
def test_a_comparison_holds_one_protocol_one_metric_and_the_validation_photos(name, metric):
    points = COMPARISONS[name].points(metric)
    assert len(points) >= 3
    assert len({point.error.protocol for point in points}) == 1
    assert {(point.error.metric, point.error.split) for point in points} == {(metric, "val")}
    assert [p.cost.macs for p in points] == sorted(p.cost.macs for p in points)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", list(COMPARISONS))
def test_a_network_is_drawn_or_listed_as_missing_never_both(name, metric):
    drawn = {point.error.title for point in COMPARISONS[name].points(metric)}
    missing = {network.title for network in COMPARISONS[name].missing(metric)}
    assert drawn
    assert missing
    assert not drawn & missing
    assert len(drawn | missing) == 20


def test_the_best_single_networks():
    best = {p.error.network: p.error for p in COMPARISONS["best"].points("top-5")}
    assert {name: error.value for name, error in best.items()} == {
        "alexnet_2012": 18.2,
        "zfnet_a": 16.5,
        "zfnet_b": 16.0,
        "vgg11": 10.4,
        "vgg11_lrn": 10.5,
        "vgg13": 9.6,
        "vgg16_c": 8.2,
        "vgg16": 7.2,
        "vgg19": 7.1,
        "googlenet": 7.9,
        "resnet152": 4.49,
    }
    assert {e.protocol.networks for e in best.values()} == {1}
    assert not any(error.protocol.outside_data for error in best.values())
    reasons = {m.title: m.reason for m in COMPARISONS["best"].missing("top-5")}
    assert reasons["OverFeat"] == "parameters and MACs not known"
    assert reasons["ResNet-50"] == "no number with this protocol"
    top1 = {p.error.network: p.error.value for p in COMPARISONS["best"].points("top-1")}
    assert (top1["vgg16"], top1["alexnet_2012"]) == (24.4, 40.7)
    assert "googlenet" not in top1
