"""What a reader should see in the curves, in words."""

import math
import re
from collections.abc import Sequence

from vgg_viz.results import LayerFlow

HALF_NORMAL, HALF_SUBNORMAL = 2.0**-14, 2.0**-24  # float16: least normal, least subnormal number
HALF_LARGEST = 65504.0


def verdict(rows: Sequence[LayerFlow], loss: float, classes: int) -> tuple[str, ...]:
    """What a reader should see, in sentences; first the gradient, then the signal, then |dL/dW|."""
    if not rows:
        return ()
    first, last = rows[0], _last_conv(rows)
    sentences = [
        _gradient_sentence(first, last),
        _signal_sentence(first, last),
        _weights_sentence(rows),
    ]
    if not math.isfinite(loss):
        sentences.append("The loss is not finite: nothing can be trained from here.")
    elif loss > 2 * math.log(classes):
        sentences.append(
            f"The loss is {loss:.3g} where guessing gives ln {classes} = {math.log(classes):.2f}: "
            "the scores are far too large."
        )
    return tuple(sentence for sentence in sentences if sentence)


def _last_conv(rows: Sequence[LayerFlow]) -> LayerFlow:
    return next((row for row in reversed(rows) if row.kind == "conv"), rows[-1])


def _gradient_sentence(first: LayerFlow, last: LayerFlow) -> str:
    here, there = first.values["gradient_std"], last.values["gradient_std"]
    if not (math.isfinite(here) and math.isfinite(there)) or here == 0:
        return f"The gradient at {first.layer} is {_said(here)}."
    beside = f"{_ratio(here, there)} {last.layer}"
    text = f"The gradient dL/dz at {first.layer} is {_short(here)}, {beside}"
    if here < HALF_SUBNORMAL / 2:
        return f"{text}; float16 would round it to 0."
    if here < HALF_NORMAL:
        return f"{text}; float16 would keep only some of its digits."
    return f"{text}."


def _ratio(here: float, there: float) -> str:
    ratio = here / there
    if ratio < 0.1:
        return f"{_factor(1 / ratio)} times smaller than at"
    return f"{_factor(ratio)} times that at"


def _signal_sentence(first: LayerFlow, last: LayerFlow) -> str:
    z1, z2 = first.values["z_std"], last.values["z_std"]
    if not (math.isfinite(z1) and math.isfinite(z2)) or z1 == 0:
        return f"The signal at {last.layer} is {_said(z2)}."
    ratio = z2 / z1
    if ratio < 0.02:
        word = "vanishes"
    elif ratio > 50:
        word = "explodes"
    else:
        word = "survives"
    over = "; float16 cannot hold it" if z2 > HALF_LARGEST else ""
    return (
        f"The signal {word}: its std goes from {_short(z1)} at {first.layer} to {_short(z2)} at "
        f"{last.layer}{over}."
    )


def _weights_sentence(rows: Sequence[LayerFlow]) -> str:
    norms = [row.values["weight_gradient_norm"] for row in rows]
    if not all(map(math.isfinite, norms)) or min(norms) == 0:
        return ""
    least, most = _short(min(norms)), _short(max(norms))
    spread = max(norms) / min(norms)
    if spread >= 30:
        return f"The weight gradients |dL/dW| range from {least} to {most}."
    return (
        f"The weight gradients |dL/dW| lie within a factor of {_factor(spread)} of one another "
        f"over all layers ({least} to {most}): they do not show what dL/dz shows."
    )


def _said(value: float) -> str:
    if value == 0:
        return "exactly 0"
    return _short(value) if math.isfinite(value) else "not a finite number: it overflowed float32"


def _short(value: float) -> str:
    """Two digits: 0.051, 3.8e-10."""
    return re.sub(r"e([+-])0*", lambda m: f"e{m[1].strip('+')}", f"{value:.2g}")


def _factor(value: float) -> str:
    """A factor as one says it: 0.28, 400, 200,000, 2.2 million."""
    rounded = float(f"{value:.2g}")
    if 10 <= rounded < 1e6:
        return f"{rounded:,.0f}"
    return f"{rounded / 1e6:g} million" if 1e6 <= rounded < 1e9 else _short(value)
