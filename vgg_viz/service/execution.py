"""What the device's worker does: load models, make Inspections, compute answers.

Only the worker thread calls this; nothing here needs a lock. Tensors and modules stay inside,
numpy goes out.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from vgg_viz import __version__
from vgg_viz.activations import channel_statistics, strongest
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.capture import Inspection, inspect
from vgg_viz.errors import OutOfMemoryError, UnknownNameError, VggVizError
from vgg_viz.images import Photo
from vgg_viz.models.registry import parse_model_name
from vgg_viz.models.schemes import STAGED
from vgg_viz.models.weights import LoadedModel, load_model
from vgg_viz.preprocessing import prepare
from vgg_viz.requests import (
    ActivationsRequest,
    AttributionRequest,
    ClassifyRequest,
    GradientFlowRequest,
    Precision,
    Request,
)
from vgg_viz.results import (
    Activations,
    Attribution,
    Classification,
    GradientFlow,
    Provenance,
)
from vgg_viz.service import first_weights
from vgg_viz.service.answers import ANSWERS, Answering
from vgg_viz.service.attribution import attribution_of, question_of
from vgg_viz.service.caches import ByteBoundedCache
from vgg_viz.service.chosen_layer import after_relu, last_conv, spatial_layer
from vgg_viz.service.devices import (
    choose_device,
    host_copy,
    is_out_of_memory,
    release,
    supported_precisions,
)

logger = logging.getLogger(__name__)

ModelRequest = ClassifyRequest | AttributionRequest | ActivationsRequest
Answer = TypeVar("Answer")

# Layers whose outputs and gradients an Inspection keeps. Dropout and flatten change nothing that
# could be looked at.
RECORDED = ("conv", "batch_norm", "relu", "lrn", "max_pool", "avg_pool", "linear")


@dataclass(frozen=True)
class Limits:
    """Bytes that may be held: loaded networks, Inspections."""

    models: int = 2 * 2**30
    inspections: int = 2**30


@dataclass(frozen=True, eq=False)
class Ready:
    """A model on the device at a precision."""

    loaded: LoadedModel
    network: nn.Module
    layers: tuple[str, ...]
    nbytes: int


class Executor:
    """The state of one device: its models and Inspections, each cache bounded in bytes."""

    def __init__(
        self,
        device: str = "auto",
        *,
        limits: Limits | None = None,
        uploads: Path | None = None,
        allow_paths: bool = False,
        folders: Mapping[str, Path] | None = None,
    ) -> None:
        limits = limits or Limits()
        self.device = choose_device(device)
        self.precisions = supported_precisions(self.device)
        self.forward_passes = 0
        self.folders = dict(folders or {})  # of photos that requests may name
        self._uploads = uploads
        self.allow_paths = allow_paths
        self._models: ByteBoundedCache[Ready] = ByteBoundedCache(limits.models, lambda m: m.nbytes)
        self._inspections: ByteBoundedCache[Inspection] = ByteBoundedCache(
            limits.inspections, lambda i: i.nbytes
        )

    def answer(self, request: Request[Any], photos: tuple[Photo, ...]) -> Any:
        """Compute the answer; when memory runs out, free what can be freed and try smaller."""
        precision = getattr(request, "precision", "fp32")
        if precision not in self.precisions:
            raise VggVizError(f"{self.device} has no {precision} here; choose fp32.")
        match request:
            case ClassifyRequest():
                return self._within_memory(partial(self._classify, request, photos[0]))
            case AttributionRequest():
                return self._within_memory(partial(self._attribute, request, photos[0]))
            case ActivationsRequest():
                return self._within_memory(partial(self._activations, request, photos[0]))
            case GradientFlowRequest():
                return self._gradient_flow(request, photos)
        compute = ANSWERS[type(request)]
        return self._within_memory(partial(_in_full, compute, self, request, photos))

    def _gradient_flow(
        self, request: GradientFlowRequest, photos: tuple[Photo, ...]
    ) -> GradientFlow:
        """Measure a network with first weights; it is built for this and then forgotten."""
        first_weights.check(request)
        source = None
        if request.initialization == STAGED:
            source = load_model(
                parse_model_name(request.source),
                allow_paths=self.allow_paths,
                uploads=self._uploads,
            )

        def compute(*, small: bool) -> GradientFlow:  # noqa: ARG001 - there is nothing smaller
            return first_weights.gradient_flow(request, photos, source, self.device)

        try:
            return self._within_memory(compute)
        finally:
            release(self.device)

    @property
    def model_names(self) -> tuple[str, ...]:
        """Models loaded now."""
        return tuple(sorted({str(key[0]) for key in self._models.names()}))  # type: ignore[index]

    @property
    def inspection_bytes(self) -> int:
        """Bytes held by Inspections now."""
        return self._inspections.nbytes

    def forget(self) -> None:
        """Drop every model and Inspection and give the memory back."""
        self._inspections.drop(lambda _: True)
        self._models.drop(lambda _: True)
        release(self.device)

    def _within_memory(self, compute: Callable[..., Answer]) -> Answer:
        try:
            return compute(small=False)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            logger.warning("out of memory on %s; freeing caches and retrying smaller", self.device)
        self.forget()
        try:
            return compute(small=True)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            self.forget()
            raise OutOfMemoryError(
                f"{self.device} has too little memory for this network, also when only one layer "
                "is kept. Choose a smaller network, or start with --device cpu."
            ) from error

    def _classify(
        self, request: ClassifyRequest, photo: Photo, *, small: bool = False
    ) -> Classification:
        ready = self.ready(request.model, request.precision)
        seen = self.inspection(request, photo, layer=last_conv(ready) if small else None)
        logits = host_copy(seen.logits[0])
        probabilities = host_copy(seen.logits[0].float().softmax(0))
        difference = None
        if request.precision != "fp32":
            exact = self._classify(replace(request, precision="fp32"), photo, small=small)
            difference = float(np.abs(probabilities - exact.probabilities).max())
        return Classification(
            logits,
            probabilities,
            ready.loaded.classes,
            seen.forward_seconds,
            self.provenance(ready, request.precision),
            difference,
        )

    def _attribute(
        self, request: AttributionRequest, photo: Photo, *, small: bool = False
    ) -> Attribution:
        ready = self.ready(request.model, request.precision)
        layer = spatial_layer(ready, request.layer)
        seen = self.inspection(request, photo, layer=layer if small else None)
        question = question_of(ready, request, layer, seen)
        started = time.perf_counter()
        *_, partial = COMPUTE[request.method](question)
        found = attribution_of(
            ready,
            request,
            question,
            partial,
            seconds=time.perf_counter() - started,
            provenance=self.provenance(ready, request.precision),
        )
        self.weigh(request, photo, seen)
        difference = None
        if request.precision != "fp32":
            same = replace(request, precision="fp32", target=question.target.index)
            exact = self._attribute(same, photo, small=small).grid
            difference = float(np.abs(found.grid - exact).max() / max(np.abs(exact).max(), 1e-30))
        return replace(found, difference_to_fp32=difference)

    def _activations(
        self, request: ActivationsRequest, photo: Photo, *, small: bool = False
    ) -> Activations:
        ready = self.ready(request.model, request.precision)
        layer = spatial_layer(ready, request.layer)
        shown = after_relu(ready, layer)
        seen = self.inspection(request, photo, layer=shown if small else None)
        maps = seen.outputs[shown][0].detach().float().relu()  # (C, h, w)
        statistics = channel_statistics(maps)
        channels = request.channels or tuple(strongest(statistics, request.count).tolist())
        if max(channels) >= len(maps) or min(channels) < 0:
            raise UnknownNameError(
                f"{layer} has channels 0 to {len(maps) - 1}; {max(channels)} is not one of them."
            )
        return Activations(
            layer,
            channels,
            host_copy(maps[list(channels)]),
            host_copy(statistics.means),
            host_copy(statistics.maxima),
            host_copy(statistics.dead_shares),
            self.provenance(ready, request.precision),
        )

    def ready(self, name: str, precision: Precision = "fp32") -> Ready:
        """The model on the device, loaded when it is not there yet."""
        ready = self._models.get((name, precision))
        if ready is None:
            ready = self._load(name, precision)
            for key in self._models.put((name, precision), ready):
                self._inspections.drop(lambda k, gone=key: k[:2] == gone)  # type: ignore[misc]
                release(self.device)
        return ready

    def _load(self, name: str, precision: Precision) -> Ready:
        loaded = load_model(
            parse_model_name(name), allow_paths=self.allow_paths, uploads=self._uploads
        )
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        network = loaded.network.to(device=self.device, dtype=dtype).eval()
        layers = tuple(row.name for row in loaded.config.layers if row.kind in RECORDED)
        nbytes = sum(tensor.nbytes for tensor in network.state_dict().values())
        # Kernels are chosen and compiled in the first pass: do it now, or it is in a person's time.
        side = loaded.config.input_size
        with torch.inference_mode():
            network(torch.zeros(1, 3, side, side, dtype=dtype, device=self.device))
        return Ready(loaded, network, layers, nbytes)

    def inspection(self, request: Any, photo: Photo, layer: str | None = None) -> Inspection:
        """The Inspection of (request.model, photo): made once, then only looked at.

        With `layer`, one that keeps this layer alone will do.
        """
        precision: Precision = getattr(request, "precision", "fp32")
        key = (request.model, precision, photo.digest)
        seen = self._inspections.get(key)
        if seen is not None and (layer is None or layer in seen.outputs):
            return seen
        ready = self.ready(request.model, precision)
        image = torch.from_numpy(prepare(photo.pixels, ready.loaded.preprocessing))
        batch = image[None].to(self.device, next(ready.network.parameters()).dtype)
        self.forward_passes += 1
        seen = inspect(
            ready.network,
            batch.contiguous(memory_format=torch.channels_last),
            ready.layers if layer is None else (layer,),
        )
        self._inspections.put(key, seen)
        return seen

    def gradients(
        self, request: Any, photo: Photo, seen: Inspection, target: int
    ) -> Mapping[str, Tensor]:
        """d logit[target] / d output of every layer that `seen` keeps."""
        gradients = seen.gradients(target)
        self.weigh(request, photo, seen)
        return gradients

    def weigh(self, request: Any, photo: Photo, seen: Inspection) -> None:
        """Count the bytes of an Inspection again: it may have grown by gradients."""
        key = (request.model, getattr(request, "precision", "fp32"), photo.digest)
        self._inspections.put(key, seen)

    def provenance(self, ready: Ready, precision: Precision = "fp32") -> Provenance:
        """What made a result of `ready`."""
        loaded = ready.loaded
        return Provenance(
            model=str(loaded.name),
            weights=loaded.weights_title,
            digest=loaded.digest,
            device=str(self.device),
            precision=precision,
            input_size=loaded.config.input_size,
            versions=(("vgg-viz", __version__), ("torch", str(torch.__version__))),
        )


def _in_full(
    compute: Answering,
    executor: Executor,
    request: Request[Any],
    photos: tuple[Photo, ...],
    *,
    small: bool,  # noqa: ARG001 - there is nothing smaller; with the caches dropped it may fit
) -> Any:
    return compute(executor, request, photos)
