"""One large kernel against a stack of 3x3: the paper's numbers, and torch's own layers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vgg_viz.architecture import break_even, compare_stack, describe_network
from vgg_viz.errors import InputError

ODD = st.sampled_from([3, 5, 7, 9, 11])
ENTRY = st.sampled_from(["same", "half", "rgb"])


@pytest.mark.parametrize(
    ("kernel", "entry", "one", "stack", "said"),
    [
        (5, "same", "25 C²", "18 C²", "The 5x5 layer has 39 % more weights than the stack."),
        (7, "same", "49 C²", "27 C²", "The 7x7 layer has 81 % more weights than the stack."),
        (5, "half", "12.5 C²", "13.5 C²", "The stack has 8.0 % more weights than the 5x5 layer."),
        (7, "half", "24.5 C²", "22.5 C²", "The 7x7 layer has 8.9 % more weights than the stack."),
        (11, "same", "121 C²", "45 C²", "The 11x11 layer has 169 % more weights than the stack."),
        (5, "rgb", "75 C", "9 C² + 27 C", "The stack has 704 % more weights than the 5x5 layer."),
    ],
)
def test_formulas_and_words(kernel, entry, one, stack, said):
    found = compare_stack(kernel, 64, entry=entry)
    assert (found.one.formula, found.stack.formula) == (one, stack)
    assert found.verdict == said
    assert found.claim_holds is not said.startswith("The stack")


def test_three_3x3_against_one_7x7_as_the_paper_has_it():
    found = compare_stack(7, 100)
    assert (found.one.weights, found.stack.weights) == (490_000, 270_000)
    assert found.ratio == pytest.approx(1.815, abs=5e-4)
    assert (found.one.field, found.stack.field) == (7, 7)
    assert (found.one.nonlinearities, found.stack.nonlinearities) == (1, 3)


def test_stage_1_of_the_shallow_net():
    found = compare_stack(5, 64, entry="rgb", side=224)
    assert (found.one.weights, found.stack.weights) == (4_800, 38_592)
    assert found.one.parameters == 4_864
    assert found.stack.macs == 38_592 * 224**2


def test_equal_kernels_are_equal():
    found = compare_stack(3, 8)
    assert found.verdict == "Both have equally many weights."
    assert found.one.weights == found.stack.weights


@given(kernel=ODD, channels=st.integers(2, 40), entry=ENTRY, side=st.integers(12, 20))
@settings(max_examples=30, deadline=None)
def test_counts_are_those_of_real_layers(kernel, channels, entry, side):
    found = compare_stack(kernel, channels, entry=entry, side=side)
    for part in (found.one, found.stack):
        padding = (part.kernel - 1) // 2
        layers = [nn.Conv2d(i, o, part.kernel, padding=padding) for i, o in part.channels]
        x = torch.zeros(1, part.channels[0][0], side, side)
        outputs = 0
        with FlopCounterMode(display=False) as counter:
            for layer in layers:
                x = layer(x)
                outputs += x.numel()
        assert part.parameters == sum(p.numel() for layer in layers for p in layer.parameters())
        assert 2 * part.macs == counter.get_total_flops()
        assert part.activations == outputs
        assert x.shape[-1] == side
    assert found.one.field == found.stack.field == kernel


@given(kernel=ODD, channels=st.integers(2, 300).map(lambda n: 2 * n), entry=ENTRY)
def test_formulas_say_what_is_counted(kernel, channels, entry):
    found = compare_stack(kernel, channels, entry=entry)
    for part in (found.one, found.stack):
        terms = part.formula.replace(" C²", f"*{channels}**2").replace(" C", f"*{channels}")
        assert eval(terms) == part.weights  # noqa: S307 - our own text


@pytest.mark.parametrize(("kernel", "share"), [(5, 0.5625), (7, 0.45), (9, 0.375), (11, 9 / 28)])
def test_where_both_cost_the_same(kernel, share):
    assert float(break_even(kernel)) == pytest.approx(share)
    # One channel in per channel out more than the break-even: then the stack is cheaper.
    depth = (kernel - 1) // 2
    assert kernel**2 * share == pytest.approx(9 * (share + depth - 1))


def test_b_and_the_shallow_net_differ_as_their_stages_do():
    b, shallow = describe_network("vgg13"), describe_network("vgg13_5x5")
    pairs = [compare_stack(5, 64, entry="rgb", side=224)]
    pairs += [
        compare_stack(5, c, entry="half", side=s) for c, s in ((128, 112), (256, 56), (512, 28))
    ]
    pairs += [compare_stack(5, 512, side=14)]
    assert b.conv_parameters == sum(pair.stack.parameters for pair in pairs)
    assert shallow.conv_parameters == sum(pair.one.parameters for pair in pairs)
    assert b.macs - shallow.macs == sum(pair.stack.macs - pair.one.macs for pair in pairs)
    assert shallow.macs < b.macs
    assert shallow.conv_parameters > b.conv_parameters


@pytest.mark.parametrize(
    ("kernel", "channels", "entry", "side"),
    [(4, 8, "same", 8), (1, 8, "same", 8), (5, 0, "same", 8), (5, 1, "half", 8), (5, 8, "same", 0)],
)
def test_what_is_no_stack_is_refused(kernel, channels, entry, side):
    with pytest.raises(InputError, match=r"give|Give"):
        compare_stack(kernel, channels, entry=entry, side=side)
    if kernel < 5:
        with pytest.raises(InputError, match="odd number"):
            break_even(kernel)
