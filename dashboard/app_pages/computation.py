"""Where parameters, MACs, bytes and milliseconds go; fully-connected layers as convolutions."""

from dashboard import (
    computation_costs,
    computation_dense,
    computation_measured,
    computation_settings,
    controls,
    service,
    session,
)
from dashboard.computation_settings import ComputationSettings

PANELS = {
    "costs": computation_costs.panel,
    "measured": computation_measured.panel,
    "dense": computation_dense.panel,
}

offered = service.get_service().describe()
selection, settings = session.view(offered, ComputationSettings)
controls.notes()
computation_settings.head(settings, offered)
with service.messages():
    PANELS[settings.view](selection, settings, offered)
