"""The study that measures many methods on one photo."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vgg_viz.attribution.bench import Benched, bench, covered
from vgg_viz.attribution.extent import Box
from vgg_viz.attribution.question import Question
from vgg_viz.images import Photo
from vgg_viz.preprocessing import Preprocessing, crop_box
from vgg_viz.requests import AttributionRequest, BenchJob
from vgg_viz.results import BenchedPhoto, Provenance
from vgg_viz.service.attribution import question_of
from vgg_viz.service.chosen_layer import spatial_layer

if TYPE_CHECKING:
    from vgg_viz.service.execution import Executor, Ready


class BenchStudy:
    """All methods of a job on its photo."""

    def __init__(
        self,
        ready: "Ready",
        job: BenchJob,
        questions: dict[str, Question],
        boxes: Sequence[Box],
        provenance: Provenance,
    ) -> None:
        self._ready, self._questions = ready, questions
        self._boxes, self._provenance = boxes, provenance
        self._found = Benched()
        self._steps = bench(questions, boxes, job.points, self._found)
        self.finished = False

    def advance(self, _: "Executor") -> None:
        """One batch of images."""
        try:
            next(self._steps)
        except StopIteration:
            self.finished = True

    def result(self, _: "Executor") -> BenchedPhoto:
        """The maps measured by now."""
        question = next(iter(self._questions.values()))
        mask = covered(self._boxes, question.image.shape[-1])
        return BenchedPhoto(
            maps=tuple(self._found.maps),
            target=question.target.index,
            target_name=self._ready.loaded.classes[question.target.index],
            probability=self._found.probability,
            box_share=None if mask is None else float(mask.float().mean()),
            share=self._found.share,
            provenance=self._provenance,
        )

    def go_on(self, job: BenchJob) -> None:
        """Nothing of the questions can have changed."""

    @property
    def share(self) -> float:
        """Of the maps."""
        return self._found.share

    @property
    def words(self) -> str:
        """Maps that are through."""
        return f"{len(self._found.maps)} of {self._found.total} maps"


def begin(executor: "Executor", job: BenchJob, photos: tuple[Photo, ...]) -> BenchStudy:
    """Begin to measure the methods of `job`."""
    ready = executor.ready(job.model)
    layer = spatial_layer(ready, job.layer)
    seen = executor.inspection(job, photos[0])
    questions = {
        method: question_of(
            ready,
            AttributionRequest(job.model, job.image, layer, job.target, method, seed=job.seed),
            layer,
            seen,
        )
        for method in job.methods
    }
    boxes = seen_boxes(job.boxes, photos[0].pixels.shape[:2], ready.loaded.preprocessing)
    return BenchStudy(ready, job, questions, boxes, executor.provenance(ready))


def seen_boxes(
    boxes: Sequence[Box], size: tuple[int, ...], preprocessing: Preprocessing
) -> tuple[Box, ...]:
    """Boxes in shares of a photo of `size` (h, w) as shares of the square that the network sees.

    What lies outside is cut off; a box without anything inside is left out.
    """
    height, width = size
    left, top, right, bottom = crop_box(width, height, preprocessing)
    found = []
    for x0, y0, x1, y1 in boxes:
        box = (
            max(0.0, (x0 * width - left) / (right - left)),
            max(0.0, (y0 * height - top) / (bottom - top)),
            min(1.0, (x1 * width - left) / (right - left)),
            min(1.0, (y1 * height - top) / (bottom - top)),
        )
        if box[0] < box[2] and box[1] < box[3]:
            found.append(box)
    return tuple(found)
