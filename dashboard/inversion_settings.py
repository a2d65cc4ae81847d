"""What page "Inversion" keeps besides the selection, and the job that follows from both."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.page_settings import one_of, switch, whole
from dashboard.selection import Selection, Where
from vgg_viz.architecture import one_of_each_stage
from vgg_viz.requests import InversionJob
from vgg_viz.results import LayerInfo, ModelInfo

LEAST_STEPS, MOST_STEPS, MOST_SEED = 10, 1000, 9999
VIEWS = {"depths": "Every depth", "layer": "One layer"}
CODES = {"layer": "Chosen convolution", "fc6": "fc6", "fc7": "fc7"}
SMOOTHING = {"0": "None", "0.1": "× 0.1", "1": "Authors'", "10": "× 10"}
CONTRAST = {"stretched": "As the photo", "own": "As it is"}


@dataclass(frozen=True)
class InversionSettings:
    """Which layers are rebuilt from, how, and how it is drawn."""

    view: str = one_of("depths", *VIEWS)
    code: str = one_of("layer", *CODES)
    relu: bool = switch(False)
    steps: int = whole(200, least=LEAST_STEPS, most=MOST_STEPS)
    smoothing: str = one_of("1", *SMOOTHING)
    contrast: str = one_of("stretched", *CONTRAST)
    seed: int = whole(0, least=0, most=MOST_SEED)

    @property
    def stretched(self) -> bool:
        """Whether pale pictures are stretched for the eye."""
        return self.contrast == "stretched"


def wanted_layers(
    where: Where, info: ModelInfo, selection: Selection, settings: InversionSettings
) -> tuple[str, ...]:
    """The rows whose code is rebuilt from."""
    if settings.view == "depths":
        names = one_of_each_stage(info.layers)
    elif settings.code == "layer":
        names = (selection.side(where).layer,)
    else:
        names = (settings.code,)
    return tuple(behind_relu(info.layers, name) for name in names) if settings.relu else names


def behind_relu(layers: Sequence[LayerInfo], name: str) -> str:
    """The ReLU behind a layer with weights (and its batch norm); the layer itself without one."""
    behind = [layer.name for layer in layers]
    behind = behind[behind.index(name) + 1 :]
    kinds = {layer.name: layer.kind for layer in layers}
    for row in behind:
        if kinds[row] == "relu":
            return row
        if kinds[row] != "batch_norm":
            break
    return name


def job_of(
    where: Where, info: ModelInfo, selection: Selection, settings: InversionSettings
) -> InversionJob:
    """One network's work."""
    return InversionJob(
        info.name,
        selection.image,
        wanted_layers(where, info, selection, settings),
        settings.steps,
        total_variation=float(settings.smoothing),
        seed=settings.seed,
    )
