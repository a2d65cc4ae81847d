"""Make the gallery: `python -m vgg_viz.feature_vis.gallery`, a picture for every channel.

Every convolution's channels (before the ReLU; behind the batch norm where there is one, whose sign
decides what makes a channel fire) and every class of the bundled networks. Many pictures are made
at a time, each for its own channel. A layer's pictures are as large as its receptive field and a
quarter more, so early layers cost little. What is there already, of the same weights and settings,
is kept: an interrupted run goes on.
"""

import argparse
import copy
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from vgg_viz.architecture import describe
from vgg_viz.errors import InputError
from vgg_viz.feature_vis.front import run_front
from vgg_viz.feature_vis.objectives import bind
from vgg_viz.feature_vis.optimize import Optimisation
from vgg_viz.feature_vis.parametrize import Parametrization
from vgg_viz.feature_vis.transforms import STANDARD
from vgg_viz.models.configs import NetworkConfig
from vgg_viz.models.gallery import COLUMNS, FORMAT
from vgg_viz.models.registry import assets_folder, bundled_cards, parse_model_name
from vgg_viz.models.weights import LoadedModel, load_model
from vgg_viz.requests.studies import Term

logger = logging.getLogger(__name__)

LEAST_SIZE, STEP = 32, 16  # px of a channel's picture; whole blocks of the WebP
MOST_SIDE = 96  # px of a tile
MOST_MACS = 1.25e8  # of a forward pass: 80 px for the last maps of the bundled VGG-16
ROOM = 1.25  # of the receptive field
SMALL = 48  # px: pictures up to this side cost little, so they get more steps
MARGIN = 8  # px around a picture that are optimised and not shown
QUALITY = 75  # of the WebP: some 4 bits a px, all four networks within 15 MB


@dataclass(frozen=True)
class Settings:
    """How pictures are made; a gallery made with others is made again."""

    steps: int = 72
    small_steps: int = 256
    learning_rate: float = 0.1
    seed: int = 0
    batch: int = 16
    parametrization: str = "fourier"
    decorrelated: bool = True
    transforms: str = "standard"
    precision: str = "bf16"  # of the network while optimising; values are always of fp32

    def steps_of(self, plan: "LayerPlan") -> int:
        """Steps of a picture: more where it is small, and for the few classes."""
        many = plan.size <= SMALL or plan.objective == "class"
        return self.small_steps if many else self.steps

    def written(self) -> dict[str, Any]:
        """As they stand in the file."""
        steps = f"{self.steps} ({self.small_steps} up to {SMALL} px, and for classes)"
        words = asdict(self) | {"steps": steps}
        del words["small_steps"]
        return words


@dataclass(frozen=True)
class LayerPlan:
    """What is made for a layer."""

    layer: str
    row: str
    objective: str
    size: int
    side: int
    channels: int

    def term(self, channel: int) -> Term:
        """What the picture of `channel` is to excite."""
        if self.objective == "class":
            return Term("class", channel=channel)
        return Term("channel", self.row, channel)


def plans(model: LoadedModel) -> tuple[LayerPlan, ...]:
    """Every convolution of a model, and its classes."""
    config = model.config
    names = [row.name for row in config.layers]
    found = []
    for conv in config.convs:
        following = config.layers[names.index(conv) + 1]
        row = following.name if following.kind == "batch_norm" else conv
        size = _size(config, conv)
        channels = config.layer(conv).out
        found.append(LayerPlan(conv, row, "channel", size, min(MOST_SIDE, size), channels))
    last, size = names[-1], config.input_size
    side = min(MOST_SIDE, size)
    found.append(LayerPlan(last, last, "class", size, side, len(model.classes)))
    return tuple(found)


def _size(config: NetworkConfig, conv: str) -> int:
    """Side in px: the receptive field and a quarter more, as far as that can be paid for."""
    field = describe(config).row(conv).receptive_field.size
    wanted = min(config.input_size, ROOM * field)
    size = LEAST_SIZE
    while size < wanted and _macs(config, conv, size + STEP) <= MOST_MACS:
        size += STEP
    return size


