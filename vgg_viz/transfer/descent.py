"""Ways down a function of a picture: L-BFGS and Adam, one evaluation at a time.

A descent names a `candidate`; whoever uses it computes loss and gradient there and tells them. So a
step never takes longer than one evaluation, a descent is stopped between any two, and a copy of it
goes on to the same bits.

    while wanted:
        loss, gradient = evaluate(descent.candidate)
        descent.tell(loss, gradient)
"""

import math
from typing import Protocol

from torch import Tensor

MEMORY = 10  # pairs of L-BFGS; each is two pictures
SUFFICIENT, CURVATURE = 1e-4, 0.9  # c1 and c2 of the Wolfe conditions, as usual for quasi-Newton
TRIALS = 12  # evaluations on one line, at most
FIRST_MOVE = 0.01  # root mean square of the first trial's change, on the picture's scale of 0 to 1
# Adam's constants are its paper's (arXiv 1412.6980).
FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.999, 1e-8


class Descent(Protocol):
    """What both ways have in common."""

    point: Tensor  # where it stands
    candidate: Tensor  # where loss and gradient are wanted
    ended: bool  # nothing smaller is found any more

    def tell(self, loss: float, gradient: Tensor) -> bool:
        """Loss and gradient at `candidate`; whether `point` is there now."""
        ...


class QuasiNewton:
    """L-BFGS (Liu & Nocedal 1989): the loss falls at every accepted step.

    The direction is -H g, H from the last pairs of changes of point and gradient (two-loop
    recursion); the length is found by bisection until the weak Wolfe conditions hold:
    f(x + t d) <= f(x) + c1 t g.d and g(x + t d).d >= c2 g.d. After TRIALS the best point that
    satisfies the first of them is taken; where there is none, the pairs are dropped, and where
    there are no pairs either it has `ended`.
    """

    def __init__(self, start: Tensor, memory: int = MEMORY) -> None:
        self.point = self.candidate = start
        self.ended = False
        self._memory = memory
        self._pairs: list[tuple[Tensor, Tensor, float]] = []  # s, y, 1 / s.y
        self._loss = math.inf
        self._gradient: Tensor | None = None  # at the point
        self._direction = start
        self._slope = 0.0  # g.d
        self._low, self._high, self._length, self._trials = 0.0, math.inf, 0.0, 0
        self._best: tuple[float, float, Tensor] | None = None  # length, loss, gradient

    def tell(self, loss: float, gradient: Tensor) -> bool:
        """Loss and gradient at `candidate`; whether `point` is there now."""
        if self._gradient is None:
            self._loss, self._gradient = loss, gradient
            self._begin_line()
            return True
        self._trials += 1
        enough = loss <= self._loss + SUFFICIENT * self._length * self._slope
        if not (enough and math.isfinite(loss)):
            self._high = self._length
        else:
            if self._best is None or loss < self._best[1]:
                self._best = self._length, loss, gradient
            if _dot(gradient, self._direction) >= CURVATURE * self._slope:
                return self._accept(self._length, loss, gradient)
            self._low = self._length
        if self._trials < TRIALS:
            far = math.isinf(self._high)
            self._try(2 * self._low if far else (self._low + self._high) / 2)
            return False
        if self._best is not None:
            return self._accept(*self._best)
        self.ended = not self._pairs
        self._pairs.clear()
        self._begin_line()
        return False

    def _accept(self, length: float, loss: float, gradient: Tensor) -> bool:
        assert self._gradient is not None  # noqa: S101 - there is one since the first `tell`
        moved, changed = length * self._direction, gradient - self._gradient
        curved = _dot(moved, changed)
        if curved > 1e-10 * _norm(moved) * _norm(changed):
            self._pairs = [*self._pairs[1 - self._memory :], (moved, changed, 1 / curved)]
        self.point = self.point + moved
        self._loss, self._gradient = loss, gradient
        self._begin_line()
        return True

    def _begin_line(self) -> None:
        assert self._gradient is not None  # noqa: S101 - as above
        size = _norm(self._gradient)
        if not (size > 0 and math.isfinite(size)):
            self.ended = True
            return
        self._direction = self._descent_direction(self._gradient)
        self._slope = _dot(self._gradient, self._direction)
        if self._slope >= 0:  # rounding has spoilt the pairs
            self._pairs.clear()
            self._direction, self._slope = -self._gradient, -(size**2)
        self._low, self._high, self._trials, self._best = 0.0, math.inf, 0, None
        first = FIRST_MOVE * math.sqrt(self.point.numel()) / size
        self._try(1.0 if self._pairs else first)

    def _descent_direction(self, gradient: Tensor) -> Tensor:
        """-H g by the two-loop recursion; -g without pairs."""
        direction = -gradient
        shares = []
        for moved, changed, scale in reversed(self._pairs):
            share = scale * _dot(moved, direction)
            shares.append(share)
            direction = direction - share * changed
        if self._pairs:
            _, changed, scale = self._pairs[-1]
            direction = direction / (scale * _dot(changed, changed))
        for (moved, changed, scale), share in zip(self._pairs, reversed(shares), strict=True):
            direction = direction + (share - scale * _dot(changed, direction)) * moved
        return direction

    def _try(self, length: float) -> None:
        self._length = length
        self.candidate = self.point + length * self._direction


class Adam:
    """Adam (Kingma & Ba, arXiv 1412.6980): every evaluation is a step, up or down."""

    def __init__(self, start: Tensor, learning_rate: float) -> None:
        self.point = self.candidate = start
        self.ended = False
        self._rate = learning_rate
        self._first, self._second = start * 0, start * 0
        self._taken = 0

    def tell(self, loss: float, gradient: Tensor) -> bool:
        """Loss and gradient at `candidate`; always True."""
        self.point = self.candidate
        if not math.isfinite(loss):
            self.ended = True
            return True
        self._taken += 1
        self._first = self._first.lerp(gradient, 1 - FIRST_MOMENT)
        self._second = self._second.lerp(gradient.square(), 1 - SECOND_MOMENT)
        first = self._first / (1 - FIRST_MOMENT**self._taken)
        second = self._second / (1 - SECOND_MOMENT**self._taken)
        self.candidate = self.point - self._rate * first / (second.sqrt() + TINY)
        return True


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a.double() * b.double()).sum())


def _norm(a: Tensor) -> float:
    return math.sqrt(_dot(a, a))
