"""Questions to the model service: frozen, hashable, small. No arrays inside.

A `model` is "<network>:<weights>", for example "vgg16:bundled" or "zfnet_b:imagenet". An `image` is
the name of a bundled sample ("cat") or the sha256 hex digest that `put_image` returned.
"""

from vgg_viz.requests.architecture import (
    DenseMapRequest,
    EffectiveFieldRequest,
    LayerTimingsRequest,
)
from vgg_viz.requests.base import Answer, Precision, Request
from vgg_viz.requests.edits import CarryingChannelsRequest, EditRequest, InvarianceRequest
from vgg_viz.requests.filters import (
    AliasingRequest,
    ChannelKernelRequest,
    Design,
    DesignedAliasingRequest,
    FactorisationRequest,
    KernelsRequest,
    KernelStudyRequest,
    LayerFactorisationRequest,
    LayerKernelsRequest,
    SharedFactorisationRequest,
)
from vgg_viz.requests.maps import (
    ChannelsRequest,
    LayerMapsRequest,
    LayerStripRequest,
    MapRequest,
    PhotoDifferencesRequest,
    ReconstructionRequest,
    UnitRequest,
)
from vgg_viz.requests.photos import (
    ActivationsRequest,
    AttributionRequest,
    ClassifyRequest,
    PictureRequest,
)
from vgg_viz.requests.studies import (
    FeatureVisJob,
    InversionJob,
    StudyJob,
    Term,
    TermKind,
    TopPatchesJob,
    TopPatchesRequest,
)
from vgg_viz.requests.training import (
    FetchWeightsJob,
    GradientFlowRequest,
    RecordingRequest,
    Steering,
    TrainingJob,
    new_run,
)

Job = FetchWeightsJob | TrainingJob | StudyJob

__all__ = [
    "ActivationsRequest",
    "AliasingRequest",
    "Answer",
    "AttributionRequest",
    "CarryingChannelsRequest",
    "ChannelKernelRequest",
    "ChannelsRequest",
    "ClassifyRequest",
    "DenseMapRequest",
    "Design",
    "DesignedAliasingRequest",
    "EditRequest",
    "EffectiveFieldRequest",
    "FactorisationRequest",
    "FeatureVisJob",
    "FetchWeightsJob",
    "GradientFlowRequest",
    "InvarianceRequest",
    "InversionJob",
    "Job",
    "KernelStudyRequest",
    "KernelsRequest",
    "LayerFactorisationRequest",
    "LayerKernelsRequest",
    "LayerMapsRequest",
    "LayerStripRequest",
    "LayerTimingsRequest",
    "MapRequest",
    "PhotoDifferencesRequest",
    "PictureRequest",
    "Precision",
    "ReconstructionRequest",
    "RecordingRequest",
    "Request",
    "SharedFactorisationRequest",
    "Steering",
    "StudyJob",
    "Term",
    "TermKind",
    "TopPatchesJob",
    "TopPatchesRequest",
    "TrainingJob",
    "UnitRequest",
    "new_run",
]
