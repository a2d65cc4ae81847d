"""One published error: the number, how it was measured, on what, by whom, and where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from vgg_viz.published.networks import NETWORKS

Metric = Literal["top-1", "top-5"]
Split = Literal["train", "val", "test"]

METRICS: tuple[Metric, Metric] = ("top-5", "top-1")
UNIT = "%"
NOT_STATED = "views per photo not stated"


@dataclass(frozen=True)
class Protocol:
    """How an error was measured. Sides are those of VGG's paper: the photo's shorter one, in px."""

    views: str = NOT_STATED  # of a photo, whose answers are averaged: "dense", "10 crops"
    networks: int | None = 1  # averaged; None: several, the source does not say how many; 0: none
    train_side: str = ""  # S
    test_side: str = ""  # Q
    outside_data: str = ""  # photos that the challenge did not give
    photos: str = ""  # other photos than those of ILSVRC-2012

    @property
    def words(self) -> str:
        """ "one network; dense, Q = 256 px; trained at S = 256 px"."""
        side = f", Q = {self.test_side} px" if self.test_side else ""
        parts = (
            _count(self.networks),
            self.views + side,
            self.train_side and f"trained at S = {self.train_side} px",
            self.outside_data and f"trained with outside data: {self.outside_data}",
            self.photos,
        )
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True)
class PublishedError:
    """A share of photos, in %, whose class is not the first guess (top-1) or among five (top-5)."""

    network: str  # in NETWORKS
    metric: Metric
    split: Split
    value: float  # %, with the digits of the source
    protocol: Protocol
    source: str  # paper and table
    variant: str = ""  # what is changed in the network
    year: int = 0  # of the entry or the paper
    team: str = ""

    @property
    def title(self) -> str:
        """Network and what is changed in it."""
        title = NETWORKS[self.network].title
        return f"{title}, {self.variant}" if self.variant else title

    @property
    def written(self) -> str:
        """The value as papers write it: "9.0", "2.991"."""
        return f"{self.value:.1f}" if round(self.value, 1) == self.value else f"{self.value:g}"

    @property
    def row(self) -> dict[str, Any]:
        """The record as a row of a table."""
        return {
            "year": self.year,
            "team": self.team,
            "network": self.title,
            "metric": self.metric,
            "error": self.value,
            "unit": UNIT,
            "split": self.split,
            "protocol": self.protocol.words,
            "published_in": self.source,
        }


def _count(networks: int | None) -> str:
    if networks is None:
        return "several networks averaged"
    if not networks:
        return ""
    return "one network" if networks == 1 else f"{networks} networks averaged"


def find(
    errors: Iterable[PublishedError],
    network: str,
    metric: Metric,
    *,
    split: Split = "val",
    variant: str = "",
    protocol: Protocol | None = None,
) -> PublishedError | None:
    """The record of `errors` that is asked for; None when the papers have none."""
    for error in errors:
        asked = (error.network, error.metric, error.split, error.variant)
        if asked == (network, metric, split, variant) and protocol in (None, error.protocol):
            return error
    return None


# --- reading tables that look like the paper's ---------------------------------------------------

Column = tuple[Metric, Split]
VAL_TEST: tuple[Column, ...] = (("top-1", "val"), ("top-5", "val"), ("top-5", "test"))
TRAIN_VAL: tuple[Column, ...] = (("top-1", "train"), ("top-1", "val"), ("top-5", "val"))


def cell(
    text: str,
    network: str,
    protocol: Protocol,
    source: str,
    *,
    columns: tuple[Column, ...] = VAL_TEST,
    variant: str = "",
    team: str = "",
) -> list[PublishedError]:
    """Records of one cell, "29.6/10.4": its numbers are `columns` in order, "-" where none is."""
    known = NETWORKS[network]
    return [
        PublishedError(
            network,
            metric,
            split,
            float(number),
            protocol,
            source,
            variant,
            known.year,
            team or known.team,
        )
        for number, (metric, split) in zip(text.split("/"), columns, strict=False)
        if number != "-"
    ]
