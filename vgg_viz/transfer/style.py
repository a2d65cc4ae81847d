"""Style transfer: a picture with the content of one photo and the textures of another.

Gatys, Ecker & Bethge ("Image Style Transfer Using Convolutional Neural Networks", CVPR 2016;
arXiv 1508.06576) change a picture x until

    L(x) = alpha L_content + beta sum of w_l E_l + gamma V

is small. F (N, M) are the N maps of a layer behind its ReLU, M positions each, P those of the
content photo and A the Gram matrix of the style picture:

    L_content = 1/2 sum of (F - P)^2                  at conv4_2
    G = F F^T,  E_l = sum of (G - A)^2 / (4 N^2 M^2)   at conv1_1, conv2_1, ... conv5_1; w_l = 1/5
    dE_l/dF = (G - A) F / (N^2 M^2) where F > 0

Ours:

- Maps are divided by the layer's mean activation for the two pictures, so that no layer decides by
  the size of its values. The paper does so for each filter, over many photos, with VGG-19; in a
  small network some filters hardly answer to two pictures, and would then decide alone.
- alpha, beta and gamma follow from a `Balance`: what a loss counts where it is as large as for the
  other picture. Weights in the paper's units hold for its network alone.
- V, the squared differences of neighbouring px, which the paper does not have.
- px are free; they are cut off at black and white when they are shown.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vgg_viz.capture import undisturbed
from vgg_viz.models.configs import NetworkConfig

Pooling = Literal["max", "average"]

CONTENT = "conv4_2"
CONTENT_DEPTH = 10 / 16  # conv4_2 is the tenth of VGG-19's sixteen convolutions


@dataclass(frozen=True)
class StyleLayers:
    """The convolutions whose maps are compared, by name; their ReLUs are what is read."""

    style: tuple[str, ...]
    content: str


@dataclass(frozen=True)
class Balance:
    """What the three parts of L count, each relative to its reference.

    References: L_content of the style picture, sum of w_l E_l of the content photo, V of the style
    picture. With (0.03, 1, 0) a picture that is as far from the content as the style picture is
    costs 3 % of one that has nothing of the style. (1, 0, 0) is content alone, an inversion;
    (0, 1, 0) style alone, a texture.
    """

    content: float
    style: float
    variation: float = 0.0


def style_layers(config: NetworkConfig) -> StyleLayers:
    """The paper's layers; of a network without them those at the same depth.

    Style: the first convolution of every stage, all five of ZFNet and AlexNet. Content: conv4_2,
    or the convolution whose share of all is nearest to 10/16 (conv3 of ZFNet's five).
    """
    convs = config.convs
    first: dict[str, str] = {}
    for name in convs:
        first.setdefault(name.partition("_")[0], name)
    if CONTENT in convs:
        return StyleLayers(tuple(first.values()), CONTENT)
    nearest = min(range(len(convs)), key=lambda i: abs((i + 1) / len(convs) - CONTENT_DEPTH))
    return StyleLayers(tuple(first.values()), convs[nearest])


def behind_relu(config: NetworkConfig, layer: str) -> str:
    """The ReLU that follows a convolution, behind its batch norm."""
    names = [row.name for row in config.layers]
    behind = config.layers[names.index(layer) :]
    return next(row.name for row in behind if row.kind == "relu")


def front(network: nn.Module, deepest: str, pooling: Pooling) -> nn.Sequential:
    """The network up to `deepest`, flat and with the same modules; `network` stays as it is.

    With `pooling` "average" every max pooling is an average pooling of the same windows, as in the
    paper.
    """
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in network.named_children():
        modules[name] = _averaging(module) if pooling == "average" else module
        if name == deepest:
            break
    return nn.Sequential(modules)


def _averaging(module: nn.Module) -> nn.Module:
    if not isinstance(module, nn.MaxPool2d):
        return module
    return nn.AvgPool2d(
        module.kernel_size,
        module.stride,
        module.padding,
        ceil_mode=module.ceil_mode,
        count_include_pad=False,
    )


def maps_of(flat: nn.Sequential, layers: Sequence[str], image: Tensor) -> dict[str, Tensor]:
    """The outputs of `layers` for one normalised image, each as (N, M)."""
    found: dict[str, Tensor] = {}
    value = image
    for name, module in flat.named_children():
        value = module(value)
        if name in layers:
            found[name] = value.flatten(2)[0]
    return found


def gram(maps: Tensor) -> Tensor:
    """G = F F^T of maps (N, M): (N, N)."""
    return maps @ maps.T


def content_loss(maps: Tensor, wanted: Tensor) -> Tensor:
    """1/2 sum of (F - P)^2."""
    return (maps - wanted).square().sum() / 2


def style_loss(maps: Tensor, wanted: Tensor) -> Tensor:
    """E_l of maps (N, M) against a Gram matrix (N, N)."""
    return _gram_loss(gram(maps), wanted, maps.shape[1])


def _gram_loss(found: Tensor, wanted: Tensor, places: int) -> Tensor:
    """E_l of two Gram matrices; divided first: their squares are large numbers for float32."""
    return ((found - wanted) / (len(found) * places)).square().sum() / 4


def total_variation(picture: Tensor) -> Tensor:
    """V of a picture (1, C, H, W): the squared differences of neighbours, summed."""
    down = picture[..., 1:, :] - picture[..., :-1, :]
    across = picture[..., 1:] - picture[..., :-1]
    return down.square().sum() + across.square().sum()


class GramScore(nn.Module):
    """One entry of G / M as a score: maps (B, N, H, W) -> (B, 1), mean over places of F_i F_j."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, maps: Tensor) -> Tensor:
        """The score of each picture of a batch."""
        return (maps[:, self.first] * maps[:, self.second]).mean((1, 2))[:, None]


@dataclass(frozen=True, eq=False)
class Measured:
    """Losses of one picture, unweighted but for `loss`, which is L."""

    loss: float
    content: float
    style: tuple[float, ...]  # E_l, a layer after the other
    variation: float
    grams: tuple[Tensor, ...]  # G / M of every style layer: means over places of products


class StyleObjective:
    """L of a picture, for one network and two pictures.

    `content` and `style` are pictures as they are changed, (1, C, S, S); `read` makes of one what
    the network reads, (1, 3, S, S). The network is given to every call and left as it was.
    """

    def __init__(
        self,
        network: nn.Module,
        config: NetworkConfig,
        content: Tensor,
        style: Tensor,
        read: Callable[[Tensor], Tensor],
        balance: Balance,
        *,
        pooling: Pooling = "average",
    ) -> None:
        self.layers, self.pooling = style_layers(config), pooling
        self._read = read
        self._style = tuple(behind_relu(config, name) for name in self.layers.style)
        self._content = behind_relu(config, self.layers.content)
        names = [row.name for row in config.layers]
        self._deepest = max((*self._style, self._content), key=names.index)
        self.alpha = self.beta = self.gamma = 0.0
        with torch.no_grad():
            first, second = (self._maps(network, each) for each in (content, style))
            self._scales = {name: _scale(first[name], second[name]) for name in first}
            self._wanted = first[self._content] * self._scales[self._content]
            self._grams = [gram(second[name] * self._scales[name]) for name in self._style]
            self._places = [first[name].shape[1] for name in self._style]
            self._set_references(self.measure(network, content), self.measure(network, style))
        self.alpha = balance.content / self.content_reference
        self.beta = balance.style / (self.layer_weight * sum(self.style_references))
        self.gamma = balance.variation / self.variation_reference

    @property
    def layer_weight(self) -> float:
        """w_l."""
        return 1 / len(self._style)

    def __call__(self, network: nn.Module, picture: Tensor) -> tuple[Tensor, Measured]:
        """L with its graph, and its parts."""
        found = self._maps(network, picture)
        maps = {name: found[name] * self._scales[name] for name in found}
        content = content_loss(maps[self._content], self._wanted)
        grams = [gram(maps[name]) for name in self._style]
        style = [_gram_loss(*each) for each in zip(grams, self._grams, self._places, strict=True)]
        variation = total_variation(picture)
        loss = self.beta * self.layer_weight * torch.stack(style).sum()
        loss = loss + self.alpha * content + self.gamma * variation
        means = zip(grams, self._places, strict=True)
        parts = Measured(
            loss=float(loss.detach()),
            content=float(content.detach()),
            style=tuple(float(each.detach()) for each in style),
            variation=float(variation.detach()),
            grams=tuple(found.detach() / places for found, places in means),
        )
        return loss, parts

    def measure(self, network: nn.Module, picture: Tensor) -> Measured:
        """The losses of any picture of this size."""
        with torch.no_grad():
            return self(network, picture)[1]

    def _set_references(self, content: Measured, style: Measured) -> None:
        """The losses of the other picture; where it is the same one, those of black maps."""
        black = float(self._wanted.square().sum()) / 2
        self.content_reference = style.content or black or 1.0
        self.style_references = tuple(
            found or float(_gram_loss(0 * wanted, wanted, places)) or 1.0
            for found, wanted, places in zip(content.style, self._grams, self._places, strict=True)
        )
        self.variation_reference = style.variation or 1.0
        self.content_grams, self.style_grams = content.grams, style.grams

    def _maps(self, network: nn.Module, picture: Tensor) -> dict[str, Tensor]:
        flat = front(network, self._deepest, self.pooling)
        with undisturbed(network):
            return maps_of(flat, (*self._style, self._content), self._read(picture))


def _scale(first: Tensor, second: Tensor) -> float:
    """One over the mean activation of a layer for two pictures; 0 where it is silent."""
    mean = float(first.mean() + second.mean()) / 2
    return 1 / mean if mean > 0 else 0.0
