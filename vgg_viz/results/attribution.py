"""Methods of attribution as they describe themselves, and what one says about a photo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from vgg_viz.results.provenance import Float32, Provenance

Family = Literal["gradient", "cam", "perturbation", "relevance"]
ParameterValue = float | int | str


@dataclass(frozen=True)
class MethodParameter:
    """One setting of a method: a number in [low, high], or one of `choices`."""

    name: str
    title: str
    default: ParameterValue
    help: str  # what it does, in a sentence a student understands
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class MethodInfo:
    """What a page, the API and the command line have to know of a method."""

    name: str
    title: str
    family: Family
    paper: str  # "arXiv 1610.02391"
    formula: str
    signed: bool  # negative values mean evidence against the class
    space: Literal["input", "layer"]  # resolution of the map: the network's input, or a layer's
    about: str  # one sentence
    caution: str = ""  # a known weakness, with its source
    relu_when_drawn: bool = False  # the definition draws positive values only
    stepwise: bool = False  # takes many passes: runs as a job with partial maps
    at_every_layer: bool = False  # one look gives it at all layers: see LayerSweepRequest
    parameters: tuple[MethodParameter, ...] = ()
    # Values of parameters with which the map is a magnitude, never negative: (name, value).
    magnitude_when: tuple[tuple[str, ParameterValue], ...] = ()

    def signed_with(self, parameters: Mapping[str, ParameterValue]) -> bool:
        """Whether the map can have negative values; parameters left out are at their default."""
        values = {**self.defaults(), **parameters}
        return self.signed and not any(values[name] == value for name, value in self.magnitude_when)

    def defaults(self) -> dict[str, ParameterValue]:
        """Every parameter at its default."""
        return {parameter.name: parameter.default for parameter in self.parameters}


@dataclass(frozen=True, eq=False)
class Attribution:
    """A map of where a class score comes from, raw and signed; never normalised.

    `grid` is (h, w), of the layer for methods in layer space, else of the network's input.
    """

    grid: Float32
    method: str  # a name of the registry
    layer: str
    target: int
    target_name: str
    score: float  # the target's logit; with `versus`, the difference of the two logits
    provenance: Provenance
    relu: bool = True  # the method's definition keeps positive evidence only when drawn
    upsampling: str = "bilinear, align_corners=False"
    normalisation: str = ""  # how the photo became the network's input, in words
    difference_to_fp32: float | None = None  # largest |grid - fp32's| over fp32's largest |value|
    versus: int | None = None  # why `target` and not this class
    versus_name: str = ""
    parameters: tuple[tuple[str, ParameterValue], ...] = ()
    seed: int = 0
    done: int = 1  # steps of the method that are in the map
    total: int = 1  # steps of the whole method; a stopped one has done < total
    seconds: float = 0.0  # of computation
    # What the method says of itself, such as "completeness error": (name, value).
    checks: tuple[tuple[str, float], ...] = field(default=())
    notes: tuple[str, ...] = ()

    @property
    def positive(self) -> Float32:
        """The map the papers of CAM draw: the grid with its negative values set to 0."""
        return np.maximum(self.grid, 0)

    @property
    def complete(self) -> bool:
        """Whether the method ran to its end."""
        return self.done >= self.total


@dataclass(frozen=True)
class MethodCost:
    """What a method takes before it runs, in passes of one image; see MethodCostRequest."""

    forward: float
    backward: float


@dataclass(frozen=True, eq=False)
class LayerSweep:
    """One method at several layers of a network, in the order of computation."""

    attributions: tuple[Attribution, ...]
    seconds: float  # of computation, all of them together, the backward pass included

    def at(self, layer: str) -> Attribution | None:
        """The map of `layer`; None when it is none of them."""
        return next((found for found in self.attributions if found.layer == layer), None)
