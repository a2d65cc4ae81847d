"""How many images go into one pass of a method that takes many."""

from collections.abc import Iterator

from torch import nn

from vgg_viz.attribution.question import Question

# Multiply-accumulates of one step's forward pass on a CPU: the step, there and back, then takes
# some tenths of a second, and whoever waits for the device or stops the work is heard.
MACS_A_STEP = 48e9


def images_a_step(question: Question, *, backward: bool = True) -> int:
    """Images for one pass: as many as memory allows, on a CPU no more than a short step takes.

    The number depends on network and device alone, so that the same question gives the same bits.
    Without a `backward` pass twice as many.
    """
    if question.image.device.type != "cpu":
        return question.batch
    budget = MACS_A_STEP if backward else 2 * MACS_A_STEP
    return max(1, min(question.batch, int(budget // max(1, _macs(question)))))


def portions(count: int, size: int) -> Iterator[range]:
    """0 to count - 1 in ranges of at most `size`."""
    for start in range(0, count, size):
        yield range(start, min(count, start + size))


def _macs(question: Question) -> float:
    """Multiply-accumulates of one image; the largest number where a layer was not kept."""
    outputs = question.seen.outputs
    macs = 0.0
    for name, module in question.network.named_children():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        if name not in outputs:
            return float("inf")
        places = outputs[name][0, 0].numel() if isinstance(module, nn.Conv2d) else 1
        macs += module.weight.numel() * places
    return macs
