"""LRP and excitation backprop: a score, or a probability, shared out down to a layer or the image.

Both walk the table of layers once from the top and use what the Inspection kept; the rules stand
in `relevance_rules`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from vgg_viz.attribution.question import Partial, Question
from vgg_viz.attribution.relevance_rules import (
    Rule,
    Step,
    full,
    steps,
    through_pool,
    through_weights,
)

# The composite for VGG-16 takes gamma up to pool3: the first 7 of 13 convolutions (facts.md 7.1).
# Another network takes the same share of its own, rounded down: 2 of 5, 4 of 8, 5 of 10, 8 of 16.
_LOWER, _OF = 7, 13
ZENNIT = 1e-6  # its stabiliser and its epsilon

Rules = Callable[[Step, int], Rule]  # of a step in a network with so many convolutions


@dataclass(frozen=True)
class Preset:
    """Which rule stands where, and whether max-pools share relevance out as average pools do."""

    rules: Rules
    average_pools: bool = False


def lower_convs(convs: int) -> int:
    """How many of a network's convolutions, from the first, take the lower rule of "vgg"."""
    return convs * _LOWER // _OF


def preset(name: str, gamma: float, epsilon: float) -> Preset:
    """A preset of LRP; `epsilon` is a share of rms(z), and the two of zennit have their own."""
    return _PRESETS[name](gamma, epsilon)


def _vgg(gamma: float, epsilon: float) -> Preset:
    """zB at the image, gamma below, epsilon above, LRP-0 in the linear layers."""

    def rules(step: Step, convs: int) -> Rule:
        if step.kind in ("linear", "avg_pool"):
            return Rule()
        if step.conv > lower_convs(convs):
            return Rule(epsilon_of_rms=epsilon)
        return _first(step, Rule("box"), Rule(gamma=gamma))

    return Preset(rules, average_pools=True)


def _gamma_box(gamma: float, _: float) -> Preset:
    def rules(step: Step, __: int) -> Rule:
        if step.kind != "conv":
            return Rule(epsilon=ZENNIT)
        return _first(step, Rule("box", epsilon=ZENNIT), Rule(gamma=gamma, epsilon=ZENNIT))

    return Preset(rules)


def _plus_flat(_: float, __: float) -> Preset:
    def rules(step: Step, _: int) -> Rule:
        if step.kind != "conv":
            return Rule(epsilon=ZENNIT)
        return _first(step, Rule("flat", epsilon=ZENNIT), Rule("positive", epsilon=ZENNIT))

    return Preset(rules)


def _first(step: Step, first: Rule, other: Rule) -> Rule:
    return first if step.kind == "conv" and step.conv == 1 else other


_PRESETS: Mapping[str, Callable[[float, float], Preset]] = {
    "vgg": _vgg,
    "lrp-0": lambda _, __: Preset(lambda *_: Rule()),
    "epsilon": lambda _, epsilon: Preset(lambda *_: Rule(epsilon_of_rms=epsilon)),
    "epsilon-gamma-box": _gamma_box,
    "epsilon-plus-flat": _plus_flat,
}


def lrp(question: Question) -> Iterator[Partial]:
    """Layer-wise relevance propagation to the image, summed over its three colours."""
    chosen = preset(question.choice("preset"), question.number("gamma"), question.number("epsilon"))
    rows = steps(question.network, question.seen)
    logits = full(question.seen.logits)
    relevance = walk(rows, _start(question, logits), chosen, box=pixel_box(question))
    score, total = float(question.target.score(logits)[0]), float(relevance.double().sum())
    yield Partial(
        relevance[0].sum(0),
        checks={
            "sum of the map": total,
            "score": score,
            "conservation error": abs(total - score) / max(abs(score), 1e-12),
        },
        notes=_passed_over(rows),
    )


def walk(
    rows: tuple[Step, ...],
    start: Tensor,
    chosen: Preset,
    *,
    box: tuple[Tensor, Tensor] | None = None,
    down_to: str | None = None,
) -> Tensor:
    """Send `start` (1, classes) down to the image, or to the output of layer `down_to`."""
    relevance, convs = start, rows[-1].conv
    for step in reversed(rows):
        if down_to in step.names:
            break
        rule = chosen.rules(step, convs)
        if step.kind in ("conv", "linear"):
            relevance = through_weights(step, relevance, rule, box)
        elif step.kind in ("max_pool", "avg_pool"):
            relevance = through_pool(step, relevance, rule, average=chosen.average_pools)
        else:
            relevance = relevance.reshape_as(step.before)
    return relevance


def pixel_box(question: Question) -> tuple[Tensor, Tensor]:
    """Black and white as the network reads them, (1, 3, 1, 1) each: no pixel lies outside."""
    mean, std = (
        torch.tensor(values).to(full(question.image)).reshape(1, 3, 1, 1)
        for values in (question.preprocessing.mean, question.preprocessing.std)
    )
    return (0 - mean) / std, (1 - mean) / std


def _start(question: Question, logits: Tensor) -> Tensor:
    """The score at the top: the logit in its place, the other class's with its sign turned."""
    target, start = question.target, torch.zeros_like(logits)
    start[0, target.index] = logits[0, target.index]
    if target.versus is not None:
        start[0, target.versus] = -logits[0, target.versus]
    return start


def _passed_over(rows: tuple[Step, ...]) -> tuple[str, ...]:
    norms = [step.names[0] for step in rows if isinstance(step.module, nn.LocalResponseNorm)]
    if not norms:
        return ()
    return (f"Relevance passes local response normalisation ({', '.join(norms)}) unchanged.",)


# --- excitation backprop -------------------------------------------------------------------------

_EXCITATION = Preset(lambda *_: Rule("positive", epsilon=1e-20, bias=False))


def excitation_backprop(question: Question) -> Iterator[Partial]:
    """How probable a winner-take-all walk down from the class passes each place of the layer."""
    yield from _excitation(question, contrastive=False)


def contrastive_excitation_backprop(question: Question) -> Iterator[Partial]:
    """The same less that of the dual class, whose weights are the class's with signs turned."""
    yield from _excitation(question, contrastive=True)


def _excitation(question: Question, *, contrastive: bool) -> Iterator[Partial]:
    rows = steps(question.network, question.seen)
    target = question.target
    start = torch.zeros_like(full(question.seen.logits))
    start[0, target.index] = 1
    if target.versus is not None:
        start[0, target.versus] = -1
    top, below = rows[-1], rows[:-1]
    probability = walk((top,), start, _EXCITATION)
    if contrastive and top.weight is not None:
        dual = replace(top, weight=-top.weight)
        probability = probability - walk((dual,), start, _EXCITATION)
    found = walk(below, probability, _EXCITATION, down_to=question.layer)
    grid = found[0].sum(0)
    expected = 0.0 if contrastive or target.versus is not None else 1.0
    total = float(grid.double().sum())
    notes = _passed_over(rows)
    if target.versus is not None:
        notes = (*notes, "The map of the class less the map of the other class.")
    yield Partial(
        grid,
        checks={"sum of the map": total, "conservation error": abs(total - expected)},
        notes=notes,
    )
