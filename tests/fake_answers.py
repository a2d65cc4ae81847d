"""Answers of the fake service: deterministic numbers, made of the words of the question."""

import io
from dataclasses import replace
from functools import cache

import numpy as np
from PIL import Image

from tests import (
    fake_computation,
    fake_detection,
    fake_edits,
    fake_fields,
    fake_flow,
    fake_gallery,
    fake_kernels,
    fake_maps,
    fake_patches,
    fake_segmentation,
    fake_units,
)
from tests.fake_models import SAMPLES, TEXTURES, provenance, rng, sample_photo
from vgg_viz.attribution.methods import METHODS, checked_parameters
from vgg_viz.errors import (
    MissingImageError,
    UnknownNameError,
    WeightsUnavailableError,
)
from vgg_viz.requests import (
    ActivationsRequest,
    AttributionRequest,
    BoxScore,
    CarryingChannelsRequest,
    ClassifyRequest,
    CorrespondenceRequest,
    DenseMapRequest,
    DetectedRegionRequest,
    DetectionCardRequest,
    EditRequest,
    EffectiveFieldRequest,
    ExplainedRequest,
    GalleryRequest,
    GradientFlowRequest,
    InvarianceRequest,
    LayerSweepRequest,
    LayerTimingsRequest,
    MethodCostRequest,
    PictureRequest,
    RecordingRequest,
    SegmentationHeadsRequest,
    SegmentationRequest,
    SSDRequest,
    TopPatchesRequest,
    UnitRequest,
)
from vgg_viz.results import (
    Activations,
    Attribution,
    Classification,
    EffectiveField,
    LayerSweep,
    ModelInfo,
    Picture,
)
from vgg_viz.service.method_cost import method_cost


