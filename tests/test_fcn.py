"""FCNs against what they are built from: the classifier slid over the photo, and their geometry."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.tiny import CLASSES, tiny_config, tiny_network
from vgg_viz.dense import dense_scores
from vgg_viz.errors import UnknownNameError
from vgg_viz.models.configs import build, out_side
from vgg_viz.transfer.fcn import (
    FCN,
    SKIPS,
    STRIDES,
    bilinear_twice,
    interpolation,
    load_classifier,
)

SIZES = range(96, 401)
NETWORKS = tuple(SKIPS)


@pytest.fixture(scope="module", params=NETWORKS)
def fcn(request):
    """The nets of the bundled tables, thin: their geometry is that of the shipped ones."""
    return FCN(build(request.param, width=1 / 16, classes=3, input_size=128), 2).eval()


def cells_of(fcn, stride, side):
    """How many scores of a stride there are along `side` px, by the table alone."""
    if stride == 32:
        return fcn.cells(side)
    layer = fcn.skip_names[STRIDES.index(stride) - 1]
    for row in fcn.config.layers:
        side = out_side(row, side)
        if row.name == layer:
            return side
    raise AssertionError(layer)


def centres(fcn, stride, side):
    """Centre in px of every score along a side."""
    field = fcn.field(stride)
    return np.array([field.center(i) for i in range(cells_of(fcn, stride, side))])


def between(fcn, side):
    """From where to where the scores of all three nets lie on both sides of an edge, in px."""
    low, high = centres(fcn, 32, side)[[0, -1]]
    for stride in (16, 8):
        places = centres(fcn, stride, side)
        low, high = places[places >= low][0], places[places <= high][-1]
    return low, min(high, side - 1)


def edge_scores(places, edge):
    """Two classes with an edge at `edge` px: how far each place is beyond it, as (1, 2, n, 1)."""
    beyond = torch.tensor(places - edge, dtype=torch.float32)[:, None]
    return torch.stack([-beyond, beyond])[None]


def test_an_edge_comes_back_at_its_pixel_for_every_size(fcn):
    """Scores at the centres of their fields say where an edge is; labels must say the same."""
    random = np.random.default_rng(0)
    channels = {name: skip.in_channels for name, skip in fcn.skips.items()}
    for side in SIZES:
        places = centres(fcn, 32, side)
        edge = random.uniform(*between(fcn, side))
        wanted = np.arange(side) > edge
        scores = edge_scores(places, edge)
        maps = {
            name: torch.zeros(1, channels[name], cells_of(fcn, stride, side), 1)
            for name, stride in zip(fcn.skip_names, STRIDES[1:], strict=True)
        }
        with torch.inference_mode():
            # across the other axis there is one cell, which holds everywhere
            fused = fcn.fuse({**maps, "score": scores})
            for stride, coarse in fused.items():
                assert coarse.shape[2] == cells_of(fcn, stride, side)
                labels = fcn.enlarged(coarse, stride, (side, 1)).argmax(1)[0, :, 0].numpy()
                # centres on whole px can lie on the edge itself: no pixel is then beyond it
                off = np.flatnonzero(labels != wanted)
                assert all(abs(px - edge) < 1e-3 for px in off), (side, stride, edge, off)


def test_the_table_says_how_many_scores_there_are(fcn):
    for height, width in ((96, 133), (175, 200), (256, 97)):
        with torch.inference_mode():
            coarse = fcn.coarse(torch.zeros(1, 3, height, width))
        for stride, scores in coarse.items():
            cells = tuple(cells_of(fcn, stride, side) for side in (height, width))
            assert scores.shape == (1, 2, *cells)


@pytest.mark.parametrize("side", [96, 177, 256, 400])
def test_enlarging_is_the_papers_transposed_convolution_cropped_by_the_shift(fcn, side):
    for stride in STRIDES:
        field, count = fcn.field(stride), cells_of(fcn, stride, side)
        scores = torch.randn(1, 1, count, generator=torch.Generator().manual_seed(side))
        # the bilinear kernel: even where centres lie between px, odd where they lie on one
        size = 2 * stride - (field.center(0) % 1 == 0)
        kernel = 1 - (torch.arange(size) - (size - 1) / 2).abs() / stride
        wide = F.conv_transpose1d(scores, kernel[None, None], stride=stride)[0, 0]
        shift = (size - 1) / 2 - field.center(0)
        assert shift.is_integer()
        ours = interpolation(side, count, field) @ scores[0, 0]
        first, last = field.center(0), field.center(count - 1)
        inside = [y for y in range(side) if first <= y <= last]
        assert len(inside) > side / 4
        theirs = wide[[y + int(shift) for y in inside]]
        torch.testing.assert_close(ours[inside], theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_as_convolution_it_is_the_classifier_slid_over_the_photo(name):
    """The trunk with fc8 for its scores; where fc6 reads no added zeros, to 1e-5 of the spread."""
    network = tiny_network(name)
    fcn = FCN(network.config, CLASSES).eval()
    load_classifier(fcn, network)
    with torch.no_grad():
        fcn.trunk.score.weight.copy_(network.fc8.weight[..., None, None])
        fcn.trunk.score.bias.copy_(network.fc8.bias)
    pad = network.config.layer("avgpool").out // 2
    images = torch.randn(1, 3, 160, 208, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        scores = fcn.trunk(images)[..., pad:-pad, pad:-pad]
        wanted = dense_scores(network, images)
    assert wanted.shape[2] * wanted.shape[3] > 1
    spread = float(wanted.std())
    assert spread > 1e-4
    torch.testing.assert_close(scores, wanted, atol=1e-5 * max(1, spread), rtol=1e-5)
    side = network.config.input_size
    with torch.inference_mode():
        alone = fcn.trunk(images[..., :side, :side])[0, :, pad, pad]
        logits = network(images[..., :side, :side])[0]
    torch.testing.assert_close(alone, logits, atol=1e-5 * max(1, spread), rtol=1e-5)


def test_skips_begin_as_the_net_before_them(fcn):
    """With scores of zero, the finer scores are those that the coarser net has at their centres."""
    images = torch.randn(1, 3, 128, 160, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        fcn.trunk.score.weight.normal_(0, 1, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        coarse = fcn.coarse(images)
    for stride in (16, 8):
        wide = fcn.enlarged(coarse[2 * stride], 2 * stride, (128, 160))
        low, high = between(fcn, 128)
        places = centres(fcn, stride, 128)
        for row in np.flatnonzero((places >= low) & (places <= high)):
            for column in (3, 4):
                y, x = places[row], centres(fcn, stride, 160)[column]
                around = wide[0, :, [int(np.floor(y)), int(np.ceil(y))]]
                around = around[:, :, [int(np.floor(x)), int(np.ceil(x))]].mean((1, 2))
                assert around.abs().max() > 0
                torch.testing.assert_close(
                    coarse[stride][0, :, row, column], around, atol=1e-4, rtol=1e-4
                )


def test_twofold_enlargement_keeps_classes_apart():
    fcn = FCN(tiny_config("vgg16"), 3)
    layer = bilinear_twice(3, fcn.field(32), fcn.field(16))
    with torch.no_grad():
        wide = layer(F.one_hot(torch.tensor(1), 3)[None, :, None, None].float())
    assert wide[0, 1].sum() == pytest.approx(4)
    assert not wide[0, [0, 2]].any()


def test_a_network_without_a_head_is_told_so():
    with pytest.raises(UnknownNameError, match="vgg16"):
        FCN(tiny_config("alexnet"), 2)
