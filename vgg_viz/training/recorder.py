"""A recorder for one's own training loop: the gradient flow of any module, every few steps."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from vgg_viz import __version__
from vgg_viz.errors import InputError, VggVizError
from vgg_viz.gradient_flow import FlowMeter
from vgg_viz.gradient_flow.meter import WEIGHTED, norm, weight_of
from vgg_viz.recordings import KEPT_HISTOGRAMS, RunWriter
from vgg_viz.results import Finding, LayerFlow, RunState

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger(__name__)

UNMEASURED = "; measure with every=1 to see in which layer that begins"
IN_LOSS = "; all outputs of layers were finite, so it began behind them"
EXPLODING = 0.5  # an update of half the norm of the weights; healthy ones are around 1e-3


class Recorder:
    """Records a training as the dashboard replays it, from inside any PyTorch training loop.

        with Recorder(model, "runs/mine", every=50) as recorder:
            for images, labels in batches:
                loss = criterion(model(images), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss=loss)

    Call `step` once a step, after the optimiser's step and before gradients are set to None. Step
    1 and then every `every`-th step are measured; in between nothing is attached to the model. The
    model, its gradients and the random state are never changed: the trained weights are the same
    bits with and without. Layers are the model's convolutions and linear layers; a model without
    any is recorded with its loss alone.

    `tensorboard` names a folder for TensorBoard scalars (needs the package tensorboard). Raises
    InputError when `path` already holds a recording. What was recorded before a crash or a kill is
    readable; leaving the block by an error keeps the recording, as "stopped".
    """

    def __init__(
        self,
        model: nn.Module,
        path: str | Path,
        *,
        every: int = 50,
        title: str = "",
        settings: Mapping[str, Any] | None = None,
        planned_steps: int = 0,
        tensorboard: str | Path | None = None,
    ) -> None:
        if every < 1:
            raise InputError(f"every={every} measures nothing; give 1 or more.")
        folder = Path(path)
        self.model = model
        self.every = every
        self.taken = 0  # steps so far
        summary_writer = None if tensorboard is None else _summary_writer()
        self._writer = RunWriter(
            folder,
            title=title or folder.name,
            settings=settings,
            planned_steps=planned_steps,
            versions={"vgg-viz": __version__, "torch": str(torch.__version__)},
        )
        self._scalars_to: SummaryWriter | None = None
        if summary_writer is not None:
            self._scalars_to = summary_writer(str(tensorboard))
        self._attached = ExitStack()
        self._meter: FlowMeter | None = None
        self._before: dict[str, Tensor] = {}
        self._dead: set[str] = set()
        self._exploding: set[str] = set()
        self._diverged = self._non_finite = False
        self._closed = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found wrong so far: NaN, dead layers, exploding updates."""
        return tuple(self._writer.findings)

    @property
    def measuring(self) -> bool:
        """Whether the step under way is being measured."""
        return self._meter is not None

    def step(self, loss: Tensor | float, **scalars: Tensor | float) -> None:
        """Record one training step: its loss, any other numbers, its gradient flow when due."""
        if self._closed:
            raise VggVizError("This recording has ended; start another Recorder to go on.")
        self.taken += 1
        values = {"loss": _number(loss)} | {name: _number(v) for name, v in scalars.items()}
        self._write_scalars(values)
        if not math.isfinite(values["loss"]) and not self._diverged:
            self._name_divergence(values["loss"], self._meter)
        if self._meter is not None:
            self._measured(self._meter)
        if (self.taken + 1) % self.every == 0:
            self._attach()

    def scalars(self, **values: Tensor | float) -> None:
        """Record numbers of the step taken last, for example validation_loss."""
        self._write_scalars({name: _number(value) for name, value in values.items()})

    def picture(self, name: str, values: "np.ndarray[Any, Any]") -> None:
        """Record an array of the step taken last: "kernels" or "cam"."""
        self._writer.picture(self.taken, name, values)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Passes within the block are not part of the training, for example a Grad-CAM.

        Passes under `torch.no_grad()` or `inference_mode()` never are; they need no block.
        """
        meter = self._meter
        before = meter is not None and meter.muted
        if meter is not None:
            meter.muted = True
        try:
            yield
        finally:
            if meter is not None:
                meter.muted = before

    def note(self, message: str) -> None:
        """Record a sentence that readers of the recording are shown."""
        self._find("note", "", message)

    def diverged(self, step: int, loss: float, layer: str) -> None:
        """Say that the loss of `step` is not finite, and where that began ("": unknown), once."""
        if not self._diverged:
            self._say_diverged(step, loss, layer, "")

    def _name_divergence(self, loss: float, meter: FlowMeter | None) -> None:
        if meter is not None and meter.layers:
            layer, otherwise = meter.first_non_finite or "", IN_LOSS
        else:
            layer, otherwise = self._first_broken_layer(), UNMEASURED
        self._say_diverged(self.taken, loss, layer, otherwise)

    def _say_diverged(self, step: int, loss: float, layer: str, otherwise: str) -> None:
        self._diverged = True
        where = f", first in {layer}" if layer else otherwise
        message = f"diverged at step {step}: loss is {_name(loss)}{where}"
        logger.warning("%s", message)
        self._writer.finding(Finding(step, layer, "diverged", message))

    def close(self, state: RunState = "complete") -> None:
        """End the recording and detach; a second call changes nothing."""
        if self._closed:
            return
        self._closed = True
        self._detach()
        try:
            if self._scalars_to is not None:
                self._scalars_to.close()
        finally:
            self._writer.close("diverged" if self._diverged and state == "complete" else state)

    def __enter__(self) -> Self:
        self._attach()  # step 1 shows the flow of the first weights
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close("complete" if kind is None else "stopped")

    def _attach(self) -> None:
        self._detach()
        self._meter = FlowMeter(self.model, histograms=KEPT_HISTOGRAMS, grad_only=True)
        self._attached.enter_context(self._meter.attached())
        # Only weights of layers: their updates are what the ratio needs.
        self._before = {name: weight.detach().clone() for name, weight in self._weights()}

    def _weights(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Weights of convolutions and linear layers under their parameters' names."""
        for name, module in self.model.named_modules():
            weight = weight_of(module) if isinstance(module, WEIGHTED) else None
            if weight is not None:
                yield f"{name}.weight", weight

    def _detach(self) -> None:
        self._attached.close()
        self._meter = None
        self._before = {}

    def _measured(self, meter: FlowMeter) -> None:
        updates = {
            name.removesuffix(".weight"): norm(weight.detach() - self._before[name])
            for name, weight in self._weights()
            if name in self._before
        }
        rows = meter.rows(updates=updates, weights=self._before)
        self._detach()
        if not rows:
            return
        self._writer.flow(self.taken, rows)
        self._write_flow_to_tensorboard(rows)
        self._judge(rows)

    def _judge(self, rows: tuple[LayerFlow, ...]) -> None:
        """Name what is wrong, each layer once."""
        at = f"step {self.taken}"
        self._judge_gradients(rows)
        for row in rows:
            values, layer = row.values, row.layer
            if values["dead_share"] == 1 and layer not in self._dead:
                self._dead.add(layer)
                self._find("dead layer", layer, f"{at}: {layer} is dead, its ReLU gives only 0")
            if values["update_ratio"] > EXPLODING and layer not in self._exploding:
                self._exploding.add(layer)
                self._find(
                    "exploding update",
                    layer,
                    f"{at}: {layer} changed by {values['update_ratio']:.2g} of its own norm",
                )

    def _judge_gradients(self, rows: tuple[LayerFlow, ...]) -> None:
        """Name the layer where gradients stop being finite, once; a diverged loss says it all.

        The backward pass carries a NaN on to all layers before, so it began in the last one. It is
        no divergence yet: a gradient scaler leaves such a step out.
        """
        have = {name for name, weight in self._weights() if weight.grad is not None}
        norms = {row.layer: row.values["weight_gradient_norm"] for row in rows}
        broken = [
            layer
            for layer, size in norms.items()
            if f"{layer}.weight" in have and not math.isfinite(size)
        ]
        if broken and not (self._non_finite or self._diverged):
            self._non_finite = True
            message = f"step {self.taken}: dL/dW is not finite, going back first in {broken[-1]}"
            self._find("non-finite gradient", broken[-1], message)

    def _first_broken_layer(self) -> str:
        """The first layer whose weights, else whose gradients are not finite.

        "" where none is, or all are: after the update that follows a NaN loss that says nothing.
        """
        reads: tuple[Callable[[nn.Parameter], Tensor | None], ...] = (
            lambda p: p.detach(),
            lambda p: p.grad,
        )
        for read in reads:
            finite = {
                name: bool(values.isfinite().all())
                for name, weight in self._weights()
                if (values := read(weight)) is not None
            }
            broken = [name for name, is_finite in finite.items() if not is_finite]
            if broken and (len(broken) < len(finite) or len(finite) == 1):
                return broken[0].removesuffix(".weight")
        return ""

    def _find(self, kind: Any, layer: str, message: str) -> None:
        logger.warning("%s", message)
        self._writer.finding(Finding(self.taken, layer, kind, message))

    def _write_scalars(self, values: Mapping[str, float]) -> None:
        self._writer.scalars(self.taken, values)
        if self._scalars_to is not None:
            for name, value in values.items():
                self._scalars_to.add_scalar(name, value, self.taken)

    def _write_flow_to_tensorboard(self, rows: tuple[LayerFlow, ...]) -> None:
        if self._scalars_to is not None:
            for row in rows:
                for quantity, value in row.values.items():
                    if math.isfinite(value):
                        self._scalars_to.add_scalar(f"{quantity}/{row.layer}", value, self.taken)


def _number(value: Tensor | float) -> float:
    return float(value.detach()) if isinstance(value, Tensor) else float(value)


def _name(loss: float) -> str:
    return "NaN" if math.isnan(loss) else "infinite"


def _summary_writer() -> "type[SummaryWriter]":
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise VggVizError(
            "TensorBoard is not installed; `pip install 'vgg-viz[tensorboard]'`, or leave it out."
        ) from error
    return SummaryWriter
