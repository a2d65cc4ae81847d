"""What answers each question that is more than a view of one Inspection.

A module that answers a question declares it here once; `Executor.answer` looks it up. Like the
executor it runs on the worker's thread alone.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vgg_viz.images import Photo
from vgg_viz.requests import (
    AliasingRequest,
    CarryingChannelsRequest,
    ChannelKernelRequest,
    ChannelsRequest,
    CorrespondenceRequest,
    DenseMapRequest,
    DesignedAliasingRequest,
    DetectedRegionRequest,
    EditRequest,
    EffectiveFieldRequest,
    ExplainedRequest,
    FactorisationRequest,
    FrameMapsRequest,
    InvarianceRequest,
    KernelsRequest,
    KernelStudyRequest,
    LayerFactorisationRequest,
    LayerKernelsRequest,
    LayerMapsRequest,
    LayerStripRequest,
    LayerSweepRequest,
    LayerTimingsRequest,
    MapRequest,
    OccludedRequest,
    PhotoDifferencesRequest,
    ReconstructionRequest,
    Request,
    SegmentationRequest,
    SharedFactorisationRequest,
    SSDRequest,
    TopPatchesRequest,
    UnitRequest,
)
from vgg_viz.service import kernels, layer_maps
from vgg_viz.service.computation import dense_map, layer_timings
from vgg_viz.service.correspondence import corresponding_part
from vgg_viz.service.detection import detected_region
from vgg_viz.service.edits import carrying_channels, edit, moved_photo
from vgg_viz.service.explained import explained
from vgg_viz.service.fields import effective_field
from vgg_viz.service.layer_sweep import layer_sweep
from vgg_viz.service.occlusion import occluded
from vgg_viz.service.reconstruction import channel_kernel, layer_kernels, reconstruction
from vgg_viz.service.segmentation import segmentation
from vgg_viz.service.ssd import ssd_objects
from vgg_viz.service.top_patches import top_patches
from vgg_viz.service.units import unit_arithmetic

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor

# (executor, request, photos the request names) -> the answer, numpy only
Answering = Callable[["Executor", Any, tuple[Photo, ...]], Any]

ANSWERS: Mapping[type[Request[Any]], Answering] = {
    CarryingChannelsRequest: carrying_channels,
    CorrespondenceRequest: corresponding_part,
    EditRequest: edit,
    InvarianceRequest: moved_photo,
    AliasingRequest: kernels.first_layer_aliasing,
    ChannelKernelRequest: channel_kernel,
    ChannelsRequest: layer_maps.layer_channels,
    DenseMapRequest: dense_map,
    DetectedRegionRequest: detected_region,
    DesignedAliasingRequest: kernels.designed_aliasing,
    EffectiveFieldRequest: effective_field,
    ExplainedRequest: explained,
    FactorisationRequest: kernels.factorise,
    FrameMapsRequest: layer_maps.frame_maps,
    KernelsRequest: kernels.kernels,
    KernelStudyRequest: kernels.kernel_study,
    LayerFactorisationRequest: kernels.layer_factorisation,
    LayerKernelsRequest: layer_kernels,
    LayerMapsRequest: layer_maps.layer_maps,
    LayerStripRequest: layer_maps.layer_strip,
    LayerSweepRequest: layer_sweep,
    LayerTimingsRequest: layer_timings,
    MapRequest: layer_maps.channel_map,
    OccludedRequest: occluded,
    PhotoDifferencesRequest: layer_maps.photo_differences,
    ReconstructionRequest: reconstruction,
    SegmentationRequest: segmentation,
    SharedFactorisationRequest: kernels.shared_factorisation,
    SSDRequest: ssd_objects,
    TopPatchesRequest: top_patches,
    UnitRequest: unit_arithmetic,
}
