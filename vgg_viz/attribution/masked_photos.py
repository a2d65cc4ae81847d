"""Methods that cover parts of the photo, or of a layer's maps, and look at what the score does.

Score-CAM, Ablation-CAM and RISE. All are plain passes in batches without a graph.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgg_viz.attribution.fast_passes import FastPasses
from vgg_viz.attribution.question import Partial, Question
from vgg_viz.attribution.steps import MACS_A_STEP, images_a_step, portions

ENLARGED = "bilinear"  # with align_corners=False, here and wherever maps are drawn


def score_cam(question: Question) -> Iterator[Partial]:
    """Score-CAM of Wang et al. (arXiv 1910.01279): L = sum over k of w_k A_k, (h, w).

    Each map A_k, enlarged to the photo and scaled to [0, 1], masks the photo; w is the softmax over
    the maps of the scores of the masked photos. A map that is the same everywhere has no scale: its
    mask is 0, as in pytorch-grad-cam, and one pass of the empty photo serves all of them.
    """
    maps = question.activations
    spread = maps[0].float().flatten(1)
    alive = (spread.amax(1) > spread.amin(1)).nonzero()[:, 0].tolist()
    scores = torch.full((maps.shape[1],), float("-inf"), device=maps.device)
    steps = list(portions(len(alive), images_a_step(question, backward=False)))
    same = maps.shape[1] - len(alive)
    total = len(alive) + bool(same)
    done = 0
    if same:
        blank = torch.ones_like(scores, dtype=torch.bool)
        blank[alive] = False
        scores[blank] = question.scores(torch.zeros_like(question.image))
        done = 1
        yield Partial(_weighted(maps, scores), done, total)
    network = FastPasses(question.network)
    for places in steps:
        channels = [alive[i] for i in places]
        masks = unit_masks(maps[0, channels], question.image.shape[2:])
        scores[channels] = question.target.score(network(masked(question.image, masks))).float()
        done += len(channels)
        yield Partial(_weighted(maps, scores), done, total)


def unit_masks(maps: Tensor, size: torch.Size) -> Tensor:
    """Maps (N, h, w) enlarged to `size` and then scaled to [0, 1] each: (N, 1, H, W), fp32."""
    large = F.interpolate(maps[:, None].float(), size=size, mode=ENLARGED, align_corners=False)
    low, high = large.amin((2, 3), keepdim=True), large.amax((2, 3), keepdim=True)
    return (large - low) / (high - low).clamp(min=torch.finfo(large.dtype).tiny)


def masked(image: Tensor, masks: Tensor) -> Tensor:
    """The photo times each mask: the mean colour of the training photos where a mask is 0."""
    return (image * masks.to(image)).contiguous(memory_format=torch.channels_last)


def _weighted(maps: Tensor, scores: Tensor) -> Tensor:
    """Sum of the maps by the softmax of the scores; those without a score yet count nothing."""
    weights = scores.softmax(0)
    return torch.einsum("k,khw->hw", weights, maps[0].float())


# --- Ablation-CAM --------------------------------------------------------------------------------


def ablation_cam(question: Question) -> Iterator[Partial]:
    """Ablation-CAM of Desai & Ramaswamy (WACV 2020): w_k = (y - y_k) / |y|, L = sum of w_k A_k.

    y_k is the score with channel k of the layer set to 0. Only the layers behind it run. The paper
    divides by y; of a negative score that would turn the map's sign around. A channel that is 0
    already changes nothing and costs nothing.
    """
    maps = question.activations
    tail = _behind(question)
    score = question.target.score(question.seen.logits.detach())[0].float()
    scale = score.abs() if float(score) else score.new_ones(())
    firing = maps[0].flatten(1).any(1).nonzero()[:, 0].tolist()
    weights = torch.zeros(maps.shape[1], device=maps.device)
    done, total = 0, max(1, len(firing))
    if not firing:
        yield Partial(torch.zeros(maps.shape[2:], device=maps.device))
    for places in portions(len(firing), _images_behind(question)):
        channels = torch.tensor([firing[i] for i in places], device=maps.device)
        with torch.inference_mode():
            changed = maps.repeat(len(channels), 1, 1, 1)
            changed[torch.arange(len(channels), device=maps.device), channels] = 0
            logits = changed
            for module in tail:
                logits = module(logits)
            weights[channels] = (score - question.target.score(logits).float()) / scale
        done += len(channels)
        grid = torch.einsum("k,khw->hw", weights, maps[0].float())
        yield Partial(grid, done, total)


def _behind(question: Question) -> list[nn.Module]:
    """The layers behind the question's."""
    children = list(question.network.named_children())
    at = [name for name, _ in children].index(question.layer)
    return [module for _, module in children[at + 1 :]]


