"""Numbers against the papers', torchvision's and Araujo's tables, torch's counter, brute force."""

import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch
import torchvision
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from tests.tiny import features
from vgg_viz.architecture import (
    ReceptiveField,
    describe,
    describe_model,
    describe_network,
    layer_infos,
    pair_by_depth,
    pair_by_receptive_field,
)
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.models.configs import NETWORKS, Layer, NetworkConfig, build
from vgg_viz.models.networks import ConvNet
from vgg_viz.results import ModelInfo

EXACT = {  # parameters, those of the convolutions (and batch norms), MACs at 224 px
    "alexnet": (61_100_840, 2_469_696, 714_188_480),
    "zfnet_a": (62_357_608, 3_726_464, 1_168_032_896),
    "zfnet_b": (107_627_624, 11_247_744, 2_476_704_896),
    "vgg11": (132_863_336, 9_220_480, 7_609_090_048),
    "vgg11_lrn": (132_863_336, 9_220_480, 7_609_090_048),
    "vgg13": (133_047_848, 9_404_992, 11_308_466_176),
    "vgg13_5x5": (134_503_528, 10_860_672, 9_356_017_664),
    "vgg16_c": (133_638_952, 9_996_096, 11_770_888_192),
    "vgg16": (138_357_544, 14_714_688, 15_470_264_320),
    "vgg19": (143_667_240, 20_024_384, 19_632_062_464),
    "vgg11_bn": (132_868_840, 9_225_984, 7_609_090_048),
    "vgg13_bn": (133_053_736, 9_410_880, 11_308_466_176),
    "vgg16_bn": (138_365_992, 14_723_136, 15_470_264_320),
    "vgg19_bn": (143_678_248, 20_035_392, 19_632_062_464),
}


@pytest.mark.parametrize("network", NETWORKS)
def test_totals_are_exact(network):
    a = describe(build(network))
    assert (a.parameters, a.conv_parameters, a.macs) == EXACT[network]
    assert a.fc_parameters == a.parameters - a.conv_parameters
    assert a.parameter_bytes() == 4 * a.parameters


@pytest.mark.parametrize(
    ("network", "fc_share", "conv_share", "paper_millions"),
    [
        ("vgg11", 93.06, 98.38, 133),
        ("vgg11_lrn", 93.06, 98.38, 133),
        ("vgg13", 92.93, 98.91, 133),
        ("vgg16_c", 92.52, 98.95, 134),
        ("vgg16", 89.36, 99.20, 138),
        ("vgg19", 86.06, 99.37, 144),
    ],
)
def test_shares_and_table_2_of_the_vgg_paper(network, fc_share, conv_share, paper_millions):
    a = describe(build(network))
    assert a.fc_parameters == 123_642_856
    assert round(100 * a.fc_parameter_share, 2) == fc_share
    assert round(100 * a.conv_mac_share, 2) == conv_share
    assert round(a.parameters / 1e6) == paper_millions


@pytest.mark.parametrize(
    "network", ["alexnet", *(f"vgg{n}{bn}" for n in (11, 13, 16, 19) for bn in ("", "_bn"))]
)
def test_totals_equal_what_torchvision_publishes(network):
    meta = torchvision.models.get_model_weights(network).DEFAULT.meta
    a = describe(build(network))
    assert a.parameters == meta["num_params"]
    assert round(a.macs / 1e9, 3) == meta["_ops"]


@pytest.mark.parametrize(("network", "width"), [("zfnet_b", 1.0), ("vgg16_bn", 0.25)])
def test_a_model_with_weights_is_described_as_the_network_it_is(network, width):
    config = build(network, width=width, classes=19, input_size=128)
    made = describe(config)
    info = ModelInfo(
        *(f"{network}:bundled", network, made.title, "bundled", "", True, 0, 128),
        *(made.parameters, made.macs, ("x",) * 19, layer_infos(config)),
    )
    assert describe_model(info).rows == made.rows
    assert describe_model(info, 256).rows == describe(config, 256).rows
    again = describe_network(network, width=width, classes=19, input_size=128)
    assert again.rows == made.rows


