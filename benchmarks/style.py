"""Style transfer beside the loop that is usually published: same losses, same network, same start.

The plain loop is `torch.optim.LBFGS` with its strong Wolfe line search around a closure: maps of
the network with average pooling, Gram matrices, the weighted sum, `backward`. Its tensors are laid
out as torch makes them. Ours makes one evaluation at a time, so that it can be watched, stopped
and continued; this measures what that costs or saves, in seconds a step and in the loss reached.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measure import machine, table
from vgg_viz.images import decode
from vgg_viz.models.configs import NetworkConfig, build
from vgg_viz.models.networks import ConvNet, build_network
from vgg_viz.models.registry import assets_folder, parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.preprocessing import IMAGENET, Preprocessing, cropped
from vgg_viz.transfer.descent import MEMORY
from vgg_viz.transfer.painting import Painting
from vgg_viz.transfer.style import Balance, behind_relu, style_layers
from vgg_viz.transfer.textures import texture

OURS, PLAIN = "ours", "torch.optim.LBFGS around a closure"
BALANCE = Balance(0.03, 1.0, 0.03)


@dataclass(frozen=True)
class Case:
    """A network and two pictures (1, 3, S, S) in [0, 1]."""

    network: nn.Module
    config: NetworkConfig
    content: Tensor
    style: Tensor
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Run:
    """What one contender took and reached."""

    seconds: float  # of this process on all cores: other programs on the machine do not count
    steps: int
    evaluations: int
    start: float  # L
    end: float


def bundled_case(network: str, size: int = 256) -> Case:
    """The bundled weights, the cat and broad brushwork."""
    loaded = load_model(parse_model_name(f"{network}:bundled"))
    photo = decode((assets_folder() / "images" / "cat.jpg").read_bytes()).pixels
    pictures = (_tensor(cropped(p, loaded.preprocessing, size)) for p in (photo, _brushwork()))
    return Case(loaded.network, loaded.config, *pictures, loaded.preprocessing)


def small_case() -> Case:
    """Narrow and random, for tests."""
    config = build("vgg11", width=1 / 16, classes=7, input_size=64)
    generator = torch.Generator().manual_seed(0)
    content, style = (torch.rand(1, 3, 64, 64, generator=generator) for _ in range(2))
    network: ConvNet = build_network(config, seed=0).requires_grad_(False)
    return Case(network, config, content, style, IMAGENET)


def ours(case: Case, steps: int) -> Run:
    """A Painting, an evaluation after the other."""
    made = Painting(
        case.network, case.config, case.content, case.style, case.preprocessing, BALANCE
    )
    started = time.process_time()
    while made.step_count < steps and not made.ended:
        made.evaluate(case.network)
    seconds = time.process_time() - started
    losses = [parts.loss for parts in made.history]
    return Run(seconds, made.step_count, made.evaluations, losses[0], losses[-1])


def plain(case: Case, steps: int) -> Run:
    """The usual loop; its weights are those that ours finds from the references."""
    objective = Painting(
        case.network, case.config, case.content, case.style, case.preprocessing, BALANCE
    ).objective
    layers = style_layers(case.config)
    style = [behind_relu(case.config, name) for name in layers.style]
    content = behind_relu(case.config, layers.content)
    mean = torch.tensor(case.preprocessing.mean).view(1, 3, 1, 1)
    std = torch.tensor(case.preprocessing.std).view(1, 3, 1, 1)

    averages = {
        name: nn.AvgPool2d(m.kernel_size, m.stride, ceil_mode=m.ceil_mode)
        for name, m in case.network.named_children()
        if isinstance(m, nn.MaxPool2d)
    }

    def maps_of(picture: Tensor) -> dict[str, Tensor]:
        found, value = {}, (picture - mean) / std
        for name, module in case.network.named_children():
            value = averages[name](value) if name in averages else module(value)
            found[name] = value
            if {*style, content} <= found.keys():
                break
        return {name: found[name].flatten(2)[0] for name in (*style, content)}

    with torch.no_grad():
        first, second = maps_of(case.content), maps_of(case.style)
    units = {name: (first[name].mean() + second[name].mean()) / 2 for name in first}
    grams = {name: second[name] @ second[name].T / units[name] ** 2 for name in style}
    losses: list[float] = []
    picture = case.content.contiguous().clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [picture],
        max_iter=steps,
        max_eval=10 * steps,
        history_size=MEMORY,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        maps = maps_of(picture)
        apart = maps[content] / units[content] - first[content] / units[content]
        loss = objective.alpha * apart.square().sum() / 2
        for name in style:
            count, places = maps[name].shape
            gram = maps[name] @ maps[name].T / units[name] ** 2
            part = ((gram - grams[name]) / (count * places)).square().sum() / 4
            loss = loss + objective.beta * part / len(style)
        down = picture[..., 1:, :] - picture[..., :-1, :]
        across = picture[..., 1:] - picture[..., :-1]
        loss = loss + objective.gamma * (down.square().sum() + across.square().sum())
        loss.backward()
        losses.append(float(loss.detach()))
        return loss

    started = time.process_time()
    optimizer.step(closure)
    seconds = time.process_time() - started
    taken = int(optimizer.state[picture]["n_iter"])
    final = objective.measure(case.network, picture.detach()).loss
    return Run(seconds, taken, len(losses), losses[0], final)


def measure(case: Case, steps: int) -> dict[str, Run]:
    """Both, one after the other, begun once before to warm up."""
    ours(case, 1)
    plain(case, 1)
    return {OURS: ours(case, steps), PLAIN: plain(case, steps)}


def describe(runs: Mapping[str, Run]) -> str:
    """A row each, and the ratio."""
    rows = [
        (
            name,
            f"{run.seconds:.1f}",
            f"{run.steps}",
            f"{run.evaluations}",
            f"{run.seconds / max(1, run.evaluations) * 1000:.0f}",
            f"{run.end / run.start:.4f}",
        )
        for name, run in runs.items()
    ]
    header = ("contender", "CPU s", "steps", "evaluations", "ms an evaluation", "L end / start")
    ratio = runs[PLAIN].seconds / runs[OURS].seconds
    return f"{table(header, rows)}\n{PLAIN} / {OURS}: {ratio:.2f}"


def _brushwork() -> np.ndarray:
    return texture("texture-brushwork")


def _tensor(pixels: np.ndarray) -> Tensor:
    values = torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255
    return values.contiguous(memory_format=torch.channels_last)


def main() -> None:
    """200 steps at 256 px, the bundled networks."""
    print(machine())
    for network in ("vgg16", "zfnet_b"):
        print(f"\n{network}, bundled weights, 256 px, 200 steps from the content")
        print(describe(measure(bundled_case(network), 200)))
