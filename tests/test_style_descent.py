"""L-BFGS and Adam of style transfers on functions whose minimum is known."""

import copy
import math
from itertools import pairwise

import pytest
import torch

from vgg_viz.transfer.descent import FIRST_MOVE, MEMORY, Adam, QuasiNewton


def quadratic(scales):
    """1/2 sum of s x^2 and its gradient."""

    def evaluate(x):
        return float((scales * x.square()).sum() / 2), scales * x

    return evaluate


def rosenbrock(x):
    leaf = x.detach().requires_grad_()
    value = 100 * (leaf[1] - leaf[0] ** 2) ** 2 + (1 - leaf[0]) ** 2
    (gradient,) = torch.autograd.grad(value, leaf)
    return float(value.detach()), gradient


def went_down(descent, evaluate, evaluations):
    """The losses at accepted points."""
    losses = []
    for _ in range(evaluations):
        if descent.ended:
            break
        loss, gradient = evaluate(descent.candidate)
        if descent.tell(loss, gradient):
            losses.append(loss)
    return losses


def test_the_first_trial_goes_downhill_by_the_first_move():
    descent = QuasiNewton(torch.tensor([3.0, 4.0]))
    descent.tell(12.5, torch.tensor([3.0, 4.0]))
    moved = descent.candidate - descent.point
    torch.testing.assert_close(moved, -FIRST_MOVE * math.sqrt(2) * torch.tensor([0.6, 0.8]))


def test_quasi_newton_finds_the_minimum_of_a_badly_scaled_quadratic():
    scales = torch.logspace(-2, 2, 30, dtype=torch.float64)
    descent = QuasiNewton(torch.ones(30, dtype=torch.float64))
    losses = went_down(descent, quadratic(scales), 400)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-9 * losses[0]
    assert len(descent._pairs) <= MEMORY


def test_quasi_newton_follows_a_bent_valley_and_never_goes_up():
    descent = QuasiNewton(torch.tensor([-1.2, 1.0], dtype=torch.float64))
    losses = went_down(descent, rosenbrock, 200)
    assert all(later < earlier for earlier, later in pairwise(losses))
    torch.testing.assert_close(descent.point, torch.ones(2, dtype=torch.float64), atol=1e-4, rtol=0)


def test_the_direction_is_that_of_the_written_out_inverse_hessian():
    """H from the pairs by the BFGS update itself, begun with the same multiple of 1."""
    scales = torch.tensor([1.0, 7.0, 30.0], dtype=torch.float64)
    descent = QuasiNewton(torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64))
    went_down(descent, quadratic(scales), 8)
    assert len(descent._pairs) >= 3
    moved, changed, scale = descent._pairs[-1]
    inverse = torch.eye(3, dtype=torch.float64) / (scale * (changed @ changed))
    for s, y, rho in descent._pairs:
        turn = torch.eye(3, dtype=torch.float64) - rho * torch.outer(s, y)
        inverse = turn @ inverse @ turn.T + rho * torch.outer(s, s)
    expected = -inverse @ descent._gradient
    torch.testing.assert_close(descent._direction, expected)
    assert scale == pytest.approx(1 / float(moved @ changed))


def test_what_is_no_number_is_never_accepted():
    """The logarithm is defined on one side alone: long steps leave it."""

    def evaluate(x):
        value = x - x.log()
        return float(value), 1 - 1 / x

    descent = QuasiNewton(torch.tensor(40.0, dtype=torch.float64))
    descent.tell(*evaluate(descent.candidate))
    descent.tell(math.nan, torch.tensor(math.nan, dtype=torch.float64))
    assert float(descent.point) == 40
    went_down(descent, evaluate, 80)
    assert float(descent.point) == pytest.approx(1, abs=1e-3)


def test_at_the_minimum_it_has_ended():
    descent = QuasiNewton(torch.zeros(4))
    assert descent.tell(0.0, torch.zeros(4))
    assert descent.ended
    lost = QuasiNewton(torch.ones(4))
    lost.tell(1.0, torch.ones(4))
    for _ in range(100):
        if lost.ended:
            break
        lost.tell(2.0, torch.ones(4))  # nothing is smaller anywhere
    assert lost.ended
    assert torch.equal(lost.point, torch.ones(4))


def test_the_first_step_of_adam_has_the_length_of_its_rate():
    descent = Adam(torch.tensor([1.0, -2.0, 0.5]), 0.01)
    descent.tell(1.0, torch.tensor([5.0, -0.1, 3.0]))
    expected = torch.tensor([0.99, -1.99, 0.49])
    torch.testing.assert_close(descent.candidate, expected)


def test_adam_equals_torchs():
    start, scales = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([1.0, 5.0, 0.2])
    descent = Adam(start, 0.05)
    leaf = start.clone().requires_grad_()
    theirs = torch.optim.Adam([leaf], lr=0.05)
    for _ in range(20):
        descent.tell(*quadratic(scales)(descent.candidate))
        leaf.grad = scales * leaf.detach()
        theirs.step()
    torch.testing.assert_close(descent.candidate, leaf.detach())


def test_adam_ends_where_there_is_no_number():
    descent = Adam(torch.ones(2), 0.05)
    descent.tell(math.inf, torch.ones(2))
    assert descent.ended


def test_a_copy_goes_on_to_the_same_bits():
    scales = torch.logspace(-1, 1, 8)
    descent = QuasiNewton(torch.ones(8))
    went_down(descent, quadratic(scales), 7)
    other = copy.deepcopy(descent)
    assert went_down(descent, quadratic(scales), 9) == went_down(other, quadratic(scales), 9)
    assert torch.equal(descent.point, other.point)
