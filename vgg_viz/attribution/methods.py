"""The table of methods: what each is, takes and costs. Pages, API and command line read it.

Nothing here imports torch. `registry.COMPUTE` holds the code of each; a test compares the names.
"""

from collections.abc import Mapping

from vgg_viz.attribution.cam_methods import CAM
from vgg_viz.attribution.gradient_methods import GRADIENT
from vgg_viz.attribution.perturbation_methods import PERTURBATION
from vgg_viz.attribution.relevance_methods import RELEVANCE
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.results import MethodInfo, MethodParameter, ParameterValue

METHODS: Mapping[str, MethodInfo] = {
    method.name: method for method in (*GRADIENT, *CAM, *PERTURBATION, *RELEVANCE)
}


def checked_parameters(
    method: MethodInfo, given: Mapping[str, ParameterValue]
) -> dict[str, ParameterValue]:
    """Every parameter of `method`, as given or at its default, numbers as numbers.

    UnknownNameError for a name or choice that there is not, InputError outside the range.
    """
    known = {parameter.name: parameter for parameter in method.parameters}
    for name in given:
        if name not in known:
            raise UnknownNameError.among(f"parameter of {method.title}", name, known)
    return {
        name: _checked(parameter, given.get(name, parameter.default))
        for name, parameter in known.items()
    }


def _checked(parameter: MethodParameter, value: ParameterValue) -> ParameterValue:
    if parameter.choices:
        if value not in parameter.choices:
            raise UnknownNameError.among(parameter.title.lower(), str(value), parameter.choices)
        return value
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    low = float("-inf") if parameter.low is None else parameter.low
    high = float("inf") if parameter.high is None else parameter.high
    whole = isinstance(parameter.default, int)
    if not low <= number <= high or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise InputError(f"{parameter.title}: give {kind} from {low:g} to {high:g}, not {value!r}.")
    return int(number) if whole else number