VGG16_ROWS = {  # in, out, side, parameters, MACs
    "conv1_1": (3, 64, 224, 1_792, 86_704_128),
    "conv1_2": (64, 64, 224, 36_928, 1_849_688_064),
    "conv2_1": (64, 128, 112, 73_856, 924_844_032),
    "conv2_2": (128, 128, 112, 147_584, 1_849_688_064),
    "conv3_1": (128, 256, 56, 295_168, 924_844_032),
    "conv3_2": (256, 256, 56, 590_080, 1_849_688_064),
    "conv3_3": (256, 256, 56, 590_080, 1_849_688_064),
    "conv4_1": (256, 512, 28, 1_180_160, 924_844_032),
    "conv4_2": (512, 512, 28, 2_359_808, 1_849_688_064),
    "conv4_3": (512, 512, 28, 2_359_808, 1_849_688_064),
    "conv5_1": (512, 512, 14, 2_359_808, 462_422_016),
    "conv5_2": (512, 512, 14, 2_359_808, 462_422_016),
    "conv5_3": (512, 512, 14, 2_359_808, 462_422_016),
    "fc6": (25_088, 4_096, 1, 102_764_544, 102_760_448),
    "fc7": (4_096, 4_096, 1, 16_781_312, 16_777_216),
    "fc8": (4_096, 1_000, 1, 4_097_000, 4_096_000),
}


def test_vgg16_row_by_row():
    a = describe(build("vgg16"))
    rows = {
        row.name: (row.in_channels, row.out_channels, row.out_side, row.parameters, row.macs)
        for row in a.rows
        if row.kind in ("conv", "linear")
    }
    assert rows == VGG16_ROWS
    assert sum(row.parameters for row in a.rows if row.name not in rows) == 0
    assert a.row("pool5").activations == 512 * 7 * 7


@pytest.mark.parametrize("size", [224, 288])
@pytest.mark.parametrize("network", NETWORKS)
def test_every_row_equals_torch_on_real_modules(network, size):
    """Shapes and parameters of the modules, and torch's own counter, row by row."""
    with torch.device("meta"):
        net, x = ConvNet(build(network)).eval(), torch.empty(1, 3, size, size)
    a = describe(build(network), size)
    for row, (name, module) in zip(a.rows, net.named_children(), strict=True):
        channels_in, side_in = x.shape[1], x.shape[-1] if x.dim() == 4 else 1
        with FlopCounterMode(display=False) as counter:
            x = module(x)
        shape = (1, row.out_channels, row.out_side, row.out_side)[: x.dim()]
        assert (row.name, row.in_channels, row.in_side) == (name, channels_in, side_in)
        assert tuple(x.shape) == shape
        assert row.activations == x.numel()
        assert row.parameters == sum(p.numel() for p in module.parameters())
        assert 2 * row.macs == counter.get_total_flops()


def test_another_input_size_changes_costs_but_no_parameters():
    declared, larger = describe(build("vgg16")), describe(build("vgg16"), 448)
    assert larger.parameters == declared.parameters
    assert larger.conv_macs == 4 * declared.conv_macs
    assert larger.row("fc6").macs == declared.row("fc6").macs
    assert (larger.row("avgpool").in_side, larger.row("avgpool").out_side) == (14, 7)
    assert larger.row("avgpool").receptive_field == ReceptiveField(212 + 32, 64, 90)
    assert larger.row("fc6").receptive_field.size == 212 + 13 * 32  # sees its whole last map


