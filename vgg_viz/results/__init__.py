"""Answers of the model service: frozen, numpy only, each saying where it came from.

Arrays are read-only. Results compare by identity (`eq=False`): arrays have no single truth value.
"""

from vgg_viz.results.description import (
    DatasetInfo,
    ImageInfo,
    InitializationInfo,
    LayerInfo,
    ModelInfo,
    NetworkInfo,
    SampleInfo,
    ServiceDescription,
)
from vgg_viz.results.jobs import Health, JobEvent, JobState
from vgg_viz.results.photos import Activations, Attribution, Classification, Picture
from vgg_viz.results.provenance import Float32, Provenance
from vgg_viz.results.training import (
    HISTOGRAMS,
    MAGNITUDES,
    QUANTITIES,
    Finding,
    GradientFlow,
    LayerFlow,
    Recording,
    RunInfo,
    RunState,
    Series,
)

__all__ = [
    "HISTOGRAMS",
    "MAGNITUDES",
    "QUANTITIES",
    "Activations",
    "Attribution",
    "Classification",
    "DatasetInfo",
    "Finding",
    "Float32",
    "GradientFlow",
    "Health",
    "ImageInfo",
    "InitializationInfo",
    "JobEvent",
    "JobState",
    "LayerFlow",
    "LayerInfo",
    "ModelInfo",
    "NetworkInfo",
    "Picture",
    "Provenance",
    "Recording",
    "RunInfo",
    "RunState",
    "SampleInfo",
    "Series",
    "ServiceDescription",
]
