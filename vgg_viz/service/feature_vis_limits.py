"""What may be asked of a feature visualisation, what a picture costs, and how many go together."""

import math
from dataclasses import dataclass, fields
from typing import get_args

import torch

from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.feature_vis import bind
from vgg_viz.models.configs import NetworkConfig, out_side
from vgg_viz.requests import FeatureVisJob

LEAST_SIZE, MOST_SIZE = 32, 512  # px
MOST_STEPS, MOST_PICTURES, MOST_TERMS = 2048, 16, 8
MOST_LEARNING_RATE = 10.0
MOST_SEED = 2**31 - 1
# A step is to stay under half a second: one pass of VGG-16 at 224 px, forward and back to the
# picture, takes 0.3 s on two cores.
STEP_MACS, STEP_MACS_GPU = 2e10, 2e12
HOST_ROOM = 3 * 2**30  # bytes that a step may take of a machine's memory


def size_of(job: FeatureVisJob, config: NetworkConfig) -> int:
    """Side of the pictures in px."""
    return job.size or config.input_size


def check(job: FeatureVisJob, config: NetworkConfig, classes: tuple[str, ...]) -> None:
    """Raise InputError or UnknownNameError, saying what to do, for what cannot be optimised."""
    for name in ("parametrization", "transforms"):
        choices = get_args(next(field.type for field in fields(job) if field.name == name))
        if getattr(job, name) not in choices:
            raise UnknownNameError.among(name, getattr(job, name), choices)
    size = size_of(job, config)
    _check_count("picture's side in px", size, LEAST_SIZE, MOST_SIZE)
    _check_count("number of pictures", job.pictures, 1, MOST_PICTURES)
    _check_count("number of steps", job.steps, 1, MOST_STEPS)
    _check_count("seed", job.seed, 0, MOST_SEED)
    if not 0 < job.learning_rate <= MOST_LEARNING_RATE:  # also false for NaN
        raise InputError(
            f"A learning rate of {job.learning_rate:g} does not work; give a number above 0 and up "
            f"to {MOST_LEARNING_RATE:g}."
        )
    if not 0 <= job.diversity < math.inf:
        raise InputError(f"The diversity is {job.diversity:g}; give 0 (none) or a positive number.")
    if not 1 <= len(job.terms) <= MOST_TERMS:
        raise InputError(f"An objective has 1 to {MOST_TERMS} terms, not {len(job.terms)}.")
    for term in job.terms:
        if term.kind == "class" and term.channel is not None and term.channel >= len(classes):
            raise UnknownNameError(
                f"There is no class {term.channel}: this network has classes 0 ({classes[0]}) to "
                f"{len(classes) - 1} ({classes[-1]})."
            )
    if not any(term.weight for term in job.terms):
        raise InputError("Every term has the weight 0; give one of them another weight.")
    bind(config, [job.terms], size)


def check_room(job: FeatureVisJob, config: NetworkConfig, together: int, room: int) -> None:
    """Raise InputError, with what would fit, when `together` pictures exceed `room` bytes."""
    size = size_of(job, config)
    one = costs(config, bind(config, [job.terms], size).layers, size).bytes
    if one * together <= room:
        return
    side = int(size * math.sqrt(room / (one * together))) // 8 * 8
    fewer = "" if together == 1 else f" or {max(1, int(room / one))} pictures"
    raise InputError(
        f"{together} picture{'s' if together > 1 else ''} of {size} px would need about "
        f"{one * together / 1e9:.1f} GB. Choose {max(LEAST_SIZE, side)} px{fewer}."
    )


@dataclass(frozen=True)
class Costs:
    """Of one picture, forward and back."""

    bytes: int  # that wait for the backward pass
    macs: int  # of the forward pass


def costs(config: NetworkConfig, layers: tuple[str, ...], size: int) -> Costs:
    """Bytes and MACs of one picture of `size` px, up to the last of `layers`.

    Counted are the outputs of all rows in fp32, 8 bytes for every maximum's place, and the two maps
    that LRN keeps beside its output.
    """
    bytes_, macs, side, channels = 4 * 3 * size**2, 0, size, 3
    last = [row.name for row in config.layers if row.name in layers][-1]
    for row in config.layers:
        before = channels * side**2
        side = 1 if row.kind in ("flatten", "linear") else out_side(row, side)
        if row.kind == "flatten":
            channels = before
        elif row.kind == "linear":
            channels, macs = row.out, macs + before * row.out
        elif row.kind == "conv":
            macs += row.kernel**2 * channels * row.out * side**2
            channels = row.out
        kept = {"max_pool": 12, "lrn": 12}.get(row.kind, 4)
        bytes_ += kept * channels * side**2
        if row.name == last:
            break
    return Costs(bytes_, macs)


def group_size(job: FeatureVisJob, config: NetworkConfig, device: torch.device) -> int:
    """Pictures that are optimised together: all when they depend on each other."""
    if job.diversity:
        return job.pictures
    size = size_of(job, config)
    one = costs(config, bind(config, [job.terms], size).layers, size).macs
    most = STEP_MACS_GPU if device.type == "cuda" else STEP_MACS
    return max(1, min(job.pictures, int(most / one)))


def room_of(device: torch.device) -> int:
    """Bytes that pictures may take."""
    if device.type != "cuda":
        return HOST_ROOM
    return int(0.8 * torch.cuda.mem_get_info(device)[0])


def _check_count(what: str, number: int, least: int, most: int) -> None:
    if not float(number).is_integer() or not least <= number <= most:
        raise InputError(f"The {what} is {number}; give a whole number from {least} to {most}.")
