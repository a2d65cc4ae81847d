"""Class activation maps: weighted sums of a layer's maps, all from one look at the photo.

Every function takes `activations` A and `gradients` g = d y / d A of a layer, both (N, C, h, w),
and returns the raw map (N, h, w): signed, at the layer's resolution, never normalised. Papers that
draw ReLU(map) leave that step to whoever draws here, because an all-negative map is a finding and
not a blank. y is a logit, before the softmax.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from vgg_viz.attribution.question import Compute, Partial, Question
from vgg_viz.errors import UnknownNameError

LayerMap = Callable[[Tensor, Tensor], Tensor]
_PLACES = (2, 3)


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM of Selvaraju et al. (arXiv 1610.02391), eq. 1 and 2 without the ReLU.

    alpha_k = mean over the map of g_k, and L = sum over k of alpha_k A_k.
    """
    alpha = gradients.mean(dim=_PLACES, keepdim=True)
    return (alpha * activations).sum(dim=1)


def grad_cam_pp(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM++ of Chattopadhyay et al. (arXiv 1710.11063), eq. 19.

    w_k = sum_ij a_ij ReLU(g_ij), a = g^2 / (2 g^2 + (sum of A_k) g^3), 0 where g is 0. Divided by
    g^2 that is a = 1 / (2 + (sum of A_k) g), which also holds where g^2 is below the smallest
    float. Where the denominator is 0, which only maps with negative values can bring about, a is 0.
    """
    below = 2 + activations.sum(dim=_PLACES, keepdim=True) * gradients
    alpha = torch.where(below != 0, 1 / torch.where(below != 0, below, 1), 0)
    weights = (alpha * gradients.relu()).sum(dim=_PLACES, keepdim=True)
    return (weights * activations).sum(dim=1)


def hires_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """HiResCAM of Draelos & Carin (arXiv 2011.08891): sum over k of g_k A_k, place by place."""
    return (gradients * activations).sum(dim=1)


def xgrad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """XGrad-CAM of Fu et al. (arXiv 2008.02312).

    w_k = sum_ij (A_ij / sum of A_k) g_ij; 0 for a map that sums to 0.
    """
    total = activations.sum(dim=_PLACES, keepdim=True)
    share = (activations * gradients).sum(dim=_PLACES, keepdim=True)
    weights = torch.where(total != 0, share / torch.where(total != 0, total, 1), 0)
    return (weights * activations).sum(dim=1)


def layer_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """LayerCAM of Jiang et al. (IEEE TIP 2021): sum over k of ReLU(g_k) A_k, place by place."""
    return (gradients.relu() * activations).sum(dim=1)


def eigen_cam(activations: Tensor, _: Tensor, *, centred: bool = False) -> Tensor:
    """Eigen-CAM of Muhammad & Yeasin (arXiv 2008.00299): A v, A as (places, channels).

    v is the first right singular vector of A. Its sign is free: the largest magnitude of the map is
    made positive. `centred` takes off the mean of every channel first, which the paper does not.
    """
    return torch.stack([_first_component(maps, centred=centred) for maps in activations])


def _first_component(maps: Tensor, *, centred: bool) -> Tensor:
    table = maps.float().flatten(1).T  # (places, channels)
    if centred:
        table = table - table.mean(dim=0)
    # The smaller of the two products has the same largest eigenvalue, and is small enough to solve.
    places, channels = table.shape
    wide = places < channels
    product = (table @ table.T if wide else table.T @ table).double().cpu()
    _, vectors = torch.linalg.eigh(product)
    vector = vectors[:, -1].to(table)
    if wide:
        vector = table.T @ vector
        vector = vector / vector.norm().clamp(min=torch.finfo(torch.float32).tiny)
    grid: Tensor = table @ vector
    upright = -grid if bool(grid[grid.abs().argmax()] < 0) else grid
    return upright.view(maps.shape[1:])


MAPS: Mapping[str, LayerMap] = {
    "grad_cam": grad_cam,
    "grad_cam_pp": grad_cam_pp,
    "hires_cam": hires_cam,
    "xgrad_cam": xgrad_cam,
    "layer_cam": layer_cam,
}
DIVIDING = ("grad_cam_pp", "xgrad_cam")  # by sums over a map
SWEPT = (*MAPS, "finer_cam", "eigen_cam")  # what `layer_sweep` makes at every layer


def at_layer(name: str) -> Compute:
    """The method `name` of MAPS at the question's layer."""

    def compute(question: Question) -> Iterator[Partial]:
        (grid,) = layer_sweep(question, [name], [question.layer])[name].values()
        yield Partial(grid, notes=_notes(question, name))

    return compute


def finer_cam(question: Question) -> Iterator[Partial]:
    """Grad-CAM of y_c - gamma times the mean of the nearest logits (arXiv 2501.11309)."""
    others = references(question)
    (grid,) = layer_sweep(question, ["finer_cam"], [question.layer])["finer_cam"].values()
    yield Partial(grid, notes=(f"against the classes {', '.join(map(str, others))}",))


def eigen_cam_map(question: Question) -> Iterator[Partial]:
    """Eigen-CAM at the question's layer."""
    (grid,) = layer_sweep(question, ["eigen_cam"], [question.layer])["eigen_cam"].values()
    yield Partial(grid)


def layer_sweep(
    question: Question, names: Sequence[str], layers: Sequence[str]
) -> Mapping[str, Mapping[str, Tensor]]:
    """Raw maps (h, w) of every method of `names` at every layer: {method: {layer: map}}.

    One backward pass from the score serves all of them, one more serves Finer-CAM; the question's
    `layer` does not matter. `names` are of SWEPT; layers must have maps and have been kept.
    UnknownNameError otherwise.
    """
    for name in names:
        if name not in SWEPT:
            raise UnknownNameError.among("method for all layers", name, SWEPT)
    for layer in layers:
        if layer not in question.seen.outputs:
            raise UnknownNameError.among("layer", layer, question.seen.outputs)
    own = question.gradients() if set(names) & set(MAPS) else {}
    found: dict[str, dict[str, Tensor]] = {name: {} for name in names}
    finer = _finer_gradients(question, layers) if "finer_cam" in names else {}
    centred = question.parameters.get("centred") == "yes"
    for layer in layers:
        activations = question.seen.outputs[layer].detach().float()
        for name in names:
            if name == "eigen_cam":
                maps = eigen_cam(activations, activations, centred=centred)
            elif name == "finer_cam":
                maps = grad_cam(activations, finer[layer].float())
            else:
                maps = MAPS[name](activations, own[layer].float())
            found[name][layer] = maps[0]
    return found


def references(question: Question) -> tuple[int, ...]:
    """The classes Finer-CAM compares with: `versus` alone, or those with the nearest logits."""
    target = question.target
    if target.versus is not None:
        return (target.versus,)
    logits = question.seen.logits.detach()[0].float()
    distance = (logits - logits[target.index]).abs()
    distance[target.index] = torch.inf
    count = min(int(question.parameters.get("references", 3)), len(logits) - 1)
    return tuple(distance.argsort(stable=True)[:count].tolist())


def _finer_gradients(question: Question, layers: Sequence[str]) -> Mapping[str, Tensor]:
    """d (y_c - gamma mean y_t) / d output of every layer: one backward pass."""
    logits, others = question.seen.logits, references(question)
    gamma = float(question.parameters.get("strength", 0.6))
    signal = torch.zeros_like(logits).detach()
    signal[:, question.target.index] = 1
    signal[:, list(others)] -= gamma / max(1, len(others))
    outputs = [question.seen.outputs[layer] for layer in layers]
    found = torch.autograd.grad(logits, outputs, signal, retain_graph=True, materialize_grads=True)
    return dict(zip(layers, found, strict=True))


def _notes(question: Question, name: str) -> tuple[str, ...]:
    if name not in DIVIDING or not bool((question.activations < 0).any()):
        return ()
    negative = f"{question.layer} has negative values, for which this method's weights are not made"
    return (f"{negative}: choose the ReLU behind it.",)
