"""LIME and Kernel SHAP: a linear model of the score, over parts of the photo that are there or not.

A part that is not there is filled with a baseline. The network runs on plain batches without a
graph; nothing is registered on it.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgg_viz.attribution.baselines import baseline
from vgg_viz.attribution.fast_passes import FastPasses
from vgg_viz.attribution.question import Partial, Question
from vgg_viz.attribution.steps import images_a_step, portions

Float64 = NDArray[np.float64]
# Defaults of the authors' program, github.com/marcotcr/lime, for images: the width of the kernel
# over the cosine distance, and the weight of |coefficients|^2. Its kernel is the square root of the
# paper's exp(-d^2 / width^2).
LIME_WIDTH = 0.25
LIME_RIDGE = 1.0
COMPACTNESS = 0.4  # weight of a distance of one cell against the colours' range


def segments(pixels: Float64, count: int) -> NDArray[np.int64]:
    """About `count` parts of a picture (H, W, 3) in [0, 1], of like colour and place: (H, W).

    k-means over colour and place from a regular grid, the idea of SLIC (Achanta et al., TPAMI
    2012), over the whole picture and in RGB; a part can have pieces that do not touch. Numbered
    from 0 without gaps.
    """
    from sklearn.cluster import KMeans

    height, width, _ = pixels.shape
    across = max(1, min(width, round(math.sqrt(count * width / height))))
    down = max(1, min(height, round(count / across)))
    y, x = np.mgrid[0:height, 0:width]
    scale = COMPACTNESS / math.sqrt(height * width / (across * down))
    table = np.concatenate(
        [pixels.reshape(-1, 3), scale * np.stack([y.ravel(), x.ravel()], axis=1)], axis=1
    )
    rows = ((np.arange(down) + 0.5) * height / down).astype(int)
    columns = ((np.arange(across) + 0.5) * width / across).astype(int)
    centres = table[(rows[:, None] * width + columns[None]).ravel()]
    means = KMeans(len(centres), init=centres, n_init=1, max_iter=10, algorithm="lloyd")
    labels = means.fit_predict(table) if len(centres) > 1 else np.zeros(len(table), np.int64)
    return np.unique(labels, return_inverse=True)[1].reshape(height, width)


def lime(question: Question) -> Iterator[Partial]:
    """LIME of Ribeiro et al. (arXiv 1602.04938): coefficients of a weighted ridge regression.

    Every part is there with probability 1/2, the first sample is the whole photo. Samples weigh
    exp(-d^2 / (2 x 0.25^2)), d the cosine distance from the whole photo, as in the authors'
    program. (H, W): each part's coefficient.
    """
    parts = _segments_of(question)
    names, count = int(parts.max()) + 1, question.count("samples")
    yield Partial(_painted(question, parts, np.zeros(names)), 0, count)
    there = torch.rand(count, names, generator=question.generator()) < 0.5
    there[0] = True
    table = there.numpy().astype(np.float64)
    weights = np.exp(-((1 - np.sqrt(table.mean(1))) ** 2) / (2 * LIME_WIDTH**2))
    for done, scores in _scored(question, parts, there):
        found, fit = ridge(table[:done], scores, weights[:done], LIME_RIDGE)
        yield Partial(
            _painted(question, parts, found), done, count, {"R² of the linear model": fit}
        )


def ridge(
    table: Float64, scores: Float64, weights: Float64, strength: float
) -> tuple[Float64, float]:
    """Coefficients of scores ~ table with an intercept, samples weighted; and the weighted R²."""
    share = weights / weights.sum()
    centred, residual = table - share @ table, scores - share @ scores
    gram = centred.T @ (weights[:, None] * centred) + strength * np.eye(table.shape[1])
    found = np.linalg.solve(gram, centred.T @ (weights * residual))
    return found, _explained(residual, centred @ found, weights)


def kernel_shap(question: Question) -> Iterator[Partial]:
    """Kernel SHAP of Lundberg & Lee (arXiv 1705.07874): Shapley values of the parts, (H, W).

    Coalitions come in pairs of a set and its complement, their sizes k drawn by the Shapley
    kernel (M - 1) / (k (M - k)) summed over a size's sets; with at least 2^M - 2 samples all sets
    are taken once, weighted by the kernel, and the values are exact. That they sum to
    y(photo) - y(baseline) is a constraint of the fit.
    """
    parts = _segments_of(question)
    names = int(parts.max()) + 1
    there, weights = coalitions(names, question.count("samples"), question.generator())
    blank = baseline(question, question.choice("baseline"), question.generator())
    whole = question.target.score(question.seen.logits.detach())[0].item()
    empty = question.scores(blank)[0].item()
    yield Partial(_painted(question, parts, np.zeros(names)), 0, len(there))
    table = there.numpy().astype(np.float64)
    if names == 1:
        yield Partial(_painted(question, parts, np.array([whole - empty])))
        return
    for done, scores in _scored(question, parts, there):
        found = shapley_fit(table[:done], scores, weights[:done], whole, empty)
        checks = {"completeness error": abs(float(found.sum()) - (whole - empty))}
        yield Partial(_painted(question, parts, found), done, len(table), checks)


def coalitions(names: int, count: int, generator: torch.Generator) -> tuple[Tensor, Float64]:
    """Sets of parts that are there, bool (N, names), never none nor all; and their weights (N,)."""
    if names < 2:
        return torch.ones(1, names, dtype=torch.bool), np.ones(1)
    if names <= 16 and count >= 2**names - 2:
        numbers = torch.arange(1, 2**names - 1)
        there = (numbers[:, None] >> torch.arange(names)) % 2 == 1
        held = there.sum(1).numpy()
        ways = np.array([math.comb(names, int(size)) for size in held], dtype=np.float64)
        return there, (names - 1) / (ways * held * (names - held))
    sizes = torch.arange(1, names)
    odds = 1.0 / (sizes * (names - sizes))
    drawn = sizes[torch.multinomial(odds, -(-count // 2), replacement=True, generator=generator)]
    # The `size` smallest of random numbers are a random set.
    ranks = torch.rand(len(drawn), names, generator=generator).argsort(1).argsort(1)
    half = ranks < drawn[:, None]
    both = torch.stack([half, ~half], dim=1).flatten(0, 1)[:count]
    return both, np.ones(len(both))


def shapley_fit(
    table: Float64, scores: Float64, weights: Float64, whole: float, empty: float
) -> Float64:
    """Weighted least squares of scores - empty over the parts, the values summing to whole - empty.

    The last value is what is left to the sum; of fewer samples than parts the smallest solution.
    """
    gain = whole - empty
    wanted = scores - empty - table[:, -1] * gain
    reduced = table[:, :-1] - table[:, -1:]
    root = np.sqrt(weights)
    found = np.linalg.lstsq(root[:, None] * reduced, root * wanted, rcond=None)[0]
    return np.append(found, gain - found.sum())


def _explained(values: Float64, predicted: Float64, weights: Float64) -> float:
    """Weighted R², of values around their mean; 1 where there is nothing to explain."""
    whole = float(weights @ values**2)
    left = float(weights @ (values - predicted) ** 2)
    return 1.0 if whole <= 1e-20 else 1 - left / whole


def _segments_of(question: Question) -> NDArray[np.int64]:
    """The photo's parts."""
    mean, std = (
        np.array(values) for values in (question.preprocessing.mean, question.preprocessing.std)
    )
    image = question.image[0].float().cpu().permute(1, 2, 0).numpy().astype(np.float64)
    return segments(np.clip(image * std + mean, 0, 1), question.count("parts"))


def _scored(
    question: Question, parts: NDArray[np.int64], there: Tensor
) -> Iterator[tuple[int, Float64]]:
    """After every batch: how many samples have their score, and those scores."""
    image, at = question.image, torch.from_numpy(parts).to(question.image.device)
    blank = baseline(question, question.choice("baseline"), question.generator())
    network = FastPasses(question.network)
    scores: list[Float64] = []
    for places in portions(len(there), images_a_step(question, backward=False)):
        chosen = there[places.start : places.stop].to(image.device)[:, at][:, None]
        batch = torch.where(chosen, image, blank).contiguous(memory_format=torch.channels_last)
        found = question.target.score(network(batch)).float().cpu()
        scores.append(found.numpy().astype(np.float64))
        yield places.stop, np.concatenate(scores)


def _painted(question: Question, parts: NDArray[np.int64], values: Float64) -> Tensor:
    """(H, W): every pixel has its part's value."""
    return torch.from_numpy(values[parts].astype(np.float32)).to(question.image.device)
