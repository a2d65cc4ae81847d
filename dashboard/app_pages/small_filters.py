"""Why stacks of 3x3: their cost, what they can make, and what large strides do to a picture."""

from dashboard import (
    controls,
    service,
    session,
    small_filters_aliasing,
    small_filters_controls,
    small_filters_cost,
    small_filters_factors,
    small_filters_first,
)
from dashboard.small_filters_settings import SmallFilterSettings

offered = service.get_service().describe()
selection, settings = session.view(offered, SmallFilterSettings)

controls.notes()
small_filters_controls.head(settings)
with service.messages():
    match settings.view:
        case "cost":
            small_filters_cost.cost_panel(settings)
        case "five":
            small_filters_cost.five_panel()
        case "factors":
            small_filters_factors.panel(settings, offered)
        case "first":
            small_filters_first.panel(settings, offered)
        case _:
            small_filters_aliasing.panel(settings, selection, offered)
