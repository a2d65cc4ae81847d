"""Fields of single units against brute force: which px of the input change which unit."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests import reference_fields
from vgg_viz.architecture import (
    UnitFields,
    describe,
    layer_infos,
    pair_by_depth,
    pair_by_receptive_field,
    unit_fields,
)
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import NETWORKS, Layer, NetworkConfig, build
from vgg_viz.models.networks import ConvNet, build_network

SPATIAL = ("conv", "batch_norm", "relu", "lrn", "max_pool", "avg_pool")


def least_size(network):
    """The smallest input that leaves a last map."""
    for size in range(1, 200):
        try:
            build(network, input_size=size)
        except InputError:
            continue
        return size
    raise AssertionError(network)


def thin(network, size):
    """One channel everywhere, all weights equal and positive."""
    count = len(NETWORKS[network].channels)
    config = build(network, channels=(1,) * count, hidden=(1, 1), classes=1, input_size=size)
    return config, reference_fields.with_ones(build_network(config, seed=0))


def rectangle(fields: UnitFields, row: int, column: int) -> np.ndarray:
    """(H, W): the px that unit (row, column) is said to see."""
    said = np.zeros((fields.input_size,) * 2, bool)
    (top, bottom), (left, right) = fields.seen[row], fields.seen[column]
    said[top:bottom, left:right] = True
    return said


@pytest.mark.parametrize("more", [0, 3])
@pytest.mark.parametrize("network", NETWORKS)
def test_every_unit_of_every_layer_changes_with_exactly_the_px_it_is_said_to_see(network, more):
    """All px one by one through the real modules, border units, ceil mode and vectors included."""
    size = least_size(network) + more
    config, net = thin(network, size)
    architecture = describe(config)
    parts = [
        reference_fields.changed_units(net, images)
        for images in reference_fields.single_px(size).split(512)
    ]
    for row in architecture.rows:
        fields = unit_fields(architecture, row.name)
        changed = torch.cat([part[row.name] for part in parts]).numpy()  # (px, h, w)
        assert changed.shape[1:] == (fields.side, fields.side), row.name
        said = np.stack(
            [rectangle(fields, *unit).ravel() for unit in np.ndindex(fields.side, fields.side)]
        )
        found = changed.reshape(len(changed), -1).T  # (units, px)
        assert np.array_equal(found, said), row.name


@pytest.mark.parametrize("size", [97, 129])
@pytest.mark.parametrize("network", ["alexnet", "zfnet_b", "vgg11_lrn", "vgg16_bn"])
def test_other_input_sizes_than_the_declared_one(network, size):
    """Through uneven windows of the adaptive pool too, row by row and column by column of px."""
    config, net = thin(network, 96)
    architecture = describe(config, size)
    changed = reference_fields.changed_units(net, reference_fields.lines(size))
    for row in architecture.rows:
        fields = unit_fields(architecture, row.name)
        seen = np.zeros((size, fields.side), bool)  # (px, units)
        for unit, (first, end) in enumerate(fields.seen):
            seen[first:end, unit] = True
        rows, columns = changed[row.name].split(size)
        assert np.array_equal(rows.all(dim=2), seen), row.name
        assert np.array_equal(columns.all(dim=1), seen), row.name
    pooled = unit_fields(architecture, "avgpool")
    assert unit_fields(architecture, "fc6").spans == ((pooled.spans[0][0], pooled.spans[-1][1]),)


def test_uneven_windows_of_the_adaptive_pool_by_hand():
    """VGG-16 made for 64 px has a grid of 2; at 97 px its last map has 3: windows 0-1 and 1-2."""
    architecture = describe(build("vgg16", input_size=64), 97)
    last = architecture.row("pool5").receptive_field
    assert (last.size, last.jump, last.padding) == (212, 32, 90)
    pooled = unit_fields(architecture, "avgpool")
    assert pooled.spans == ((-90, -90 + 212 + 32), (-90 + 32, -90 + 212 + 64))
    assert pooled.seen == ((0, 97), (0, 97))


@pytest.mark.parametrize("size", [128, 224])
@pytest.mark.parametrize("network", NETWORKS)
def test_at_usual_sizes_what_is_seen_is_the_field_clipped_to_the_input(network, size):
    """Here no stride leaves px out, so the closed form says it all."""
    architecture = describe(build(network, input_size=size))
    for row in architecture.rows:
        if row.kind not in SPATIAL:
            continue
        fields = unit_fields(architecture, row.name)
        assert fields.side == row.out_side
        for unit in range(fields.side):
            start, end = row.receptive_field.span(unit)
            assert fields.spans[unit] == (start, end)
            assert fields.seen[unit] == (max(start, 0), min(end, size)), (row.name, unit)
            assert fields.center(unit) == row.receptive_field.center(unit)


def test_a_stride_that_leaves_px_out_is_not_hidden_by_clipping():
    """3x3 stride 2 on 8 px reads px 0 to 6; padding the next layer does not bring px 7 back."""
    rows = (
        Layer("a", "conv", 1, kernel=3, stride=2),
        Layer("b", "conv", 1, kernel=3, padding=1),
    )
    fields = unit_fields(describe(NetworkConfig("x", (1, 1), (1, 1), 1, 8, rows)), "b")
    assert fields.spans == ((-2, 5), (0, 7), (2, 9))
    assert fields.seen == ((0, 5), (0, 7), (2, 7))


def test_numbers_of_conv5_3_by_hand():
    fields = unit_fields(describe(build("vgg16")), "conv5_3")
    assert (fields.side, fields.overhang) == (14, 90)
    assert fields.whole == 2  # units 6 and 7: 6 * 16 - 90 = 6, 7 * 16 + 106 = 218 <= 224
    assert fields.clipped_share(6, 7) == 0
    assert fields.picture_share(6, 7) == (196 / 224) ** 2
    assert fields.spans[0] == (-90, 106)
    assert fields.clipped_share(0, 0) == pytest.approx(1 - (106 / 196) ** 2)
    assert fields.picture_share(0, 13) == pytest.approx(106 * 106 / 224**2)
    assert fields.center(6) == 103.5
    assert [fields.nearest(px) for px in (-50, 7.5, 111.5, 111.6, 500)] == [0, 0, 6, 7, 13]


def test_fc6_is_one_unit_that_sees_more_than_the_input():
    fields = unit_fields(describe(build("vgg16")), "fc6")
    assert fields.spans == ((-90, 314),)  # 404 px
    assert fields.clipped_share(0, 0) == pytest.approx(1 - (224 / 404) ** 2)
    assert (fields.picture_share(0, 0), fields.whole) == (1, 0)


ARAUJO_ALEXNET = {  # Araujo, Norris & Sim's table: size, stride, padding; conv1 has no padding
    "conv1": (11, 4, 0),
    "pool1": (19, 8, 0),
    "conv2": (51, 8, 16),
    "conv3": (99, 16, 32),
    "conv4": (131, 16, 48),
    "conv5": (163, 16, 64),
    "pool5": (195, 32, 64),
}


def test_alexnet_equals_the_published_table_when_its_conv1_is_not_padded():
    config = build("alexnet")
    rows = tuple(
        replace(row, padding=0) if row.name == "conv1" else row
        for row in config.layers
        if row.kind in ("conv", "max_pool")
    )
    architecture = describe(replace(config, layers=rows))
    for name, expected in ARAUJO_ALEXNET.items():
        field = architecture.row(name).receptive_field
        assert (field.size, field.jump, field.padding) == expected


ZFNET_ONNX = (155, 315)  # px of pool5 and fc6 where pool5 is 2x2, as in the ONNX zoo's file


def test_zfnet_with_the_pool_of_the_onnx_file():
    config = build("zfnet_b")
    rows = tuple(
        replace(row, kernel=2, ceil_mode=False) if row.name == "pool5" else row
        for row in config.layers
    )
    architecture = describe(replace(config, layers=rows))
    fields = [architecture.row(name).receptive_field.size for name in ("pool5", "fc6")]
    assert tuple(fields) == ZFNET_ONNX


@pytest.mark.parametrize("network", NETWORKS)
def test_the_last_map_of_every_network_belongs_to_a_known_table(network):
    last = {"alexnet": 195, "zfnet_a": 171, "zfnet_b": 171, "vgg16_c": 156, "vgg13_5x5": 156}
    by_depth = {"vgg11": 150, "vgg13": 156, "vgg16": 212, "vgg19": 268}
    expected = last.get(network) or by_depth[network.split("_")[0]]
    assert describe(build(network)).row("pool5").receptive_field.size == expected
    assert describe(build(network)).row("fc6").receptive_field.size == expected + {
        "alexnet": 5 * 32,
        "zfnet_a": 5 * 32,
        "zfnet_b": 5 * 32,
    }.get(network, 6 * 32)


@st.composite
def tables(draw):
    """Up to four convolutions and pools, with gaps, dilation, ceil mode and generous padding."""
    rows = []
    for i in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "max_pool"]))
        kernel = draw(st.integers(1, 5))
        # torch refuses a pool that is padded by more than half its window.
        most = kernel // 2 if kind == "max_pool" else 4
        rows.append(
            Layer(
                f"layer{i}",
                kind,
                out=1,
                kernel=kernel,
                stride=draw(st.integers(1, 3)),
                padding=draw(st.integers(0, most)),
                dilation=draw(st.integers(1, 3)),
                ceil_mode=kind == "max_pool" and draw(st.booleans()),
            )
        )
    return tuple(rows)


@settings(max_examples=300, deadline=None)
@given(rows=tables(), side=st.integers(1, 70))
def test_random_tables_equal_brute_force_for_every_unit(rows, side):
    architecture = describe(NetworkConfig("random", (1,), (1, 1), 1, side, rows))
    assume(all(row.out_side >= 1 for row in architecture.rows))
    seen = reference_fields.who_sees_what(rows, side)  # (px, units)
    last = architecture.rows[-1]
    fields = unit_fields(architecture, last.name)
    assert fields.side == seen.shape[1]
    no_gaps = all(row.dilation == 1 and row.stride <= row.kernel for row in rows)
    for unit in range(fields.side):
        px = seen[:, unit].nonzero()[0].tolist()
        first, end = fields.seen[unit]
        assert (first, end) == ((px[0], px[-1] + 1) if px else (0, 0))
        assert fields.spans[unit] == last.receptive_field.span(unit)
        start, stop = fields.spans[unit]
        if px:
            assert max(start, 0) <= first < end <= min(stop, side)
        if no_gaps:
            assert px == list(range(first, end))
        if start >= 0 and stop <= side and _reads_everything(rows, side):
            assert (first, end) == (start, stop)


def _reads_everything(rows, side):
    """Whether no layer pads: then a field within the input is seen from end to end."""
    return all(row.padding == 0 and not row.ceil_mode for row in rows)


def test_dilation_by_hand_and_in_the_modules():
    """3 taps 2 px apart reach over 5 px; a second such layer adds 4: 9 px."""
    rows = (
        Layer("a", "conv", 2, kernel=3, padding=2, dilation=2),
        Layer("b", "max_pool", kernel=2, stride=2, dilation=3),
    )
    config = NetworkConfig("dilated", (2,), (1, 1), 1, 12, rows)
    architecture = describe(config)
    first, second = architecture.rows
    assert (first.receptive_field.size, first.out_side, first.dilation) == (5, 12, 2)
    assert (second.receptive_field.size, second.out_side) == (5 + 3, 5)
    network = ConvNet(config)
    x = torch.zeros(1, 3, 12, 12)
    for row, module in zip(architecture.rows, network.children(), strict=True):
        x = module(x)
        assert x.shape[-1] == row.out_side
        assert module.dilation in (row.dilation, (row.dilation,) * 2)


def test_pools_are_paired_with_pools():
    zfnet, vgg = layer_infos(build("zfnet_b")), layer_infos(build("vgg16"))
    for pair in (pair_by_depth, pair_by_receptive_field):
        assert pair("pool2", zfnet, vgg, kind="max_pool") == "pool3"
        assert pair("pool5", vgg, zfnet, kind="max_pool") == "pool5"
        with pytest.raises(UnknownNameError, match="max_pool 'conv1'"):
            pair("conv1", zfnet, vgg, kind="max_pool")


def test_an_unknown_layer_is_named():
    with pytest.raises(UnknownNameError, match=r"vgg16 'conv6_1'.*conv5_1"):
        unit_fields(describe(build("vgg16")), "conv6_1")


def test_tables_answer_at_once():
    architecture = describe(build("vgg19"))
    unit_fields.cache_clear()
    started = time.process_time()
    unit_fields(architecture, "fc8")
    assert time.process_time() - started < 0.05
