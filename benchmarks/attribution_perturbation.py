"""Occlusion, Score-CAM and RISE against captum, torchcam, pytorch-grad-cam and plain loops.

    occlusion    32-px square, stride 16, grey: captum at each of its settings; brute force in
                 batches, channels last. All maps have to agree.
    Score-CAM    at the last convolution: torchcam and pytorch-grad-cam at each of their batches,
                 and ours in bf16. They scale masks before enlarging, or enlarge with
                 align_corners=True, so their maps are near ours and not equal: told as rank
                 correlation, as bf16 is.
    RISE         the published loop: all masks first, then batches.

The peers' best setting counts. `--channels` of the last convolution make Score-CAM's passes fewer.
"""

import copy
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.attribution import OURS, Contender, Part, describe, finished, measure, question_of
from benchmarks.inspection import RECORDED, Case, Maps, vgg16_case
from benchmarks.measure import machine, table
from vgg_viz.attribution.masked_photos import masked, moved_masks, random_grids
from vgg_viz.attribution.occlusion import Squares
from vgg_viz.attribution.steps import portions
from vgg_viz.models.configs import build
from vgg_viz.models.networks import build_network
from vgg_viz.service.allocator import keep_freed_memory

SQUARE, STRIDE = 32, 16
BATCHES = (4, 16)
MASKS, CELLS, SHARE = 48, 7, 0.5

CAPTUM, BRUTE = "captum", "brute force"
TORCHCAM, PYTORCH_GRAD_CAM, BF16 = "torchcam", "pytorch-grad-cam", "ours in bf16"
PUBLISHED = "published loop"


# --- occlusion -----------------------------------------------------------------------------------


def occlusion(case: Case, square: int = SQUARE, stride: int = STRIDE) -> Part:
    """Every place of a grey square."""
    from captum.attr import Occlusion

    question = question_of(case, "occlusion", square=square, stride=stride)
    method = Occlusion(case.network)

    def captum(batch: int) -> Maps:
        made = method.attribute(
            case.image,
            (3, square, square),
            strides=(3, stride, stride),
            target=case.target,
            baselines=0,
            perturbations_per_eval=batch,
        )
        return {"occlusion": made[:, 0]}

    peers = {
        **_each(BRUTE, BATCHES, lambda batch: brute_force(case, square, stride, batch)),
        **_each(CAPTUM, (1, *BATCHES), captum),
    }
    return Part(
        f"occlusion, {square} px square, stride {stride}",
        {OURS: Contender(lambda: finished(question, "occlusion")), **peers},
        slow=tuple(peers),
        bars=((OURS, CAPTUM, 1 / 8), (OURS, BRUTE, 1 / 6)),
    )


def brute_force(case: Case, square: int, stride: int, batch: int) -> Maps:
    """Whole passes of the changed photos, in batches without a graph."""
    side = case.image.shape[-1]
    corners = Squares(side, square, stride).corners
    total, covered = torch.zeros(side, side), torch.zeros(side, side)
    with torch.inference_mode():
        whole = case.network(case.image)[0, case.target]
        for places in portions(len(corners), batch):
            images = case.image.repeat(len(places), 1, 1, 1)
            for image, place in zip(images, places, strict=True):
                top, left = corners[place]
                image[:, top : top + square, left : left + square] = 0
            drops = whole - case.network(images)[:, case.target]
            for place, drop in zip(places, drops, strict=True):
                top, left = corners[place]
                total[top : top + square, left : left + square] += drop
                covered[top : top + square, left : left + square] += 1
    return {"occlusion": (total / covered.clamp(min=1))[None]}


# --- Score-CAM -----------------------------------------------------------------------------------


def narrow_case(channels: int, width: float = 1, side: int = 224, classes: int = 1000) -> Case:
    """VGG-16 whose last convolution has `channels`: that many passes, each almost as long."""
    usual = build("vgg16", width=width, classes=classes, input_size=side)
    config = build(
        "vgg16",
        channels=(*usual.channels[:-1], channels),
        hidden=usual.hidden,
        classes=classes,
        input_size=side,
    )
    network = build_network(config, seed=0).requires_grad_(False)
    recorded = tuple(row.name for row in config.layers if row.kind in RECORDED)
    return replace(vgg16_case(1 / 16, side, classes), network=network, recorded=recorded)


