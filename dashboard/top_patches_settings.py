"""What page "Top patches" keeps besides the selection, and the questions that follow from both."""

from dataclasses import dataclass, replace

from dashboard import service, session
from dashboard.page_settings import checked, whole
from dashboard.selection import Selection, Where
from vgg_viz.requests import TopPatchesJob, TopPatchesRequest
from vgg_viz.results import ServiceDescription

SAMPLES, FOLDER = "samples", "folder:"
MOST = 50_000


@dataclass(frozen=True)
class TopPatchesSettings:
    """Which photos are looked at, and how many of them at most."""

    source: str = checked(
        SAMPLES,
        lambda text: text == SAMPLES or text.startswith(FOLDER),
        "samples or the name of a folder that this server offers",
    )
    limit: int = whole(5000, least=9, most=MOST)


def sources(offered: ServiceDescription) -> dict[str, str]:
    """Names and titles of what photos there are."""
    folders = {data.name: data.title for data in offered.datasets if data.name.startswith(FOLDER)}
    return {SAMPLES: "Bundled photos", **folders}


def request(where: Where, selection: Selection, settings: TopPatchesSettings) -> TopPatchesRequest:
    """The question behind a network's grids."""
    side = selection.side(where)
    return TopPatchesRequest(side.model, settings.source, side.layer, side.channel)


def job(where: Where, selection: Selection, settings: TopPatchesSettings) -> TopPatchesJob:
    """The work that makes the index."""
    return TopPatchesJob(selection.side(where).model, settings.source, settings.limit)


def checked_source(settings: TopPatchesSettings, offered: ServiceDescription) -> TopPatchesSettings:
    """The settings with the bundled photos where the folder is not offered here (any more)."""
    if settings.source in sources(offered):
        return settings
    service.tell(f"This server does not offer {settings.source}; showing the bundled photos.")
    session.set_settings(source=SAMPLES)
    return replace(settings, source=SAMPLES)
