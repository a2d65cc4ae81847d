"""Page "Detection": what R-CNN and Fast R-CNN take on the same proposals."""

from collections.abc import Sequence

import streamlit as st

from dashboard import service
from dashboard.charts import chart, look
from dashboard.detection_panels import Work, newest
from dashboard.network_column import escaped
from vgg_viz import figures
from vgg_viz.figures import DETECTION_WAYS
from vgg_viz.published import FAST_OVER_RCNN
from vgg_viz.results import Detection

POLL = 0.7  # s between two looks


def panel(works: Sequence[Work]) -> None:
    """Bars of seconds; every network and way is a job of its own."""
    states = [service.get_service().find(work.job) for work in works]
    if not any(states):
        st.caption(
            "Nothing measured yet on this photo. **Measure both ways** runs every network by R-CNN "
            "and by Fast R-CNN on the same proposals."
        )
        return
    going = any(name and not service.get_service().events(name)[-1].final for name in states)
    st.fragment(_measured, run_every=POLL if going else None)(works, going)


def _measured(works: Sequence[Work], going: bool) -> None:
    with service.messages():
        names = [service.get_service().find(work.job) for work in works]
        events = [service.get_service().events(name)[-1] for name in names if name]
        if going and all(event.final for event in events):
            st.rerun()
        for work, name in zip(works, names, strict=True):
            event = service.get_service().events(name)[-1] if name else None
            if event is not None and not event.final:
                st.progress(event.progress or 0.0, text=f"{_name(work)}: {escaped(event.message)}")
            elif event is not None and event.state != "done":
                st.caption(f"{_name(work)}: {escaped(event.message)}")
        answers = [(work, found) for work in works if (found := newest(work)) and found.complete]
        if answers:
            _chart(answers)


def _name(work: Work) -> str:
    return f"{work.info.title}, {DETECTION_WAYS[work.job.way]}"


def _chart(answers: Sequence[tuple[Work, Detection]]) -> None:
    bars = [(work.info.title, found) for work, found in answers]
    chart(
        figures.detection_seconds_figure(bars, look()),
        key="detection_seconds",
        alt="Seconds for this photo: "
        + "; ".join(
            f"{_name(work)} {found.search_seconds:.2f} of search, {found.seconds:.2f} of network"
            for work, found in answers
        ),
        rows=[
            {
                "network": work.info.title,
                "way": DETECTION_WAYS[found.way],
                "proposals": len(found.boxes),
                "passes of the convolutions": found.passes,
                "selective search, s": found.search_seconds,
                "network, scores, regression, s": found.seconds,
            }
            for work, found in answers
        ],
        source="Wall clock on this machine, just now; other work on it counts too. "
        + "; ".join(dict.fromkeys(work.source for work, _ in answers))
        + ".",
    )
    for title, slow, fast in pairs(answers):
        st.markdown(
            f"**{escaped(title)}**: RoI pooling is **{slow.seconds / max(fast.seconds, 1e-9):.0f} "
            f"×** as fast on {len(fast.boxes)} proposals ({slow.seconds:.2f} s and "
            f"{fast.seconds:.2f} s, without the search)."
        )
    st.caption(
        f"The paper: {FAST_OVER_RCNN} × faster than R-CNN at test time with VGG-16 at full width "
        "on a GPU (Girshick, Fast R-CNN, arXiv 1504.08083). Our networks have a quarter of the "
        "channels and read 128 px, so a crop is cheap and the factor smaller; the search, which "
        "both need, is then most of what is left."
    )


def pairs(
    answers: Sequence[tuple[Work, Detection]],
) -> list[tuple[str, Detection, Detection]]:
    """(network, R-CNN's, Fast R-CNN's) where both are there."""
    found: dict[str, dict[str, Detection]] = {}
    for work, each in answers:
        found.setdefault(work.info.title, {})[each.way] = each
    return [(t, ways["rcnn"], ways["fast"]) for t, ways in found.items() if len(ways) == 2]
