"""Answers about the frames of a clip."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vgg_viz.results.provenance import Float32, Provenance


@dataclass(frozen=True)
class ClipInfo:
    """A clip that the server keeps: its frames are photos that requests may name."""

    images: tuple[str, ...]  # ids, in the order of time
    seconds: tuple[float, ...]  # when each is shown
    total: int  # frames of the file
    notes: tuple[str, ...] = ()  # whole sentences: what was left out or changed


@dataclass(frozen=True, eq=False)
class FrameMaps:
    """All channels of a layer on one frame, small enough to keep for every frame of a clip.

    The value of byte b of channel c is lows[c] + b / 255 (highs[c] - lows[c]).
    """

    layer: str
    output: str  # whose values these are: "conv5_3", or "relu5_3" after ReLU
    relu: bool
    side: int  # units on a side of the full map
    pooled: int  # a px of `maps` is the largest of pooled x pooled units
    maps: NDArray[np.uint8] = field(repr=False)  # (C, h, w)
    lows: Float32  # (C,), at most 0
    highs: Float32  # (C,), at least 0
    means: Float32  # (C,), over the full map
    maxima: Float32  # (C,)
    probabilities: Float32  # (K,)
    classes: tuple[str, ...]
    provenance: Provenance

    def values(self, channel: int) -> Float32:
        """(h, w) of a channel, within 1/510 of its range."""
        low, span = self.lows[channel], self.highs[channel] - self.lows[channel]
        found: Float32 = (low + self.maps[channel] / np.float32(255) * span).astype(np.float32)
        return found


@dataclass(frozen=True, eq=False)
class ClipMaps:
    """Some channels of a layer through a clip, each on one scale from the first frame to the last.

    `limits[i]` is the largest magnitude of channel `channels[i]` on any frame.
    """

    layer: str
    output: str
    relu: bool
    side: int
    pooled: int
    channels: tuple[int, ...]
    maps: Float32  # (frames, channels, h, w)
    limits: Float32  # (channels,)
    means: Float32  # (frames, channels), over the full maps
    maxima: Float32  # (frames, channels)
    probabilities: Float32  # (frames, K)
    classes: tuple[str, ...]
    provenance: Provenance

    @classmethod
    def of(
        cls, frames: Sequence[FrameMaps], channels: Sequence[int] = (), *, count: int = 8
    ) -> "ClipMaps":
        """Put frames of one layer together: the `count` strongest channels, and `channels`.

        Strongest: of the highest mean on any one frame.
        """
        means = np.stack([frame.means for frame in frames])  # (T, C)
        strongest = np.argsort(-np.nan_to_num(means).max(axis=0), kind="stable")
        picked = list(dict.fromkeys([*strongest[:count].tolist(), *channels]))
        ends = np.stack([np.maximum(frame.highs, -frame.lows) for frame in frames])
        first = frames[0]
        return cls(
            *(first.layer, first.output, first.relu, first.side, first.pooled, tuple(picked)),
            maps=np.stack([[frame.values(c) for c in picked] for frame in frames]),
            limits=ends.max(axis=0)[picked],
            means=means[:, picked],
            maxima=np.stack([frame.maxima for frame in frames])[:, picked],
            probabilities=np.stack([frame.probabilities for frame in frames]),
            classes=first.classes,
            provenance=first.provenance,
        )

    def top_classes(self, count: int = 3) -> tuple[int, ...]:
        """The classes of the highest probability on any one frame, best first."""
        best = np.argsort(-self.probabilities.max(axis=0), kind="stable")[:count]
        return tuple(best.tolist())
