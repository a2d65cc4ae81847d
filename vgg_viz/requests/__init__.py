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
from vgg_viz.requests.detection import (
    MOST_PROPOSALS,
    DetectedRegionRequest,
    DetectionCardRequest,
    DetectionJob,
    SSDRequest,
)
from vgg_viz.requests.edits import (
    CarryingChannelsRequest,
    CorrespondenceRequest,
    EditRequest,
    InvarianceRequest,
)
from vgg_viz.requests.explained import (
    BoxScore,
    ExplainedRequest,
    GramEntry,
    Output,
    RegionScore,
)
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
    FrameMapsRequest,
    LayerMapsRequest,
    LayerStripRequest,
    MapRequest,
    PhotoDifferencesRequest,
    ReconstructionRequest,
    UnitRequest,
)
from vgg_viz.requests.occlusion import OccludedRequest, OcclusionRequest, SquareFill
from vgg_viz.requests.photos import (
    ActivationsRequest,
    AttributionRequest,
    ClassifyRequest,
    LayerSweepRequest,
    MethodCostRequest,
    PictureRequest,
)
from vgg_viz.requests.segmentation import SegmentationHeadsRequest, SegmentationRequest
from vgg_viz.requests.studies import (
    BenchJob,
    FeatureVisJob,
    GalleryRequest,
    InversionJob,
    StudyJob,
    Term,
    TermKind,
    TopPatchesJob,
    TopPatchesRequest,
    TrustJob,
)
from vgg_viz.requests.style import StyleJob
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
    "MOST_PROPOSALS",
    "ActivationsRequest",
    "AliasingRequest",
    "Answer",
    "AttributionRequest",
    "BenchJob",
    "BoxScore",
    "CarryingChannelsRequest",
    "ChannelKernelRequest",
    "ChannelsRequest",
    "ClassifyRequest",
    "CorrespondenceRequest",
    "DenseMapRequest",
    "Design",
    "DesignedAliasingRequest",
    "DetectedRegionRequest",
    "DetectionCardRequest",
    "DetectionJob",
    "EditRequest",
    "EffectiveFieldRequest",
    "ExplainedRequest",
    "FactorisationRequest",
    "FeatureVisJob",
    "FetchWeightsJob",
    "FrameMapsRequest",
    "GalleryRequest",
    "GradientFlowRequest",
    "GramEntry",
    "InvarianceRequest",
    "InversionJob",
    "Job",
    "KernelStudyRequest",
    "KernelsRequest",
    "LayerFactorisationRequest",
    "LayerKernelsRequest",
    "LayerMapsRequest",
    "LayerStripRequest",
    "LayerSweepRequest",
    "LayerTimingsRequest",
    "MapRequest",
    "MethodCostRequest",
    "OccludedRequest",
    "OcclusionRequest",
    "Output",
    "PhotoDifferencesRequest",
    "PictureRequest",
    "Precision",
    "ReconstructionRequest",
    "RecordingRequest",
    "RegionScore",
    "Request",
    "SSDRequest",
    "SegmentationHeadsRequest",
    "SegmentationRequest",
    "SharedFactorisationRequest",
    "SquareFill",
    "Steering",
    "StudyJob",
    "StyleJob",
    "Term",
    "TermKind",
    "TopPatchesJob",
    "TopPatchesRequest",
    "TrainingJob",
    "TrustJob",
    "UnitRequest",
    "new_run",
]
