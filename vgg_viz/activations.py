"""What the layers of a network answer to a photo: maps, statistics, scores, similarities.

    from vgg_viz import activations

    seen = activations.of_photo("cat", "vgg16")
    maps = seen.maps("conv5_3", relu=True)  # float32 (C, h, w)
    activations.channel_numbers(maps).means  # (C,)

Statistics are numpy's, in double precision, over the full maps.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgg_viz.capture import Inspection, inspect
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.images import Pixels, decode, load_samples
from vgg_viz.models.configs import Layer, NetworkConfig
from vgg_viz.models.registry import assets_folder, bundled_cards, parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.preprocessing import prepare
from vgg_viz.results import ChannelNumbers, Float32, Histogram, single

# Dropout and flatten change nothing that could be looked at.
LOOKED_AT = ("conv", "batch_norm", "relu", "lrn", "max_pool", "avg_pool", "linear")
MOST_BINS = 64


class ChannelStatistics(NamedTuple):
    """One value a channel, float32 (C,)."""

    means: Tensor
    maxima: Tensor
    dead_shares: Tensor  # in [0, 1]: units that are 0 after ReLU


def channel_statistics(maps: Tensor) -> ChannelStatistics:
    """Mean, maximum and share of dead units of every channel of (C, h, w), taken after ReLU.

    A dead unit is one whose value after ReLU is exactly 0: it passes neither signal nor gradient
    for this photo.
    """
    after = maps.float().relu()
    return ChannelStatistics(
        after.mean(dim=(1, 2)), after.amax(dim=(1, 2)), (after == 0).float().mean(dim=(1, 2))
    )


def strongest(statistics: ChannelStatistics, count: int) -> Tensor:
    """Indices of the `count` channels of highest mean, best first; ties by channel number."""
    order = statistics.means.argsort(descending=True, stable=True)
    return order[:count]


# --- one photo -----------------------------------------------------------------------------------


class PhotoActivations:
    """Every layer's output for one photo: views of one Inspection, numpy out."""

    def __init__(self, seen: Inspection, config: NetworkConfig) -> None:
        """Look at an Inspection of one photo that kept the layers of `config`."""
        self._seen = seen
        self.config = config

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that were kept, in the order of computation."""
        return tuple(self._seen.outputs)

    @property
    def top(self) -> int:
        """The most probable class."""
        return int(self._seen.logits[0].argmax())

    def maps(self, layer: str, *, relu: bool = False) -> Float32:
        """The output of `layer` as float32 (C, h, w), (K, 1, 1) for vectors; read-only.

        True values before the next ReLU, although that works in place in most networks; `relu`
        asks for the output of that ReLU (behind a batch norm) instead. A layer that no ReLU
        follows has one kind of values only. Raises UnknownNameError for a layer that is not there.
        """
        return as_maps(self._output(output_name(self.config, layer, relu=relu)))

    def class_scores(self, layer: str, target: int | None = None, *, relu: bool = False) -> Float32:
        """Gradient x activation: how much each channel speaks for class `target`, float32 (C,).

        score_c = sum over units of d logit[target] / d a_c x a_c, with a as `maps` returns it;
        `target` None: the most probable class. The scores before and after a ReLU are the same (a
        batch norm between them makes a difference). UnknownNameError for a class or a layer that
        is not there.
        """
        name = output_name(self.config, layer, relu=relu)
        gradients = self._seen.gradients(self.top if target is None else target)
        products = self._output(name)[0].detach().cpu().double() * gradients[name][0].cpu().double()
        return single(products.reshape(len(products), -1).sum(dim=1).numpy())

    def _output(self, name: str) -> Tensor:
        if name not in self._seen.outputs:
            raise UnknownNameError.among("layer that was kept", name, self.layers)
        return self._seen.outputs[name]


def of_photo(photo: str | Path, model: str = "vgg16") -> PhotoActivations:
    """Run `model` on a photo and keep what every layer answers.

    `photo` is a file or the name of a bundled sample ("cat"); `model` is "vgg16", "zfnet_b:random",
    "vgg16:<checkpoint file>". InputError when there is no such photo; errors of `load_model`.
    """
    pixels = _pixels(photo)
    loaded = load_model(parse_model_name(model, bundled=bundled_cards()), allow_paths=True)
    image = torch.from_numpy(prepare(pixels, loaded.preprocessing))[None]
    layers = tuple(row.name for row in loaded.config.layers if row.kind in LOOKED_AT)
    # The same memory format as the dashboard's: another one may round the last bit otherwise.
    batch = image.contiguous(memory_format=torch.channels_last)
    return PhotoActivations(inspect(loaded.network, batch, layers), loaded.config)


def _pixels(photo: str | Path) -> Pixels:
    path = Path(photo).expanduser()
    if not path.is_file():
        samples = {sample.name: sample.file for sample in load_samples(assets_folder() / "images")}
        if str(photo) not in samples:
            raise InputError(
                f"{photo} is neither a file nor a bundled photo; bundled: {', '.join(samples)}."
            )
        path = samples[str(photo)]
    return decode(path.read_bytes()).pixels


# --- names ---------------------------------------------------------------------------------------


def output_name(config: NetworkConfig, layer: str, *, relu: bool) -> str:
    """Whose output is looked at: `layer` itself, or the ReLU that follows it when `relu`.

    UnknownNameError for a layer the network does not have or that changes nothing.
    """
    row = _row(config, layer)
    following = relu_after(config, row.name)
    return following if relu and following else row.name


def relu_after(config: NetworkConfig, layer: str) -> str | None:
    """The ReLU that follows a convolution, batch norm or linear layer; None where none does."""
    names = [row.name for row in config.layers]
    at = names.index(layer)
    if config.layers[at].kind not in ("conv", "batch_norm", "linear"):
        return None
    after = (row for row in config.layers[at + 1 :] if row.kind != "batch_norm")
    row = next(after, None)
    return row.name if row is not None and row.kind == "relu" else None


def _row(config: NetworkConfig, layer: str) -> Layer:
    for row in config.layers:
        if row.name == layer and row.kind in LOOKED_AT:
            return row
    names = (row.name for row in config.layers if row.kind in LOOKED_AT)
    raise UnknownNameError.among(f"layer of {config.network}", layer, names)


# --- statistics ----------------------------------------------------------------------------------


def as_maps(output: Tensor) -> Float32:
    """The first of a batch, (1, C, h, w) or (1, K), as read-only float32 (C, h, w), (K, 1, 1)."""
    first = output[0].detach().float().cpu().contiguous().numpy()
    return single(first if first.ndim == 3 else first[:, None, None])


def channel_numbers(maps: Float32) -> ChannelNumbers:
    """Mean, deviation, extremes and share of exact zeros of every channel of (C, h, w)."""
    flat = maps.reshape(len(maps), -1)  # (C, h w)
    return ChannelNumbers(
        means=single(flat.mean(axis=1, dtype=np.float64)),
        stds=single(flat.std(axis=1, dtype=np.float64)),
        minima=single(flat.min(axis=1)),
        maxima=single(flat.max(axis=1)),
        zeros=single((flat == 0).mean(axis=1)),
    )


def dead_channels(after: Float32) -> NDArray[np.bool_]:
    """Channels of (C, h, w), after ReLU, that are 0 at every unit: nothing passes them."""
    return np.asarray(np.all(after == 0, axis=(1, 2)))


def saturated_channels(after: Float32) -> NDArray[np.bool_]:
    """Channels of (C, h, w), after ReLU, that are above 0 at every unit.

    ReLU has no upper end to saturate at; what it loses at the other end is its bend. On this
    photo it passes such a channel unchanged, as if it were not there.
    """
    return np.asarray(np.all(after > 0, axis=(1, 2)))


def similarities(maps: Float32, channel: int) -> Float32:
    """Cosine of every map of (C, h, w) to one of them, in [-1, 1]; 0 where a map is 0."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", flat, flat))
    return _cosines(flat @ flat[channel], norms * norms[channel])


