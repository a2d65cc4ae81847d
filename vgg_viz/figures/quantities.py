"""The five costs of a network as charts and tables name them, and their numbers in few digits."""

from dataclasses import dataclass

_PREFIXES = ("", "k", "M", "G", "T")


@dataclass(frozen=True)
class Quantity:
    """A cost of `architecture.Costs`, for people."""

    title: str
    unit: str  # behind a number; "" where the title says it
    explanation: str


COSTS = {
    "parameters": Quantity("Parameters", "", "Weights and biases."),
    "macs": Quantity("MACs", "", "Multiply-accumulates for one image; FLOPs = 2 × MACs."),
    "activation_bytes": Quantity(
        "Activations", "B", "Memory that keeps every layer's output for one image in fp32."
    ),
    "depth": Quantity("Weight layers", "", "Convolutions and fully-connected layers."),
    "receptive_field": Quantity(
        "Receptive field",
        "px",
        "Side of the square of the input that a unit of fc8 can see, before clipping at the "
        "border; fc6 counts as a convolution over the whole last map. A layer's part is by how "
        "much it enlarges the field.",
    ),
}


def amount(number: float, unit: str = "") -> str:
    """Return 15470264320 as "15.47 G" with its unit: four digits, steps of 1000; px stay whole."""
    if unit == "px":
        return f"{number:,.0f} px"
    power = 0
    while abs(float(f"{number:.4g}")) >= 1000 and power < len(_PREFIXES) - 1:
        number, power = number / 1000, power + 1
    return f"{number:.4g} {_PREFIXES[power]}{unit}".rstrip()


def signed(number: float, unit: str = "") -> str:
    """As `amount`, with a sign: "+36.93 k", "−1.456 M", "±0"."""
    sign = "+" if number > 0 else "−" if number < 0 else "±"
    return sign + amount(abs(number), unit)