def score_cam(case: Case) -> Part:
    """At the last convolution, before its ReLU, where every map has a scale."""
    layer = case.convs[-1]
    question = question_of(case, "score_cam")
    half = replace(
        case,
        network=copy.deepcopy(case.network).to(torch.bfloat16),
        image=case.image.to(torch.bfloat16),
    )
    asked = question_of(half, "score_cam")

    def torchcam(batch: int) -> Maps:
        from torchcam.methods import ScoreCAM

        shape = tuple(case.image.shape[1:])
        with ScoreCAM(case.network, layer, batch_size=batch, input_shape=shape) as extractor:
            with torch.inference_mode():
                scores = case.network(case.image)
            return {"score_cam": extractor(case.target, scores, normalized=False)[0]}

    def pytorch_grad_cam(batch: int) -> Maps:
        from pytorch_grad_cam import ScoreCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        with ScoreCAM(case.network, [case.network.get_submodule(layer)]) as method:
            method.batch_size = batch
            made = method(case.image, targets=[ClassifierOutputTarget(case.target)])
        return {"score_cam": torch.from_numpy(made)}

    peers = {
        **_each(TORCHCAM, BATCHES, torchcam),
        **_each(PYTORCH_GRAD_CAM, BATCHES, pytorch_grad_cam),
    }
    return Part(
        f"Score-CAM at {layer}, {question.activations.shape[1]} maps",
        {
            OURS: Contender(lambda: finished(question, "score_cam")),
            BF16: Contender(lambda: finished(asked, "score_cam"), checked=False),
            **{name: replace(peer, checked=False) for name, peer in peers.items()},
        },
        bars=(
            (OURS, TORCHCAM, 1 / 1.3),
            (OURS, PYTORCH_GRAD_CAM, 1 / 1.3),
            (BF16, TORCHCAM, 1 / 2.2),
            (BF16, PYTORCH_GRAD_CAM, 1 / 2.2),
        ),
    )


def rank_correlations(part: Part) -> dict[str, float]:
    """Spearman's, of what each contender draws with what we draw, at its resolution."""
    (key, raw), *_ = part.contenders[OURS].run().items()
    found = {}
    for name, each in part.contenders.items():
        made = each.run()[key].float()
        ours = raw if name in (OURS, BF16) else raw.relu()
        if made.shape != ours.shape:
            size = tuple(made.shape[1:])
            ours = F.interpolate(ours[None], size=size, mode="bilinear", align_corners=False)[0]
        found[name] = spearman(ours, made)
    return found


def spearman(a: Tensor, b: Tensor) -> float:
    """Rank correlation; equal values share their mean rank."""
    from scipy.stats import rankdata

    ranks = [rankdata(each.detach().numpy().ravel()) for each in (a, b)]
    return float(np.corrcoef(ranks)[0, 1])


# --- RISE ----------------------------------------------------------------------------------------


def rise(case: Case, count: int = MASKS) -> Part:
    """The same masks for both."""
    question = question_of(case, "rise", masks=count, cells=CELLS, share=SHARE)
    side = case.image.shape[-1]

    def published(batch: int) -> Maps:
        masks = moved_masks(*random_grids(count, CELLS, SHARE, side, question.generator()), side)
        stack = masked(case.image, masks)
        with torch.no_grad():
            made = [case.network(some)[:, case.target] for some in stack.split(batch)]
        scores = torch.cat(made)
        scores = scores - scores.mean()
        return {"rise": (scores @ masks.view(count, -1) / count / SHARE).view(1, side, side)}

    return Part(
        f"RISE, {count} masks",
        {
            OURS: Contender(lambda: finished(question, "rise")),
            **_each(PUBLISHED, BATCHES, published),
        },
        bars=((OURS, PUBLISHED, 1.0),),
    )


def _each(name: str, batches: tuple[int, ...], run: Callable[[int], Maps]) -> dict[str, Contender]:
    return {
        f"{name}, {batch} a pass": Contender(lambda batch=batch: run(batch)) for batch in batches
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure at full size and print."""
    given = sys.argv[1:] if arguments is None else arguments
    channels = int(given[given.index("--channels") + 1]) if "--channels" in given else 512
    keep_freed_memory()
    print(
        "VGG-16, 224 px, fp32 but where said, channels last; the best setting of each peer counts"
    )
    print(machine())
    case, narrow = vgg16_case(), narrow_case(channels)
    for part in (occlusion(case), rise(case), score_cam(narrow)):
        print(describe(part, measure(part, rounds=3, slow_rounds=1)))
        if any(not each.checked for each in part.contenders.values()):
            rows = [(name, f"{value:.5f}") for name, value in rank_correlations(part).items()]
            print("\n" + table(("contender", "rank correlation with ours"), rows))
        print(flush=True)


if __name__ == "__main__":
    main()