@pytest.mark.parametrize("side", [1, 3, 7, 9, 10, 13, 14, 20])
def test_the_adaptive_pool_is_described_by_its_largest_window(side):
    row = describe(build("vgg16"), 32 * side).row("avgpool")
    one_input_per_px = torch.eye(side)[:, None]
    windows = F.adaptive_avg_pool1d(one_input_per_px, 7)[:, 0] > 0  # (px, windows)
    assert (row.in_side, row.out_side) == (side, 7)
    assert row.kernel == windows.sum(dim=0).max()
    assert row.stride == max(1, (2 * side + 7) // 14)  # side / 7 to the nearest whole number


@pytest.mark.parametrize("size", [0, -3, 31])
def test_an_input_too_small_names_the_layer_and_the_least_size(size):
    with pytest.raises(InputError, match=r"vgg16: nothing is left at \w+\. Give at least 32 px"):
        describe(build("vgg16"), size)


def test_memory_of_the_maps():
    a = describe(build("vgg16"))
    convs = a.activation_bytes(kind="conv")
    assert convs == 4 * sum(row.out_channels * row.out_side**2 for row in a.convs)
    assert round(convs / 1e6, 1) == 54.2
    assert a.activation_bytes(batch=8, bytes_per_value=2) == 4 * a.activation_bytes()
    free = sum(row.activations for row in a.rows if row.kind in ("flatten", "dropout"))
    assert a.activation_bytes() == 4 * (sum(row.activations for row in a.rows) - free)


# Receptive fields: (size, jump, padding), Araujo, Norris & Sim's table and the same recursion.
FIELDS = {
    "vgg16": {
        "conv1_1": (3, 1, 1),
        "conv1_2": (5, 1, 2),
        "pool1": (6, 2, 2),
        "conv2_1": (10, 2, 4),
        "conv2_2": (14, 2, 6),
        "pool2": (16, 4, 6),
        "conv3_1": (24, 4, 10),
        "conv3_2": (32, 4, 14),
        "conv3_3": (40, 4, 18),
        "pool3": (44, 8, 18),
        "conv4_1": (60, 8, 26),
        "conv4_2": (76, 8, 34),
        "conv4_3": (92, 8, 42),
        "pool4": (100, 16, 42),
        "conv5_1": (132, 16, 58),
        "conv5_2": (164, 16, 74),
        "conv5_3": (196, 16, 90),
        "pool5": (212, 32, 90),
        "fc6": (404, 32, 90),
        "fc7": (404, 32, 90),
        "fc8": (404, 32, 90),
    },
    # The table's AlexNet has no padding at conv1, torchvision's has 2 px: 2 more from there on.
    "alexnet": {
        "conv1": (11, 4, 2),
        "pool1": (19, 8, 2),
        "conv2": (51, 8, 16 + 2),
        "conv3": (99, 16, 32 + 2),
        "conv4": (131, 16, 48 + 2),
        "conv5": (163, 16, 64 + 2),
        "pool5": (195, 32, 64 + 2),
        "fc6": (355, 32, 64 + 2),
    },
    "zfnet_b": {
        "conv1": (7, 2, 1),
        "pool1": (11, 4, 1),
        "conv2": (27, 8, 1),
        "pool2": (43, 16, 1),
        "conv3": (75, 16, 17),
        "conv4": (107, 16, 33),
        "conv5": (139, 16, 49),
        "pool5": (171, 32, 49),
        "fc6": (331, 32, 49),
    },
}


@pytest.mark.parametrize(
    ("network", "layer", "expected"),
    [(net, layer, field) for net, fields in FIELDS.items() for layer, field in fields.items()],
)
def test_receptive_fields_of_the_table(network, layer, expected):
    field = describe(build(network)).row(layer).receptive_field
    assert (field.size, field.jump, field.padding) == expected


@pytest.mark.parametrize(
    ("network", "last_conv", "pool5", "fc6"),
    [
        ("vgg11", 134, 150, 342),
        ("vgg13", 140, 156, 348),
        ("vgg13_5x5", 140, 156, 348),
        ("vgg16_c", 140, 156, 348),
        ("vgg16", 196, 212, 404),
        ("vgg19", 252, 268, 460),
        ("vgg19_bn", 252, 268, 460),
    ],
)
def test_receptive_fields_of_the_configurations(network, last_conv, pool5, fc6):
    a = describe(build(network))
    rows = [a.convs[-1], a.row("pool5"), a.row("fc6")]
    assert [row.receptive_field.size for row in rows] == [last_conv, pool5, fc6]


def test_centres_and_spans():
    field = ReceptiveField(size=196, jump=16, padding=90)
    assert field.center(0) == -90 + 97.5
    assert field.center(3) == field.center(0) + 48
    assert field.span(0) == (-90, 106)
    first, end = field.span(7)
    assert field.center(7) == (first + end - 1) / 2
    assert describe(build("vgg16")).row("conv1_1").receptive_field.center(5) == 5


@st.composite
def tables(draw):
    """Up to five convolutions and pools without gaps between windows (stride <= kernel)."""
    rows = []
    for i in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["conv", "max_pool"]))
        kernel = draw(st.integers(1, 4))
        rows.append(
            Layer(
                f"layer{i}",
                kind,
                out=1,
                kernel=kernel,
                stride=draw(st.integers(1, min(kernel, 3))),
                padding=draw(st.integers(0, kernel // 2)),
                ceil_mode=kind == "max_pool" and draw(st.booleans()),
            )
        )
    return tuple(rows)


def who_sees_what(rows, side):
    """(side, units): is px p seen by unit u? One input per px, ones everywhere in the kernels."""
    x = torch.eye(side, dtype=torch.float64)[:, None]  # (px, 1, side)
    for row in rows:
        if row.kind == "conv":
            kernel = torch.ones(1, 1, row.kernel, dtype=torch.float64)
            x = F.conv1d(x, kernel, stride=row.stride, padding=row.padding)
        else:
            x = F.avg_pool1d(x, row.kernel, row.stride, row.padding, ceil_mode=row.ceil_mode)
    return x[:, 0] > 0


@settings(max_examples=200, deadline=None)
@given(rows=tables(), extra=st.integers(0, 5))
def test_receptive_fields_equal_brute_force_on_random_tables(rows, extra):
    def described(side):
        return describe(NetworkConfig("random", (1,), (1, 1), 1, side, rows)).rows[-1]

    field = described(1).receptive_field
    assume(field.size + field.jump < 400)
    side = field.size + field.jump + extra  # room for at least one whole field
    seen = who_sees_what(rows, side)
    assert described(side).out_side == seen.shape[1]
    whole = 0
    for unit in range(seen.shape[1]):
        start, end = field.span(unit)
        px = seen[:, unit].nonzero().flatten().tolist()
        assert all(max(start, 0) <= p < min(end, side) for p in px)
        if start >= 0 and end <= side:
            assert px == list(range(start, end))
            whole += 1
    assert whole >= 1


@pytest.mark.parametrize("network", NETWORKS)
def test_receptive_field_of_the_last_map_equals_its_gradient(network):
    """Through the real modules, with ones for weights and averages for maxima."""
    count = len(NETWORKS[network].channels)
    config = build(network, channels=(1,) * count, hidden=(1, 1), classes=1)
    row = describe(config).row("pool5")
    side = row.receptive_field.size + row.receptive_field.jump
    unit = -(-row.receptive_field.padding // row.receptive_field.jump)  # first one that fits

    x = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    y = x.expand(1, 3, side, side)
    for name, module in features(ConvNet(config)).named_children():
        match module:
            case nn.Conv2d():
                ones = torch.ones_like(module.weight, dtype=torch.float64)
                y = F.conv2d(y, ones, stride=module.stride, padding=module.padding) / ones.numel()
            case nn.MaxPool2d(kernel_size=kernel, stride=stride, ceil_mode=ceil):
                y = F.avg_pool2d(y, kernel, stride, ceil_mode=ceil)
            case _:
                assert not name.startswith(("conv", "pool"))
    (gradient,) = torch.autograd.grad(y[0, 0, unit, unit], x)
    start, end = row.receptive_field.span(unit)
    for axis in (0, 1):
        assert gradient[0, 0].amax(dim=axis).nonzero().flatten().tolist() == list(range(start, end))


def infos(network):
    return layer_infos(build(network))


def test_layer_infos_follow_the_table():
    config = build("zfnet_b", width=0.25, classes=19, input_size=128)
    rows = infos("vgg16")
    assert [row.name for row in layer_infos(config)] == [row.name for row in config.layers]
    assert layer_infos(config)[-1].channels == 19
    conv = next(row for row in rows if row.name == "conv5_3")
    assert (conv.kind, conv.channels, conv.side) == ("conv", 512, 14)
    assert (conv.receptive_field, conv.jump) == (196, 16)
    assert (conv.parameters, conv.macs) == VGG16_ROWS["conv5_3"][3:]
    assert sum(row.macs for row in rows) == EXACT["vgg16"][2]


@pytest.mark.parametrize(
    ("layer", "by_field", "by_depth"),
    [
        ("conv1", "conv1_2", "conv1_1"),  # 7 px: 5 (x 1.4) is nearer than 10 (x 1.43)
        ("conv2", "conv3_1", "conv2_2"),
        ("conv3", "conv4_2", "conv3_3"),
        ("conv4", "conv4_3", "conv4_3"),
        ("conv5", "conv5_1", "conv5_3"),  # 139 px: not VGG's last convolution, with 196
    ],
)
def test_pairs_of_zfnet_and_vgg16(layer, by_field, by_depth):
    zfnet, vgg = infos("zfnet_b"), infos("vgg16")
    assert pair_by_receptive_field(layer, zfnet, vgg) == by_field
    assert pair_by_depth(layer, zfnet, vgg) == by_depth


@pytest.mark.parametrize("a", NETWORKS)
def test_pairs_over_the_registry(a):
    names = [row.name for row in infos(a) if row.kind == "conv"]
    for b in NETWORKS:
        others = [row.name for row in infos(b) if row.kind == "conv"]
        for pair in (pair_by_receptive_field, pair_by_depth):
            twins = [others.index(pair(name, infos(a), infos(b))) for name in names]
            assert twins == sorted(twins)  # going deeper here never goes back there
        assert pair_by_depth(names[0], infos(a), infos(b)) == others[0]
        assert pair_by_depth(names[-1], infos(a), infos(b)) == others[-1]
    for pair in (pair_by_receptive_field, pair_by_depth):
        assert [pair(name, infos(a), infos(a)) for name in names] == names


@dataclass(frozen=True)
class Conv:
    name: str
    receptive_field: int
    kind: str = "conv"


@pytest.mark.parametrize(
    ("size", "fields", "expected"),
    [
        (20, [10, 39], "b1"),
        (20, [11, 40], "b0"),
        (20, [9, 10, 40, 80], "b1"),  # both a factor of 2 away, half way in depth: the earlier
        (32, [24, 32, 32], "b1"),  # a field repeated by a 1x1 convolution: the nearer in depth
        (32, [32, 32, 40], "b1"),
        (300, [100, 100, 100], "b1"),
    ],
)
def test_nearest_is_meant_on_a_log_scale_and_depth_breaks_ties(size, fields, expected):
    of = [Conv("first", 1), Conv("a", size), Conv("last", 1000)]
    to = [Conv(f"b{i}", field) for i, field in enumerate(fields)]
    assert pair_by_receptive_field("a", of, to) == expected


def test_half_way_in_depth_goes_to_the_earlier():
    of = [Conv(f"a{i}", 1) for i in range(3)]
    assert pair_by_depth("a1", of, [Conv(f"b{i}", 1) for i in range(4)]) == "b1"
    assert pair_by_depth("a1", of, [Conv("b0", 1)]) == "b0"
    assert pair_by_depth("a0", of[:1], [Conv("b0", 1), Conv("b1", 1)]) == "b0"


@pytest.mark.parametrize("pair", [pair_by_receptive_field, pair_by_depth])
@pytest.mark.parametrize("layer", ["conv6", "pool5"])
def test_only_convolutions_are_paired(pair, layer):
    with pytest.raises(UnknownNameError, match=f"{layer}.*conv1, conv2, conv3, conv4, conv5"):
        pair(layer, infos("zfnet_b"), infos("vgg16"))


def test_unknown_rows_say_what_there_is():
    with pytest.raises(UnknownNameError, match=r"zfnet_b 'conv6'.*conv5"):
        describe(build("zfnet_b")).row("conv6")


def test_it_loads_no_torch():
    program = (
        "import sys; from vgg_viz.architecture import describe;"
        "from vgg_viz.models.configs import build; describe(build('vgg16'));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