def paired_similarities(maps: Float32, others: Float32) -> Float32:
    """Cosine of each map of (C, h, w) to its partner in `others` (C, h, w); 0 where one is 0."""
    one, other = (each.reshape(len(each), -1).astype(np.float64) for each in (maps, others))
    norms = np.sqrt(np.einsum("ij,ij->i", one, one) * np.einsum("ij,ij->i", other, other))
    return _cosines(np.einsum("ij,ij->i", one, other), norms)


def distances(maps: Float32, others: Float32) -> Float32:
    """Root of the mean squared difference of each map of (C, h, w) to its partner, (C,)."""
    difference = maps.astype(np.float64) - others
    return single(np.sqrt((difference**2).mean(axis=(1, 2))))


def histogram(values: NDArray[np.float32]) -> Histogram:
    """Count finite values in at most 64 bins, whose width is a power of two."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Histogram(0, 1.0, np.zeros(1, dtype=np.int64))
    low, high = float(finite.min()), float(finite.max())
    # At most 62 widths between the extremes touch at most 64 bins.
    spread = (high - low) / (MOST_BINS - 2) or max(abs(high), 1.0)
    width = 2.0 ** np.ceil(np.log2(spread))
    # Dividing by a power of two rounds nothing: a value is in the bin that `edges` says.
    start = int(np.floor(low / width))
    bins = np.floor(finite / np.float64(width)).astype(np.int64) - start
    return Histogram(start, float(width), np.bincount(bins.ravel()).astype(np.int64))


def _cosines(products: NDArray[np.float64], norms: NDArray[np.float64]) -> Float32:
    """Of inner products (C,) and products of norms (C,)."""
    return single(np.divide(products, norms, out=np.zeros_like(products), where=norms > 0))
