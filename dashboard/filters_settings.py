"""What page "Filters" keeps besides the selection, and the questions that follow from both."""

from dataclasses import dataclass

from dashboard.page_settings import one_of
from dashboard.selection import Selection, Where
from dashboard.side_layers import nearest_unit
from vgg_viz.architecture import describe_model, unit_fields
from vgg_viz.requests import ReconstructionRequest
from vgg_viz.results import RULES, ModelInfo


@dataclass(frozen=True)
class FilterSettings:
    """Which units are sent back and how it is drawn; which picture of the kernels is shown."""

    units: str = one_of("strongest", "strongest", "top9", "place")
    rule: str = one_of("all", "all", *RULES)
    zoom: str = one_of("photo", "photo", "field")
    ends: str = one_of("own", "own", "row")
    lrn: str = one_of("passed", "passed", "derivative")
    kernels: str = one_of("first", "first", "norms", "slices", "frequency")

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that are shown."""
        return tuple(RULES) if self.rule == "all" else (self.rule,)


def reconstruction_request(
    where: Where, info: ModelInfo, selection: Selection, settings: FilterSettings
) -> ReconstructionRequest:
    """The question behind a network's row: all three rules, so that another view asks nothing."""
    side = selection.side(where)
    row = column = None
    if settings.units == "place":
        fields = unit_fields(describe_model(info), side.layer)
        row, column = nearest_unit(fields, selection)
    return ReconstructionRequest(
        side.model,
        selection.image,
        side.layer,
        side.channel,
        units=settings.units,  # type: ignore[arg-type] # checked by FilterSettings
        row=row,
        column=column,
        lrn=settings.lrn,  # type: ignore[arg-type]
    )
