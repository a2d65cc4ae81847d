"""The study of how far a map can be trusted: hundreds of passes, one short step at a time."""

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from vgg_viz.attribution.faithfulness import PROTOCOL
from vgg_viz.attribution.question import Question
from vgg_viz.attribution.randomisation import STD
from vgg_viz.attribution.trust import Examination, Known, examine
from vgg_viz.attribution.verdict import findings, verdict
from vgg_viz.images import Photo
from vgg_viz.requests import TrustJob
from vgg_viz.results import Provenance, Trust
from vgg_viz.service.attribution import attribution_of, question_of
from vgg_viz.service.chosen_layer import spatial_layer

EXTENT = ("points", "random_maps", "seeds")
KEPT_KNOWN = 8  # photos, networks and classes; each has a few curves of 33 points

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready

_KEPT: "WeakKeyDictionary[Executor, OrderedDict[Hashable, Known]]" = WeakKeyDictionary()


class TrustStudy:
    """One map under examination."""

    def __init__(
        self,
        ready: "Ready",
        job: TrustJob,
        question: Question,
        provenance: Provenance,
        known: Known | None = None,
    ) -> None:
        self._ready, self._job, self._question = ready, job, question
        self._provenance = provenance
        self._found = Examination()
        self._steps = examine(question, job.method, job, self._found, known)
        self._seconds = 0.0
        self.finished = False

    def advance(self, _: "Executor") -> None:
        """One batch, or one map of a network with random weights."""
        started = time.perf_counter()
        try:
            next(self._steps)
        except StopIteration:
            self.finished = True
        self._seconds += time.perf_counter() - started

    def result(self, _: "Executor") -> Trust | None:
        """What was found by now."""
        found = self._found
        if found.partial is None:
            return None
        attribution = attribution_of(
            self._ready,
            self._job.attribution,
            self._question,
            found.partial,
            seconds=self._seconds,
            provenance=self._provenance,
        )
        sentences = findings(
            curves=found.curves,
            references=found.references,
            checks=attribution.checks,
            randomised=found.randomised,
            cascade=found.cascade,
            seeds=found.seeds,
            pointing=found.pointing,
        )
        return Trust(
            attribution=attribution,
            probability=found.probability,
            curves=found.curves,
            references=tuple(found.references),
            drop=found.drop,
            rises=found.rises,
            checks=attribution.checks,
            randomised=tuple(found.randomised),
            cascade=found.cascade,
            seeds=found.seeds,
            pointing=found.pointing,
            findings=sentences,
            verdict=verdict(sentences, complete=self.finished),
            protocol=protocol(self._job),
            extent=tuple((name, getattr(self._job, name)) for name in EXTENT),
            share=1.0 if self.finished else found.share,
            seconds=self._seconds,
            provenance=self._provenance,
        )

    def go_on(self, job: TrustJob) -> None:
        """Nothing of the question can have changed."""

    @property
    def share(self) -> float:
        """Of the passes."""
        return self._found.share

    @property
    def words(self) -> str:
        """What was measured last, and how long it took."""
        return f"{self._found.words}, {self._seconds:.1f} s"


def protocol(job: TrustJob) -> tuple[str, ...]:
    """How it is measured, in sentences."""
    random_weights = (
        f"Random weights from the top layer down: normal, deviation {STD:g}, cut at two "
        "deviations; biases 0 (cascading, arXiv 1810.03292)."
    )
    return (
        *PROTOCOL,
        f"{job.points} points a curve; {job.random_maps} random maps at the map's own resolution.",
        random_weights,
    )


def begin(executor: "Executor", job: TrustJob, photos: tuple[Photo, ...]) -> TrustStudy:
    """Begin to examine the map of `job`."""
    ready = executor.ready(job.model, job.precision)
    layer = spatial_layer(ready, job.layer)
    seen = executor.inspection(job, photos[0])
    question = question_of(ready, job.attribution, layer, seen)
    made_by = executor.provenance(ready, job.precision)
    known = _known(executor, job, photos[0], question, made_by)
    return TrustStudy(ready, job, question, made_by, known)


def _known(
    executor: "Executor", job: TrustJob, photo: Photo, question: Question, made_by: Provenance
) -> Known:
    """Curves of maps that know nothing, which the last few photos, networks and classes share."""
    kept = _KEPT.setdefault(executor, OrderedDict())
    target = question.target
    key = (
        (
            made_by.digest,
            made_by.model,
            job.precision,
            photo.digest,
            job.image,
            target.index,
            target.versus,
        ),
        (job.points, job.random_maps, job.seed),
    )
    known = kept.setdefault(key, {})
    kept.move_to_end(key)
    while len(kept) > KEPT_KNOWN:
        kept.popitem(last=False)
    return known