def _macs(config: NetworkConfig, conv: str, size: int) -> int:
    rows = describe(config, size).rows
    last = [row.name for row in rows].index(conv)
    return sum(row.macs for row in rows[: last + 1])


def make(
    model: LoadedModel,
    folder: Path,
    settings: Settings,
    patches: Sequence[NDArray[np.uint8]] = (),
    *,
    most_channels: int | None = None,
) -> None:
    """Write the gallery of `model` into `folder`; layers that are there already are kept.

    `patches` are squares of photos, at least as large as the largest pictures, whose best values
    are noted beside those of the pictures. `most_channels`: of a layer, for a trial.
    """
    name = model.config.network
    index = folder / f"{name}.json"
    (folder / name).mkdir(parents=True, exist_ok=True)
    document = _begun(index, model, settings)
    working = in_precision(model.network, settings.precision)
    best: dict[int, dict[str, Tensor]] = {}
    for plan in plans(model):
        path = folder / name / f"{plan.layer}.webp"
        if plan.layer in document["layers"] and path.exists():
            continue
        started = time.perf_counter()
        channels = min(plan.channels, most_channels or plan.channels)
        pixels, values = _pictures(model, working, plan, range(channels), settings)
        _write_atlas(path, pixels, plan.side)
        photo_values = None
        if patches:
            if plan.size not in best:
                best[plan.size] = best_of(model, plan.size, patches)
            photo_values = best[plan.size][plan.row][:channels].tolist()
        document["layers"][plan.layer] = {
            "row": plan.row,
            "objective": plan.objective,
            "size": plan.size,
            "side": plan.side,
            "values": [round(float(value), 4) for value in values],
            "photo_values": photo_values and [round(value, 4) for value in photo_values],
            "photos": len(patches),
        }
        _write_index(index, document)
        logger.info("%s %s: %.0f s", name, plan.layer, time.perf_counter() - started)


def in_precision(network: nn.Module, precision: str) -> nn.Module:
    """A copy in bf16, or `network` itself; LRN has no bf16 on the CPU, so it stays in fp32."""
    if precision == "fp32" or any(isinstance(m, nn.LocalResponseNorm) for m in network.modules()):
        return network
    return copy.deepcopy(network).to(torch.bfloat16)


def best_of(
    model: LoadedModel, size: int, patches: Sequence[NDArray[np.uint8]]
) -> dict[str, Tensor]:
    """The largest mean of every channel's map over central squares of `patches`: {row: (C,)}.

    Of the last row, the largest logits. All rows that the gallery shows at this size.
    """
    rows = [plan.row for plan in plans(model) if plan.size == size]
    best: dict[str, Tensor] = {}
    mean = torch.tensor(model.preprocessing.mean).view(1, 3, 1, 1)
    deviation = torch.tensor(model.preprocessing.std).view(1, 3, 1, 1)
    for batch in _batches(patches, size, 32):
        with torch.no_grad():
            seen = (batch - mean) / deviation
            outputs = run_front(
                model.network, rows, seen.contiguous(memory_format=torch.channels_last)
            )
        for row, output in outputs.items():
            means = output.flatten(2).mean(2) if output.dim() == 4 else output
            most = means.amax(0)
            best[row] = torch.maximum(best[row], most) if row in best else most
    return best


def random_patches(
    photos: Sequence[Path], count: int, side: int, seed: int = 0
) -> list[NDArray[np.uint8]]:
    """`count` squares of `side` px at random places of photos, uint8 (side, side, 3).

    Photos that are smaller are enlarged. InputError when there are none.
    """
    if not photos:
        raise InputError("There are no photos to compare with; name a folder that holds some.")
    rng = np.random.default_rng(seed)
    chosen = []
    for at in rng.permutation(max(count, len(photos)))[:count]:
        with Image.open(photos[int(at) % len(photos)]) as image:
            photo = image.convert("RGB")
        if min(photo.size) < side:
            scale = side / min(photo.size)
            photo = photo.resize([max(side, round(scale * length)) for length in photo.size])
        left = int(rng.integers(photo.width - side + 1))
        top = int(rng.integers(photo.height - side + 1))
        chosen.append(np.asarray(photo.crop((left, top, left + side, top + side))))
    return chosen


