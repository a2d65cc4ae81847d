"""Answers of the model service: frozen, numpy only, each saying where it came from.

Arrays are read-only. Results compare by identity (`eq=False`): arrays have no single truth value.
"""

from vgg_viz.results.computation import (
    Bound,
    CropComparison,
    DenseMap,
    LayerTiming,
    LayerTimings,
)
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
from vgg_viz.results.fields import EffectiveField
from vgg_viz.results.filters import (
    Aliasing,
    Factorisation,
    Kernels,
    KernelStudy,
    LayerFactorisation,
    SharedFactorisation,
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
    "Aliasing",
    "Attribution",
    "Bound",
    "Classification",
    "CropComparison",
    "DatasetInfo",
    "DenseMap",
    "EffectiveField",
    "Factorisation",
    "Finding",
    "Float32",
    "GradientFlow",
    "Health",
    "ImageInfo",
    "InitializationInfo",
    "JobEvent",
    "JobState",
    "KernelStudy",
    "Kernels",
    "LayerFactorisation",
    "LayerFlow",
    "LayerInfo",
    "LayerTiming",
    "LayerTimings",
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
    "SharedFactorisation",
]
