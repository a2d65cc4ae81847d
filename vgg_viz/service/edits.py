"""Answers about edits, carrying channels and moved photos; runs on the worker's thread alone."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vgg_viz.architecture import describe
from vgg_viz.attribution.cam import grad_cam
from vgg_viz.capture import Inspection
from vgg_viz.edits import (
    Edit,
    Region,
    answering,
    edited_gradients,
    edited_row,
    gradient_scores,
    greedy_channels,
    prefixes,
    random_orders,
    removal_logits,
)
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.images import Photo
from vgg_viz.invariance import invariance, transformed, values
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.preprocessing import Preprocessing
from vgg_viz.requests import CarryingChannelsRequest, EditRequest, InvarianceRequest
from vgg_viz.results import Attribution, CarryingChannels, Edited, Float32, Invariance
from vgg_viz.service.devices import host_copy

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

WATCHED = 8  # maps of a later layer that come back
ORDERS_BY: tuple[str, ...] = ("gradient", "greedy", "random")
RANDOM_ORDERS = 16
MOST_CHANNELS = 64  # to remove one after another
MOST_STEPS = 41
MOST_MACS = 2 * 10**12  # of one question: half a minute on two cores, when other visitors wait
LEAST_CANDIDATES = 8  # that a step of a greedy search tries
PICTURE = 112  # px of a transformed photo's picture


def edit(executor: "Executor", request: EditRequest, photos: tuple[Photo, ...]) -> Edited:
    """Run the network behind the edited layer once more, with the edit.

    UnknownNameError for layers or a class the network does not have; InputError for channels,
    factors or a region that cannot be.
    """
    ready = executor.ready(request.model, request.precision)
    config = ready.loaded.config
    seen = executor.inspection(request, photos[0])
    wanted = _edit(config, request)
    _kept(seen, wanted.layer)
    other = None
    if request.swap is not None:
        other = executor.inspection(request, photos[1]).outputs[wanted.layer].detach()
    target = _target(seen, request.target)
    cam_row = edited_row(config, request.cam_layer or config.convs[-1])
    if seen.outputs[_kept(seen, cam_row)].dim() != 4:
        raise UnknownNameError.among("layer with maps", str(request.cam_layer), config.convs)
    behind = _compared(config, wanted.layer)
    watched = _watched(config, request, behind)
    keep = set(behind.values())
    maps, gradient, made = edited_gradients(
        ready.network, seen.outputs, wanted, cam_row, target, other=other, keep=keep
    )
    before = executor.gradients(request, photos[0], seen, target)
    channels, maps_before, maps_after = _most_changed(
        seen.outputs[behind[watched]].detach(), made.outputs[behind[watched]].detach()
    )

    def cam(activations: Tensor, gradients: Tensor, logits: Tensor) -> Attribution:
        return Attribution(
            grid=host_copy(grad_cam(activations, gradients)[0]),
            method="grad_cam",
            layer=cam_row,
            target=target,
            target_name=ready.loaded.classes[target],
            score=float(logits[0, target].detach()),
            provenance=executor.provenance(ready, request.precision),
        )

    return Edited(
        layer=request.layer,
        row=wanted.layer,
        channels=seen.outputs[wanted.layer].shape[1],
        classes=ready.loaded.classes,
        logits_before=host_copy(seen.logits[0]),
        logits_after=host_copy(made.logits[0]),
        probabilities_before=host_copy(seen.logits[0].detach().float().softmax(0)),
        probabilities_after=host_copy(made.logits[0].detach().float().softmax(0)),
        cam_before=cam(seen.outputs[cam_row], before[cam_row], seen.logits),
        cam_after=cam(maps, gradient, made.logits),
        layers=tuple(behind),
        distances=np.array(
            [_distance(seen.outputs[row], made.outputs[row]) for row in behind.values()], np.float32
        ),
        watched=watched,
        watched_channels=channels,
        maps_before=maps_before,
        maps_after=maps_after,
        work_share=_macs_behind(config, wanted.layer) / describe(config).macs,
        provenance=executor.provenance(ready, request.precision),
    )


def carrying_channels(
    executor: "Executor", request: CarryingChannelsRequest, photos: tuple[Photo, ...]
) -> CarryingChannels:
    """Which channels of a layer carry a class: remove them one after another.

    InputError for a number of channels beyond the limit, or a search that would take too long.
    """
    if not 1 <= request.count <= MOST_CHANNELS:
        raise InputError(f"Ask for 1 to {MOST_CHANNELS} channels, not {request.count}.")
    if request.method not in ORDERS_BY:
        raise UnknownNameError.among("way to choose channels", request.method, ORDERS_BY)
    ready = executor.ready(request.model)
    config, network = ready.loaded.config, ready.network
    row = edited_row(config, request.layer)
    seen = executor.inspection(request, photos[0])
    target = _target(seen, request.target)
    maps = seen.outputs[_kept(seen, row)].detach()
    orders: tuple[tuple[int, ...], ...]
    passes, candidates, alive = 0, 0, len(answering(maps))
    match request.method:
        case "gradient":
            gradient = executor.gradients(request, photos[0], seen, target)[row]
            scores = gradient_scores(maps, gradient)
            best = scores.argsort(descending=True, stable=True)[: request.count]
            orders = (tuple(best.tolist()),)
        case "greedy":
            candidates = _candidates(config, row, request.count, alive)
            found = greedy_channels(network, row, maps, target, request.count, candidates)
            orders = (found,)
            passes = sum(min(candidates, alive - done) for done in range(len(found)))
        case "random":
            orders = random_orders(maps.shape[1], request.count, RANDOM_ORDERS, request.seed)
    curves, odds = [], []
    for order in orders:
        logits = removal_logits(network, row, maps, prefixes(order))
        passes += len(logits)
        curves.append(host_copy(logits[:, target]))
        odds.append(host_copy(logits.float().softmax(1)[:, target]))
    return CarryingChannels(
        method=request.method,
        layer=request.layer,
        row=row,
        target=target,
        target_name=ready.loaded.classes[target],
        channels=orders[0] if len(orders) == 1 else (),
        logits=np.mean(curves, axis=0),
        probabilities=np.mean(odds, axis=0),
        lowest=np.min(curves, axis=0),
        highest=np.max(curves, axis=0),
        orders=len(orders),
        passes=passes,
        candidates=candidates,
        alive=alive,
        provenance=executor.provenance(ready),
    )


def moved_photo(
    executor: "Executor", request: InvarianceRequest, photos: tuple[Photo, ...]
) -> Invariance:
    """Follow every layer and the class while the photo is moved, scaled or turned."""
    if request.steps > MOST_STEPS:
        raise InputError(f"Ask for at most {MOST_STEPS} steps, not {request.steps}.")
    at = values(request.transform, request.steps)
    ready = executor.ready(request.model)
    seen = executor.inspection(request, photos[0])
    target = _target(seen, request.target)
    rows = _compared(ready.loaded.config, None)
    image = seen.image.detach()
    curve = invariance(
        ready.network, image, request.transform, at, tuple(rows.values()), request.fill
    )
    odds = curve.logits.float().softmax(1)
    classes = ready.loaded.classes
    return Invariance(
        transform=request.transform,
        fill=request.fill,
        values=at,
        layers=tuple(rows),
        distances=host_copy(curve.distances),
        target=target,
        target_name=classes[target],
        logits=host_copy(curve.logits[:, target]),
        probabilities=host_copy(odds[:, target]),
        top=tuple(classes[index] for index in odds.argmax(1).tolist()),
        pictures=_pictures(seen, ready.loaded.preprocessing, request, at),
        provenance=executor.provenance(ready),
    )


# --- parts of the answers ------------------------------------------------------------------------


def _edit(config: NetworkConfig, request: EditRequest) -> Edit:
    """The request's edit at the row where it takes place."""
    region = None if request.region is None else Region(*request.region, outside=request.outside)
    replaced = None if request.swap is None else request.swap_channels
    return Edit(edited_row(config, request.layer), request.channels, region, replaced)