def _images_behind(question: Question) -> int:
    """How many changed maps run behind the layer in one short step."""
    names = [name for name, _ in question.network.named_children()]
    later = set(names[names.index(question.layer) + 1 :])
    macs = 1.0
    for name, module in question.network.named_children():
        if name in later and isinstance(module, nn.Conv2d | nn.Linear):
            made = question.seen.outputs.get(name)
            places = 1 if made is None or made.dim() == 2 else made[0, 0].numel()
            macs += module.weight.numel() * places
    # Maps of a layer take less memory than all layers of an image do.
    return max(1, min(4 * question.batch, int(2 * MACS_A_STEP // macs)))


# --- RISE ----------------------------------------------------------------------------------------


def rise(question: Question) -> Iterator[Partial]:
    """RISE of Petsiuk et al. (arXiv 1806.07421): the mean of random masks, weighted by the score.

    S = 1 / (N p) sum over i of (y_i - mean of y) M_i, (H, W). A mask is a grid of zeros and ones, a
    cell 1 with probability p, enlarged smoothly and moved by a random part of a cell. The paper
    does not take the mean score off; without it the same map stands on a constant, and is noisier.
    """
    count, cells, share = question.count("masks"), question.count("cells"), question.number("share")
    grids, shifts = random_grids(
        count, cells, share, question.image.shape[-1], question.generator()
    )
    side = question.image.shape[-1]
    by_score = torch.zeros(side, side, device=question.image.device)
    plain = torch.zeros_like(by_score)
    as_probability = question.choice("score") == "probability"
    scores = torch.zeros((), device=by_score.device)
    network = FastPasses(question.network)
    done = 0
    yield Partial(torch.zeros_like(plain), done, count)
    for places in portions(count, images_a_step(question, backward=False)):
        some = slice(places.start, places.stop)
        masks = moved_masks(grids[some], shifts[some], side).to(by_score.device)
        logits = network(masked(question.image, masks)).float()
        found = question.target.score(logits.softmax(1) if as_probability else logits)
        by_score += torch.einsum("n,nhw->hw", found, masks[:, 0])
        plain += masks[:, 0].sum(0)
        scores += found.sum()
        done += len(places)
        grid = (by_score - scores / done * plain) / (done * share)
        yield Partial(grid, done, count)


def random_grids(
    count: int, cells: int, share: float, side: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Grids (N, 1, cells, cells) of 0 and 1, and how far each is moved, px (N, 2)."""
    grids = (torch.rand(count, 1, cells, cells, generator=generator) < share).float()
    shifts = torch.randint(0, -(-side // cells), (count, 2), generator=generator)
    return grids, shifts


def moved_masks(grids: Tensor, shifts: Tensor, side: int) -> Tensor:
    """Masks (N, 1, side, side) of grids: one cell larger than the photo, then cut out."""
    cells = grids.shape[-1]
    large_side = (cells + 1) * -(-side // cells)
    large = F.interpolate(grids, size=(large_side, large_side), mode=ENLARGED, align_corners=False)
    return torch.stack(
        [
            mask[:, y : y + side, x : x + side]
            for mask, (y, x) in zip(large, shifts.tolist(), strict=True)
        ]
    )
