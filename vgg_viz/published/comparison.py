"""Numbers that may stand in one chart: errors of one protocol beside what the networks cost."""

from collections.abc import Callable
from dataclasses import dataclass

from vgg_viz.published.challenge import EVERY_ERROR
from vgg_viz.published.networks import NETWORKS, Cost, cost
from vgg_viz.published.record import Metric, PublishedError
from vgg_viz.published.tables import ABLATIONS, JITTER, TORCHVISION, VGG_TABLE_3, VGG_TABLE_4

# Single networks that one may ask for; ensembles and other teams' systems are no rivals of them.
COMPARED = (
    *("alexnet_2012", "alexnet", "zfnet_a", "zfnet_b", "overfeat", "clarifai"),
    *("vgg11", "vgg11_lrn", "vgg13", "vgg16_c", "vgg16", "vgg19"),
    *("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"),
    *("googlenet", "msra_spp", "resnet50", "resnet152"),
)
NO_NUMBER, NO_COST = "no number with this protocol", "parameters and MACs not known"


@dataclass(frozen=True)
class Point:
    """A network with its error and its cost."""

    error: PublishedError
    cost: Cost


@dataclass(frozen=True)
class Missing:
    """A network that cannot be drawn, and why."""

    title: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """Errors on the validation photos that were measured in one way."""

    title: str  # for a picker
    about: str
    pick: Callable[[Metric], dict[str, PublishedError]]

    def points(self, metric: Metric) -> tuple[Point, ...]:
        """What can be drawn, cheapest first."""
        picked = ((error, cost(network)) for network, error in self.pick(metric).items())
        known = (Point(error, price) for error, price in picked if price is not None)
        return tuple(sorted(known, key=lambda point: point.cost.macs))

    def missing(self, metric: Metric) -> tuple[Missing, ...]:
        """Networks of COMPARED that are not in `points`, each with the reason."""
        picked = self.pick(metric)
        return tuple(
            Missing(NETWORKS[name].title, NO_COST if name in picked else NO_NUMBER)
            for name in COMPARED
            if name not in picked or cost(name) is None
        )


def _in_table(
    table: tuple[PublishedError, ...], train_side: str = ""
) -> Callable[[Metric], dict[str, PublishedError]]:
    def pick(metric: Metric) -> dict[str, PublishedError]:
        return {
            error.network: error
            for error in table
            if (error.metric, error.split) == (metric, "val")
            and train_side in ("", error.protocol.train_side)
        }

    return pick


def _best_of_papers(metric: Metric) -> dict[str, PublishedError]:
    """The lowest error of one network without outside data; of equal ones the first."""
    best: dict[str, PublishedError] = {}
    for error in EVERY_ERROR:
        alone = error.protocol.networks == 1 and not error.protocol.outside_data
        of_a_paper = error not in TORCHVISION and error not in ABLATIONS
        if not (alone and of_a_paper) or (error.metric, error.split) != (metric, "val"):
            continue
        if error.network not in COMPARED:
            continue
        if error.network not in best or error.value < best[error.network].value:
            best[error.network] = error
    return best


COMPARISONS: dict[str, Comparison] = {
    "single_crop": Comparison(
        "One crop, torchvision's weights",
        "One 224-px crop of the centre per photo. Weights trained by torchvision, not the papers'.",
        _in_table(TORCHVISION),
    ),
    "dense_256": Comparison(
        "VGG's paper: dense, one scale, S = 256",
        "The whole photo at one size, trained at S = 256 (table 3).",
        _in_table(VGG_TABLE_3, "256"),
    ),
    "dense_jitter": Comparison(
        "VGG's paper: dense, one scale, scale jitter",
        "The whole photo at one size, trained with S from 256 to 512 (table 3).",
        _in_table(VGG_TABLE_3, JITTER),
    ),
    "three_scales": Comparison(
        "VGG's paper: dense, three scales, scale jitter",
        "The whole photo at three sizes, trained with S from 256 to 512 (table 4).",
        _in_table(VGG_TABLE_4, JITTER),
    ),
    "best": Comparison(
        "Best single network in the papers",
        "One network, no outside data. The views per photo differ: point at a bubble to see them.",
        _best_of_papers,
    ),
}