def _compared(config: NetworkConfig, row: str | None) -> dict[str, str]:
    """Layers with weights and the rows behind their ReLU, from `row` on; the last: the logits."""
    names = [each.name for each in config.layers]
    weighted = [each.name for each in config.layers if each.kind in ("conv", "linear")]
    rows = {name: edited_row(config, name) for name in weighted[:-1]} | {weighted[-1]: names[-1]}
    first = 0 if row is None else names.index(row)
    return {name: each for name, each in rows.items() if names.index(each) >= first}


def _watched(config: NetworkConfig, request: EditRequest, behind: dict[str, str]) -> str:
    """The layer whose maps come back: as asked, else the next convolution, else the edited one."""
    if request.watch is None:
        names = list(behind)
        return next((name for name in names[1:] if name in config.convs), names[0])
    if request.watch not in behind:
        raise UnknownNameError.among("layer behind the edit", request.watch, behind)
    return request.watch


def _most_changed(before: Tensor, after: Tensor) -> tuple[tuple[int, ...], Float32, Float32]:
    """The channels whose maps moved farthest, with both maps; none of a layer without maps."""
    if before.dim() != 4:
        empty = np.zeros((0, 1, 1), np.float32)
        return (), empty, empty
    moved = (after - before)[0].float().flatten(1).norm(dim=1)
    channels = moved.argsort(descending=True, stable=True)[:WATCHED].tolist()
    return tuple(channels), host_copy(before[0, channels]), host_copy(after[0, channels])


