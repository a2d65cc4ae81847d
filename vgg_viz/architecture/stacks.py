"""One k x k convolution against a stack of 3x3 convolutions with the same field (VGG, section 2.3).

    one k x k        k^2 C_in C                              1 non-linearity
    n = (k-1)/2      9 C_in C + (n-1) 9 C^2                  n non-linearities

C are the output channels; in the stack they change in its first layer, as at the entry of VGG's
stages. The paper's claim ("81 % more" for 7x7) is the case C_in = C.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vgg_viz.errors import InputError

Entry = Literal["same", "half", "rgb"]
# C_in as a multiple of C, and as a number: as many, half as many, or the three of a photo.
ENTRIES: dict[Entry, tuple[Fraction, int]] = {
    "same": (Fraction(1), 0),
    "half": (Fraction(1, 2), 0),
    "rgb": (Fraction(0), 3),
}
KERNELS = (5, 7, 9, 11)


@dataclass(frozen=True)
class Convolutions:
    """Convolutions one after another, stride 1, maps of the same side; each has bias and ReLU."""

    kernel: int  # px; of each of them
    channels: tuple[tuple[int, int], ...]  # (in, out) of each
    side: int  # px of the maps
    formula: str  # weights in terms of C, the output channels: "13.5 C²"

    @property
    def weights(self) -> int:
        """Weights without biases."""
        return sum(self.kernel**2 * inputs * outputs for inputs, outputs in self.channels)

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights + sum(outputs for _, outputs in self.channels)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image; FLOPs are twice as many."""
        return self.weights * self.side**2

    @property
    def nonlinearities(self) -> int:
        """ReLUs on the way from input to output."""
        return len(self.channels)

    @property
    def activations(self) -> int:
        """Elements of all outputs, which training has to keep."""
        return sum(outputs for _, outputs in self.channels) * self.side**2

    @property
    def field(self) -> int:
        """Side in px of what one output sees of the input."""
        return 1 + (self.kernel - 1) * len(self.channels)


@dataclass(frozen=True)
class StackComparison:
    """One large convolution and the stack of 3x3 that sees as much."""

    one: Convolutions
    stack: Convolutions

    @property
    def ratio(self) -> float:
        """Weights of the one layer over those of the stack; MACs have the same ratio."""
        return self.one.weights / self.stack.weights

    @property
    def claim_holds(self) -> bool:
        """Whether the stack has fewer weights, as the textbook says."""
        return self.stack.weights < self.one.weights

    @property
    def verdict(self) -> str:
        """Who has more weights, in words: "The 7x7 layer has 81 % more weights than the stack."."""
        k, more = self.one.kernel, max(self.ratio, 1 / self.ratio) - 1
        if self.claim_holds:
            return f"The {k}x{k} layer has {_percent(more)} more weights than the stack."
        if more:
            return f"The stack has {_percent(more)} more weights than the {k}x{k} layer."
        return "Both have equally many weights."


def compare_stack(
    kernel: int, channels: int, *, entry: Entry = "same", side: int = 56
) -> StackComparison:
    """Compare one `kernel` x `kernel` layer to `channels` channels with a stack of 3x3.

    `entry` says how many channels come in: as many ("same"), half as many ("half": the entry of a
    VGG stage), or the photo's 3 ("rgb"). InputError for a kernel that no stack of 3x3 can equal.
    """
    if kernel < 3 or kernel % 2 == 0:
        raise InputError(f"No stack of 3x3 sees {kernel} x {kernel} px; give an odd number from 3.")
    if channels < 1 or side < 1 or (entry == "half" and channels < 2):
        raise InputError("Give at least 1 channel (2 to double from) and a map of 1 px.")
    share, fixed = ENTRIES[entry]
    inputs = int(share * channels) + fixed
    depth = (kernel - 1) // 2
    inner = ((channels, channels),) * (depth - 1)
    return StackComparison(
        Convolutions(kernel, ((inputs, channels),), side, _formula(kernel, 1, entry)),
        Convolutions(3, ((inputs, channels), *inner), side, _formula(3, depth, entry)),
    )


def break_even(kernel: int) -> Fraction:
    """C_in / C at which stack and single layer have equally many weights: 9 (n-1) / (k^2 - 9).

    With fewer channels coming in, the stack has more weights. InputError below 5: 3x3 is 3x3.
    """
    if kernel < 5 or kernel % 2 == 0:
        raise InputError(f"A {kernel} x {kernel} kernel is no stack; give an odd number from 5.")
    return Fraction(9 * ((kernel - 1) // 2 - 1), kernel**2 - 9)


def _formula(kernel: int, depth: int, entry: Entry) -> str:
    """Weights of `depth` layers in terms of the output channels C."""
    share, fixed = ENTRIES[entry]
    squared = kernel**2 * (share + depth - 1)
    terms = [
        f"{float(squared):g} C²" if squared else "",
        f"{kernel**2 * fixed} C" if fixed else "",
    ]
    return " + ".join(filter(None, terms))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"
