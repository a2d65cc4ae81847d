"""Switch channels off, mask a region, move the photo, and watch what happens."""

from dashboard import (
    controls,
    edits_carrying,
    edits_channels,
    edits_correspondence,
    edits_invariance,
    edits_settings,
    service,
    session,
)
from dashboard.edits_settings import EditsSettings

PANELS = {
    "channels": edits_channels.panel,
    "carry": edits_carrying.panel,
    "invariance": edits_invariance.panel,
    "correspondence": edits_correspondence.panel,
}

offered = service.get_service().describe()
selection, settings = session.view(offered, EditsSettings)
controls.notes()
edits_settings.head(settings, offered)
with service.messages():
    PANELS[settings.view](selection, settings, offered)
