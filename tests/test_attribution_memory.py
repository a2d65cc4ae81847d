"""What a question takes of memory, the batch that fits, and what is said when nothing does."""

import re
from dataclasses import replace

import pytest
import torch

from tests.questions import answer, ask
from tests.tiny import tiny_config
from vgg_viz.architecture import describe, memory_of
from vgg_viz.attribution.memory import fitted, need
from vgg_viz.attribution.methods import METHODS
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.errors import InputError
from vgg_viz.requests import AttributionRequest
from vgg_viz.service import attribution
from vgg_viz.service.devices import free_memory

TINY = describe(tiny_config("vgg16"))


def needed(question, method):
    return need(question, METHODS[method], TINY)


def test_needs_by_hand():
    """1,000 masks of 8 x 8 cells, 5 x 5 places and 7 logits, 200 samples of 30 parts."""
    memory = memory_of(TINY)
    rise = needed(ask("vgg16", "rise", masks=1000, cells=8), "rise")
    assert (rise.fixed, rise.image) == (2 * 4 * 1000 * 64, 2 * memory.peak.alive)
    squares = needed(ask("vgg16", "occlusion", square=32, stride=8), "occlusion")
    assert squares.fixed == 3 * 4 * 25 * 7
    assert needed(ask("vgg16", "lime", samples=200, parts=30), "lime").fixed == 4 * 8 * 200 * 30
    gradients = needed(ask("vgg16", "smoothgrad"), "smoothgrad")
    assert (gradients.fixed, gradients.image) == (0, memory.kept)
    assert gradients.of(3) == 3 * memory.kept


def test_the_kernels_of_fast_passes_count():
    network = torch.nn.Sequential(torch.nn.Conv2d(128, 256, 3, padding=1))
    question = replace(ask("vgg16", "score_cam"), network=network)
    assert needed(question, "score_cam").fixed == 4 * network[0].weight.nbytes


@pytest.mark.parametrize("method", ["rise", "smoothgrad", "occlusion", "ablation_cam"])
def test_the_batch_shrinks_to_what_fits_and_the_map_stays(method):
    small = {"rise": {"masks": 20}, "smoothgrad": {"samples": 12}}.get(method, {})
    question = ask("vgg16", method, **small)
    takes = needed(question, method)
    assert fitted(question, method, TINY, takes.of(16)) is question
    some = fitted(question, method, TINY, takes.of(5) + takes.image // 2)
    assert some.batch == 5
    whole, part = (answer(method, each).grid for each in (question, some))
    torch.testing.assert_close(part, whole, rtol=1e-4, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize(
    ("method", "given", "name", "further"),
    [
        ("rise", {"masks": 8000, "cells": 32}, "masks", 1),
        ("lime", {"samples": 5000, "parts": 200}, "samples", 1),
        ("occlusion", {"square": 8, "stride": 4}, "stride", -1),
    ],
)
def test_what_does_not_fit_is_told_with_the_largest_setting_that_does(method, given, name, further):
    question = ask("vgg16", method, **given)
    takes = needed(question, method)
    room = takes.of(1) - takes.fixed // 2
    with pytest.raises(InputError) as refused:
        fitted(question, method, TINY, room)
    text = str(refused.value)
    assert f"{takes.of(1) / 1e9:.2g} GB" in text
    assert f"{room / 1e9:.2g} GB are free" in text
    title = next(p.title for p in METHODS[method].parameters if p.name == name)
    told = int(re.search(rf"{title} at (\d+)", text)[1])
    assert fitted(ask("vgg16", method, **{**given, name: told}), method, TINY, room).batch >= 1
    with pytest.raises(InputError):
        fitted(ask("vgg16", method, **{**given, name: told + further}), method, TINY, room)


def test_without_a_setting_to_change_it_says_what_else_helps():
    question = ask("vgg16", "deep_lift")
    takes = needed(question, "deep_lift")
    with pytest.raises(InputError, match="fits in bf16"):
        fitted(question, "deep_lift", TINY, takes.of(1) - 1)
    with pytest.raises(InputError, match="smaller network"):
        fitted(question, "deep_lift", TINY, takes.of(1) // 4)


def test_the_service_refuses_before_it_begins(service, monkeypatch):
    """With a fake amount of memory; what the method would do would fail the test."""
    request = AttributionRequest("vgg16:bundled", "cat", method="guided_grad_cam")
    monkeypatch.setattr(attribution, "free_memory", lambda _: 1000)
    monkeypatch.setitem(COMPUTE, "guided_grad_cam", lambda _: pytest.fail("it began"))
    with pytest.raises(InputError, match=r"one image at a time, and 1e-06 GB are free"):
        service.run(request)


def test_free_memory_is_what_the_system_says():
    free = free_memory(torch.device("cpu"))
    assert free is None or 10**6 < free < 10**13
