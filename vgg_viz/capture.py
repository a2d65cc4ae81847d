"""The only place that registers hooks: one forward and one backward pass, every layer kept.

`inspect` runs a network once and keeps the output of every layer asked for, with the graph;
`Inspection.gradients` then runs one backward pass from a class score to all of them. Activations,
every CAM at every layer, saliency and gradient flow are views of one Inspection.

Nothing is left on the network afterwards: hooks, modes and in-place flags are undone in `finally`,
no parameter gets a `.grad`, no random number is drawn.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vgg_viz.errors import UnknownNameError

KEPT_TARGETS = 4  # each holds as many bytes as all outputs do; going back one class is common


@dataclass(frozen=True, eq=False)
class Inspection:
    """What one forward pass of one batch showed. Tensors stay on the network's device.

    `outputs` maps layer names to their outputs (N, C, H, W) or (N, K), in order of computation,
    attached to the graph; `logits` is (N, classes). `forward_seconds` is wall clock.
    """

    image: Tensor  # (N, 3, H, W), a leaf that requires grad
    outputs: Mapping[str, Tensor]
    logits: Tensor
    forward_seconds: float
    _gradients: dict[int, dict[str, Tensor]] = field(default_factory=dict, repr=False)

    def gradients(self, target: int) -> Mapping[str, Tensor]:
        """d logit[target] / d output of every layer, and under "input" of the image.

        One backward pass for a new target, none for a repeated one. Shapes as `outputs`. Raises
        UnknownNameError for a target that is no class of the network.
        """
        if not 0 <= target < self.logits.shape[1]:
            choices = f"0 to {self.logits.shape[1] - 1}"
            raise UnknownNameError(f"No class {target}: this network has classes {choices}.")
        if target not in self._gradients:
            found = self._backward(target)
            while len(self._gradients) >= KEPT_TARGETS:
                del self._gradients[next(iter(self._gradients))]
            self._gradients[target] = found
        return self._gradients[target]

    def _backward(self, target: int) -> dict[str, Tensor]:
        names = ("input", *self.outputs)
        with torch.enable_grad():  # also when the caller is inside torch.no_grad()
            score = self.logits[:, target].sum()
        sources = (self.image, *self.outputs.values())
        found = torch.autograd.grad(score, sources, retain_graph=True, materialize_grads=True)
        return dict(zip(names, found, strict=True))

    @property
    def nbytes(self) -> int:
        """Bytes held by outputs and gradients; the graph shares the outputs' memory."""
        tensors = [self.image, self.logits, *self.outputs.values()]
        for gradients in self._gradients.values():
            tensors += gradients.values()
        return sum(t.nbytes for t in tensors)


def inspect(network: nn.Module, image: Tensor, layers: Sequence[str]) -> Inspection:
    """Run `network` on `image` (N, 3, H, W) and keep the outputs of `layers`.

    Outputs are what each module returned, also where the next ReLU works in place: such flags are
    off during the pass. `image` itself is not touched. Raises UnknownNameError for a layer that
    the network does not have.
    """
    leaf = image.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    with torch.enable_grad(), undisturbed(network), recording(network, layers) as outputs:
        started = time.perf_counter()
        logits = network(leaf)
        _synchronize(leaf.device)
        seconds = time.perf_counter() - started
    ordered = {name: outputs[name] for name in layers if name in outputs}
    return Inspection(leaf, ordered, logits, seconds)


@contextmanager
def recording(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Within the block, forward passes put the outputs of `layers` into the yielded dict."""
    outputs: dict[str, Tensor] = {}
    modules = dict(network.named_modules())
    with ExitStack() as stack:
        for name in layers:
            if name not in modules:
                raise UnknownNameError.among("layer", name, (n for n in modules if n))

            def keep(_: nn.Module, __: object, output: Tensor, name: str = name) -> None:
                outputs[name] = output

            handle = modules[name].register_forward_hook(keep)
            stack.callback(handle.remove)
        yield outputs


@contextmanager
def watching(
    network: nn.Module,
    layers: Iterable[str],
    on_output: Callable[[str, Tensor], None],
    on_gradient: Callable[[str, Tensor], None] | None = None,
) -> Iterator[None]:
    """Within the block, tell what passes `layers`: outputs going forward, gradients coming back.

    `on_output` gets an output before a later module can change it in place, `on_gradient` the
    gradient of the loss with respect to that same output, during the caller's own backward pass.
    Both get detached tensors that must not be changed; a layer that runs twice is told twice.
    Outputs that are no single tensor are passed over.
    """

    def watch(name: str) -> Callable[[nn.Module, object, object], None]:
        def forward_hook(_: nn.Module, __: object, output: object) -> None:
            if not isinstance(output, Tensor):
                return
            on_output(name, output.detach())
            if on_gradient is not None and output.requires_grad:
                output.register_hook(lambda gradient: on_gradient(name, gradient.detach()))  # type: ignore[no-untyped-call]

        return forward_hook

    modules = dict(network.named_modules())
    with ExitStack() as stack:
        for name in layers:
            handle = modules[name].register_forward_hook(watch(name))
            stack.callback(handle.remove)
        yield


@contextmanager
def as_in_training(network: nn.Module) -> Iterator[None]:
    """Batch norm by the batch's own statistics within the block, everything else as in eval mode.

    Dropout stays off, so the same input gives the same numbers. Running statistics, modes and
    in-place flags are put back after it, to the bit.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]  # noqa: SLF001
    kept = [{k: v.clone() for k, v in norm.named_buffers()} for norm in norms]
    with undisturbed(network):
        try:
            for norm in norms:
                norm.train()
            yield
        finally:
            with torch.no_grad():
                for norm, buffers in zip(norms, kept, strict=True):
                    for name, value in norm.named_buffers():
                        value.copy_(buffers[name])


@contextmanager
def undisturbed(network: nn.Module) -> Iterator[None]:
    """Eval mode and no in-place modules within the block; every flag is put back after it."""
    modes = [(module, module.training) for module in network.modules()]
    in_place = [m for m in network.modules() if getattr(m, "inplace", False) is True]
    try:
        network.eval()
        for module in in_place:
            module.inplace = False  # type: ignore[assignment]
        yield
    finally:
        for module in in_place:
            module.inplace = True  # type: ignore[assignment]
        for module, training in modes:
            module.training = training


def _synchronize(device: torch.device) -> None:
    """Wait for the device, so that seconds mean work done and not work queued."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