def _distance(before: Tensor, after: Tensor) -> float:
    """|| after - before || / || before ||, over all units; NaN where there was nothing."""
    before, after = before.detach().float(), after.detach().float()
    whole = float(before.norm())
    return float((after - before).norm()) / whole if whole > 0 else float("nan")


def _target(seen: Inspection, target: int | None) -> int:
    if target is None:
        return int(seen.logits[0].argmax())
    if not 0 <= target < seen.logits.shape[1]:
        raise UnknownNameError(
            f"No class {target}: this network has classes 0 to {seen.logits.shape[1] - 1}."
        )
    return target


def _kept(seen: Inspection, row: str) -> str:
    """`row`, when the Inspection keeps it: flatten and dropout change nothing to look at."""
    if row not in seen.outputs:
        raise UnknownNameError.among("layer to edit", row, seen.outputs)
    return row


def _macs_behind(config: NetworkConfig, row: str) -> int:
    """Multiply-accumulates of the rows behind `row`, for one image."""
    rows = describe(config).rows
    names = [each.name for each in rows]
    return sum(each.macs for each in rows[names.index(row) + 1 :])


def _candidates(config: NetworkConfig, row: str, count: int, alive: int) -> int:
    """How many channels a step of the greedy search may try: all `alive` ones where there is time.

    Otherwise those of the largest gradient x activation; InputError when that would be too few to
    call it a search.
    """
    behind = _macs_behind(config, row)
    affordable = MOST_MACS // max(1, behind * count)
    if affordable < min(alive, LEAST_CANDIDATES):
        needed = behind * LEAST_CANDIDATES * count
        raise InputError(
            f"Trying even {LEAST_CANDIDATES} channels {count} times behind {row} takes "
            f"{needed / 1e12:.3g} T multiply-accumulates, and {MOST_MACS / 1e12:.3g} T are "
            "allowed; choose a later layer, fewer channels, or a network of less width."
        )
    return min(alive, affordable)


def _pictures(
    seen: Inspection,
    preprocessing: Preprocessing,
    request: InvarianceRequest,
    at: tuple[float, ...],
) -> Any:
    """What the network sees of each transformed photo, made small: uint8 (values, h, w, 3)."""
    image = seen.image.detach().float().cpu()
    mean = torch.tensor(preprocessing.mean).view(1, 3, 1, 1)
    std = torch.tensor(preprocessing.std).view(1, 3, 1, 1)
    pictures = []
    for value in at:
        moved = transformed(image, request.transform, value, request.fill) * std + mean
        small = torch.nn.functional.interpolate(moved, size=(PICTURE, PICTURE), mode="area")
        pictures.append((small[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0))
    found = torch.stack(pictures).numpy()
    found.flags.writeable = False
    return found