class FakeAnswers:
    """What FakeService says to every request; it brings `models`, `images`, `dark` and its jobs."""

    def answer(self, request):
        for kinds, answer in self._answers():
            if isinstance(request, kinds):
                return answer(request)
        model = getattr(request, "model", None)
        if image := getattr(request, "image", ""):
            self._photo(image)
        return fake_kernels.answer(request, self._model(model) if model else None)

    def _answers(self):
        """(types of requests, what answers them)"""
        return (
            (PictureRequest, self._picture),
            (ClassifyRequest, self._classify),
            (AttributionRequest, self._attribute),
            (LayerSweepRequest, self._sweep),
            (MethodCostRequest, lambda asked: method_cost(asked, self._model(asked.model))),
            (ActivationsRequest, self._activate),
            (GalleryRequest, self._gallery),
            (GradientFlowRequest, fake_flow.gradient_flow),
            (EffectiveFieldRequest, self._effective_field),
            (RecordingRequest, self.training.recording),
            (TopPatchesRequest, self._top_patches),
            (UnitRequest, self._unit),
            (LayerTimingsRequest | DenseMapRequest, self._computation),
            (
                EditRequest | CarryingChannelsRequest | CorrespondenceRequest | InvarianceRequest,
                self._edits,
            ),
            (fake_maps.MapsRequest, self._maps),
            (DetectionCardRequest, fake_detection.card),
            (SSDRequest, fake_detection.ssd),
            (DetectedRegionRequest, self._detected_region),
            (SegmentationHeadsRequest, lambda _: fake_segmentation.heads()),
            (SegmentationRequest | ExplainedRequest, self._segmentation),
        )

    def _gallery(self, request: GalleryRequest):
        return fake_gallery.gallery_pictures(request, self._model(request.model))

    def _photo(self, name: str) -> Image.Image:
        if name in self.images:
            return self.images[name]
        if name in (*SAMPLES, *TEXTURES):
            return sample_photo(name)
        if len(name) == 64:
            raise MissingImageError(
                "This uploaded photo is no longer on the server; upload it again."
            )
        raise UnknownNameError.among("photo", name, SAMPLES)

    def _picture(self, request: PictureRequest) -> Picture:
        photo = self._photo(request.image)
        if request.model is None:
            photo = photo.copy()
            photo.thumbnail((request.size, request.size))
        else:
            side = min(photo.size)
            left, top = (photo.width - side) // 2, (photo.height - side) // 2
            photo = photo.crop((left, top, left + side, top + side))
            photo = photo.resize((request.size, request.size))
        out = io.BytesIO()
        photo.save(out, "JPEG", quality=90)
        return Picture(np.asarray(photo), out.getvalue(), ())

    def _model(self, name: str) -> ModelInfo:
        if name not in self.models:
            raise UnknownNameError.among("model", name, self.models)
        if not self.models[name].available:
            raise WeightsUnavailableError(f"{name} is not on this machine yet; fetch it first.")
        return self.models[name]

    def _classify(self, request: ClassifyRequest) -> Classification:
        info = self._model(request.model)
        self._photo(request.image)
        logits = rng("logits", request.model, request.image).normal(0, 2, len(info.classes))
        if request.image in info.classes:
            logits[info.classes.index(request.image)] = 9
        odds = np.exp(logits - logits.max())
        return Classification(
            logits.astype(np.float32),
            (odds / odds.sum()).astype(np.float32),
            info.classes,
            0.0123,
            provenance(info, request.precision),
            None if request.precision == "fp32" else 0.004,
        )

    def _attribute(self, request: AttributionRequest) -> Attribution:
        info = self._model(request.model)
        self._photo(request.image)
        layer = next(
            row for row in info.convs if row.name == (request.layer or info.convs[-1].name)
        )
        top = self._classify(ClassifyRequest(request.model, request.image))
        target = top.top(1)[0][0] if request.target is None else request.target
        method = METHODS[request.method]
        parameters = checked_parameters(method, dict(request.parameters))
        words = () if request.method == "grad_cam" else (request.method, *parameters.values())
        other = () if request.versus is None else (request.versus,)
        noise = rng("cam", request.model, request.image, layer.name, target, *other, *words)
        side = layer.side if method.space == "layer" else 224
        at = np.linspace(-1, 1, side)
        x, y = noise.uniform(-0.5, 0.5, 2)
        grid = np.exp(-4 * ((at[None] - x) ** 2 + (at[:, None] - y) ** 2)) - 0.2
        grid = grid + noise.normal(0, 0.03, grid.shape)
        grid *= 40 if info.network.startswith("vgg") else 10
        if request.model in self.dark:
            grid = -np.abs(grid)
        signed = method.signed_with(parameters)
        score = top.logits[target] - (0 if request.versus is None else top.logits[request.versus])
        return Attribution(
            (grid if signed else np.abs(grid)).astype(np.float32),
            request.method,
            layer.name,
            target,
            info.classes[target],
            float(score),
            provenance(info, request.precision),
            relu=method.relu_when_drawn or not signed,
            versus=request.versus,
            versus_name="" if request.versus is None else info.classes[request.versus],
            parameters=tuple(parameters.items()),
            seed=request.seed,
        )

    def _sweep(self, request: LayerSweepRequest) -> LayerSweep:
        layers = request.layers or tuple(row.name for row in self._model(request.model).convs)
        asked = AttributionRequest(
            request.model,
            request.image,
            None,
            request.target,
            request.method,
            request.precision,
            request.versus,
            request.parameters,
        )
        return LayerSweep(tuple(self._attribute(replace(asked, layer=x)) for x in layers), 0.01)

    def _effective_field(self, request: EffectiveFieldRequest) -> EffectiveField:
        info = self._model(request.model)
        for image in request.images:
            self._photo(image)
        made_by = replace(provenance(info, "fp32"), input_size=request.input_size or 224)
        return fake_fields.effective_field(request, info, made_by)

    def _edits(self, request: EditRequest | CarryingChannelsRequest | InvarianceRequest):
        info = self._model(request.model)
        for image in getattr(request, "images", None) or (request.image,):
            self._photo(image)
        if isinstance(request, CorrespondenceRequest):
            return fake_edits.correspondence(request, info, provenance(info, "fp32"))
        plain = self._classify(ClassifyRequest(request.model, request.image))
        target = plain.top(1)[0][0] if request.target is None else request.target
        if isinstance(request, EditRequest):
            cam = self._attribute(AttributionRequest(request.model, request.image, target=target))
            return fake_edits.edit(request, info, plain, cam)
        if isinstance(request, CarryingChannelsRequest):
            return fake_edits.carrying_channels(request, info, plain, target)
        return fake_edits.invariance(request, info, plain, target)

    def _top_patches(self, request: TopPatchesRequest):
        info = self._model(request.model)
        images = fake_patches.images_of(request, info, self.studies)
        return fake_patches.top_patches(request, info, images, provenance(info, "fp32"))

    def _computation(self, request: LayerTimingsRequest | DenseMapRequest):
        if isinstance(request, LayerTimingsRequest):
            return fake_computation.layer_timings(self.models.get(request.model), request)
        info = self._model(request.model)
        made_by = provenance(info, request.precision)
        return fake_computation.dense_map(info, request, self._photo(request.image), made_by)

    def _maps(self, request):
        info = self._model(request.model)
        for image in getattr(request, "images", None) or (request.image,):
            self._photo(image)
        return fake_maps.answer(request, info, provenance(info, request.precision))

    def _detected_region(self, request: DetectedRegionRequest):
        info = self._model(request.model)
        self._photo(request.image)
        return fake_detection.region(request, info, provenance(info, "fp32"))

    def _segmentation(self, request: SegmentationRequest | ExplainedRequest):
        info, photo = self._model(request.model), self._photo(request.image)
        made_by = provenance(info, request.precision)
        if isinstance(request, ExplainedRequest) and isinstance(request.output, BoxScore):
            return fake_detection.explained(request, made_by)
        if isinstance(request, ExplainedRequest):
            return fake_segmentation.explained(request, info, made_by)
        return fake_segmentation.segmentation(request, info, photo, made_by)

    def _unit(self, request: UnitRequest):
        info = self._model(request.model)
        self._photo(request.image)
        return fake_units.unit_arithmetic(request, info, provenance(info, request.precision))

    def _activate(self, request: ActivationsRequest) -> Activations:
        info = self._model(request.model)
        self._photo(request.image)
        layer = next(
            row for row in info.convs if row.name == (request.layer or info.convs[-1].name)
        )
        maps = activation_maps(request.model, request.image, layer.name, layer.channels, layer.side)
        means, maxima = maps.mean(axis=(1, 2)), maps.max(axis=(1, 2))
        shown = request.channels or tuple(
            int(i) for i in np.argsort(-means, kind="stable")[: request.count]
        )
        return Activations(
            layer.name,
            shown,
            maps[list(shown)],
            means,
            maxima,
            (maps == 0).mean(axis=(1, 2), dtype=np.float32),
            provenance(info, request.precision),
        )


@cache
def activation_maps(model: str, image: str, layer: str, channels: int, side: int) -> np.ndarray:
    noise = rng("maps", model, image, layer)
    coarse = noise.normal(-0.3, 1, (channels, 7, 7)).astype(np.float32)
    strength = noise.exponential(2, channels).astype(np.float32)[:, None, None]
    at = np.linspace(0, 6, side).round().astype(int)
    return np.maximum(coarse[:, at][:, :, at], 0) * strength