# --- pieces --------------------------------------------------------------------------------------


def _pictures(
    model: LoadedModel, working: nn.Module, plan: LayerPlan, channels: range, settings: Settings
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures (C, size, size, 3) of `channels` and their values (C,)."""
    pixels, values = [], []
    for first in range(0, len(channels), settings.batch):
        some = channels[first : first + settings.batch]
        optimisation = Optimisation(
            bind(model.config, [(plan.term(channel),) for channel in some], plan.size),
            Parametrization(plan.size + 2 * MARGIN),
            model.preprocessing,
            transforms=STANDARD,
            learning_rate=settings.learning_rate,
            seed=settings.seed + first,
            window=plan.size,
        )
        optimisation.step(working, settings.steps_of(plan))
        pixels.append(optimisation.pixels())
        values.append(optimisation.values(model.network))
    return np.concatenate(pixels), np.concatenate(values)


def _batches(patches: Sequence[NDArray[np.uint8]], size: int, count: int) -> Iterator[Tensor]:
    """Central squares of `size` px, (n, 3, size, size) in [0, 1]."""
    for first in range(0, len(patches), count):
        squares = []
        for patch in patches[first : first + count]:
            top, left = (patch.shape[0] - size) // 2, (patch.shape[1] - size) // 2
            squares.append(patch[top : top + size, left : left + size])
        yield torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float() / 255


def _write_atlas(path: Path, pixels: NDArray[np.uint8], side: int) -> None:
    rows = -(-len(pixels) // COLUMNS)
    atlas = Image.new("RGB", (COLUMNS * side, rows * side), (128, 128, 128))
    for at, tile in enumerate(pixels):
        picture = Image.fromarray(tile)
        if picture.width != side:
            picture = picture.resize((side, side), Image.Resampling.LANCZOS)
        atlas.paste(picture, (at % COLUMNS * side, at // COLUMNS * side))
    part = path.with_suffix(".part")
    atlas.save(part, "WEBP", quality=QUALITY, method=6)
    part.replace(path)


def _begun(index: Path, model: LoadedModel, settings: Settings) -> dict[str, Any]:
    """What was written of the same weights with the same settings, or a new document."""
    new = {
        "format": FORMAT,
        "network": model.config.network,
        "digest": model.digest,
        "settings": settings.written(),
        "versions": {"torch": str(torch.__version__)},
        "layers": {},
    }
    if index.is_file():
        old = json.loads(index.read_text(encoding="utf-8"))
        if all(old.get(key) == new[key] for key in ("format", "network", "digest", "settings")):
            return dict(old)
    return new


def _write_index(path: Path, document: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document, indent=1), encoding="utf-8")
    part.replace(path)


def main(words: Sequence[str] | None = None) -> None:
    """Make the galleries of the bundled networks, or of those named."""
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m vgg_viz.feature_vis.gallery", description=main.__doc__
    )
    parser.add_argument("networks", nargs="*", help="all bundled ones by default")
    parser.add_argument("--out", type=Path, default=assets_folder() / "gallery")
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--small-steps", type=int, default=defaults.small_steps)
    parser.add_argument("--precision", choices=("bf16", "fp32"), default=defaults.precision)
    parser.add_argument("--photos", type=Path, help="folder of photos to compare with")
    parser.add_argument("--patches", type=int, default=2000, help="squares of those photos")
    parser.add_argument("--channels", type=int, help="only so many of each layer: a trial")
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    settings = Settings(
        steps=chosen.steps, small_steps=chosen.small_steps, precision=chosen.precision
    )
    for network in chosen.networks or bundled_cards():
        model = load_model(parse_model_name(f"{network}:bundled"))
        patches: list[NDArray[np.uint8]] = []
        if chosen.photos is not None:
            photos = sorted(chosen.photos.rglob("*.jpg"))
            patches = random_patches(photos, chosen.patches, model.config.input_size)
        make(model, chosen.out, settings, patches, most_channels=chosen.channels)


if __name__ == "__main__":
    main()
