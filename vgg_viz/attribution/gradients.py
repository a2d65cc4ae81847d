"""Maps by the gradient of the score at the image, and by its relatives among the ReLU rules."""

from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vgg_viz.attribution.backward_rules import reconstruct
from vgg_viz.attribution.cam import grad_cam
from vgg_viz.attribution.passes import gradients_of_many, nothing_yet
from vgg_viz.attribution.question import Partial, Question
from vgg_viz.capture import inspect
from vgg_viz.results.reconstruction import Normalisation, Rule

LARGEST = "largest"


def over_channels(values: Tensor, how: str) -> Tensor:
    """(C, h, w) -> (h, w): the largest magnitude of the channels, or their sum."""
    return values.abs().amax(dim=0) if how == LARGEST else values.sum(dim=0)


def gradient(question: Question) -> Iterator[Partial]:
    """max over RGB of |d y / d x| (Simonyan, Vedaldi & Zisserman, arXiv 1312.6034, 3.1)."""
    found = question.gradients()["input"][0].float()
    yield Partial(over_channels(found, question.choice("colours")))


def gradient_at_layer(question: Question) -> Iterator[Partial]:
    """The same at the output of a layer, over its channels."""
    found = question.gradients()[question.layer][0].float()
    yield Partial(over_channels(found, question.choice("channels")))


def input_x_gradient(question: Question) -> Iterator[Partial]:
    """Sum over RGB of x times d y / d x (Shrikumar et al., arXiv 1605.01713).

    In a network of ReLUs, max-pools and linear layers without biases the map sums to the score.
    """
    found = question.image[0].float() * question.gradients()["input"][0].float()
    grid = found.sum(dim=0)
    yield Partial(grid, checks={"sum of the map": float(grid.sum())})


def noisy_images(question: Question, generator: torch.Generator, count: int) -> Tensor:
    """`count` copies of the photo plus N(0, sigma^2), sigma a share of the photo's range.

    Each copy is drawn by itself, so that they do not depend on how many go into one pass.
    """
    image = question.image.float()
    sigma = question.number("noise") * float(image.max() - image.min())
    noise = torch.stack([torch.randn(image.shape[1:], generator=generator) for _ in range(count)])
    made = image + sigma * noise.to(image.device)
    return made.to(question.image.dtype).contiguous(memory_format=torch.channels_last)


def smoothgrad(question: Question) -> Iterator[Partial]:
    """The mean of the gradients of noisy copies (Smilkov et al., arXiv 1706.03825).

    Signs are kept until the mean is taken, as in the paper's formula.
    """
    total = torch.zeros_like(question.image[0], dtype=torch.float32)
    newest = nothing_yet(question, question.count("samples"))
    for step in _noisy_gradients(question):
        if step is not None:
            part, found = step
            total += found.sum(dim=0)
            grid = over_channels(total / part.stop, question.choice("colours"))
            newest = Partial(grid, part.stop, question.count("samples"))
        yield newest


def vargrad(question: Question) -> Iterator[Partial]:
    """The variance of the gradients of noisy copies (Adebayo et al., arXiv 1810.03307).

    Over n, not n - 1; the variances of the three colours are added.
    """
    mean = torch.zeros_like(question.image[0], dtype=torch.float32)
    squares = torch.zeros_like(mean)  # sum of squared differences from the mean
    newest = nothing_yet(question, question.count("samples"))
    for step in _noisy_gradients(question):
        if step is not None:
            part, found = step
            done, fresh = part.stop, found.mean(dim=0)
            change = fresh - mean
            squares += ((found - fresh) ** 2).sum(dim=0)
            squares += change**2 * (part.start * len(part) / done)
            mean += change * (len(part) / done)
            newest = Partial((squares / done).sum(dim=0), done, question.count("samples"))
        yield newest


def _noisy_gradients(question: Question) -> Iterator[tuple[range, Tensor] | None]:
    generator = question.generator()
    return gradients_of_many(
        question,
        question.count("samples"),
        lambda part: noisy_images(question, generator, len(part)),
    )


def guided_backprop(question: Question) -> Iterator[Partial]:
    """Guided backprop from the score (Springenberg et al., arXiv 1412.6806)."""
    yield Partial(over_channels(_sent_back(question, "guided"), question.choice("colours")))


def deconvnet(question: Question) -> Iterator[Partial]:
    """ZFNet's deconvnet from the score (Zeiler & Fergus, arXiv 1311.2901)."""
    lrn: Normalisation = "passed" if question.choice("lrn") == "passed" else "derivative"
    found = _sent_back(question, "deconvnet", lrn)
    yield Partial(over_channels(found, question.choice("colours")))


def guided_grad_cam(question: Question) -> Iterator[Partial]:
    """Guided backprop times ReLU(Grad-CAM), upsampled bilinearly, align_corners=False.

    Selvaraju et al., arXiv 1610.02391, section 3.
    """
    gradients = question.gradients()[question.layer].float()
    cam = grad_cam(question.activations.float(), gradients).relu()
    size = question.image.shape[-2:]
    large = F.interpolate(cam[:, None], size=size, mode="bilinear", align_corners=False)[0]
    found = _sent_back(question, "guided") * large
    yield Partial(over_channels(found, question.choice("colours")))


def _sent_back(question: Question, rule: Rule, lrn: Normalisation = "derivative") -> Tensor:
    """From the logits to the image by a ReLU rule: (3, H, W)."""
    question = with_every_layer(question)
    logits = question.seen.logits
    start = torch.zeros_like(logits).detach()
    start[:, question.target.index] = 1
    if question.target.versus is not None:
        start[:, question.target.versus] = -1
    last = list(question.seen.outputs)[-1]
    return reconstruct(question.network, question.seen, last, start, rule, lrn=lrn)[0].float()


def with_every_layer(question: Question) -> Question:
    """The question with an Inspection that keeps every layer; itself where it does already.

    When memory is short, only the layer asked for is kept.
    """
    names = [
        name
        for name, module in question.network.named_children()
        if not isinstance(module, nn.Dropout | nn.Flatten)
    ]
    if all(name in question.seen.outputs for name in names):
        return question
    return replace(question, seen=inspect(question.network, question.image, names))
