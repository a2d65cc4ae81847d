"""The views of the page "ImageNet challenge": settings, charts, and what they say in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st

from dashboard import session
from dashboard.charts import chart, csv_button, look, picture_format
from dashboard.page_settings import one_of
from dashboard.widgets import controlled
from vgg_viz import figures, published
from vgg_viz.published import COMPARISONS, METRICS, Metric, PublishedError, Split, Standing

VGG_PAPER, ZFNET_PAPER = "Simonyan & Zisserman 2015", "Zeiler & Fergus 2014"
EVERY_FIGURE = "vgg-viz, vgg_viz.published: figures copied from the papers named in each row"
METRIC_NAMES = {"top5": "Top-5", "top1": "Top-1"}
METRIC_HELP = (
    "**Top-5 error**: share of photos whose class is not among a network's five best guesses. "
    "**Top-1 error**: share of photos whose class is not its first guess."
)
PROTOCOL_HELP = (
    "How an error was measured. **Single crop**: one 224-px square. **Dense**: the network slides "
    "over the whole photo. **Multi-crop**: many squares, answers averaged. **Ensemble**: several "
    "networks averaged. Numbers of different protocols do not compare.\n\n"
    "**MACs**: multiply-accumulates of one pass over one crop; a test with many views costs a "
    "multiple of it."
)


@dataclass(frozen=True)
class ChallengeSettings:
    """What the address bar holds."""

    view: str = one_of("winners", "winners", "cost", "depth", "testing", "ablations", "figures")
    metric: str = one_of("top5", "top5", "top1")
    protocol: str = one_of("single_crop", *COMPARISONS)

    @property
    def error(self) -> Metric:
        """The metric as the figures name it."""
        return "top-1" if self.metric == "top1" else "top-5"


@dataclass(frozen=True)
class View:
    """One chart of the page."""

    title: str
    panel: Callable[[ChallengeSettings], None]
    measured_in: tuple[str, ...] = tuple(METRIC_NAMES)  # metrics that one may choose
    protocols: bool = False


# --- controls ------------------------------------------------------------------------------------


def view_picker(chosen: ChallengeSettings) -> None:
    """Which chart."""
    controlled(
        st.pills,
        "View",
        list(VIEWS),
        key="challenge_view",
        value=chosen.view,
        apply=lambda view: session.set_settings(view=view),
        format_func=lambda name: VIEWS[name].title,
        label_visibility="collapsed",
        required=True,
    )


def controls_of(chosen: ChallengeSettings) -> None:
    """Metric and protocol, where the view has a choice; what the protocol is."""
    view = VIEWS[chosen.view]
    if view.protocols:
        controlled(
            st.selectbox,
            "Protocol",
            list(COMPARISONS),
            key="challenge_protocol",
            value=chosen.protocol,
            apply=lambda protocol: session.set_settings(protocol=protocol),
            format_func=lambda name: COMPARISONS[name].title,
            label_visibility="collapsed",
            width=390,
        )
    if view.measured_in:
        controlled(
            st.segmented_control,
            "Error",
            list(view.measured_in),
            key="challenge_metric",
            value=chosen.metric,
            apply=lambda metric: session.set_settings(metric=metric),
            format_func=METRIC_NAMES.__getitem__,
            label_visibility="collapsed",
            required=True,
        )
    st.caption("Terms", help=f"{METRIC_HELP}\n\n{PROTOCOL_HELP}", width="content")


def downloads() -> None:
    """Every figure as one file; what the cameras save."""
    csv_button(
        [error.row for error in published.EVERY_ERROR],
        key="challenge_every_csv",
        name="imagenet-errors",
        source=EVERY_FIGURE,
        label="All figures (CSV)",
    )
    picture_format()


# --- the challenge -------------------------------------------------------------------------------


def winners(_: ChallengeSettings) -> None:
    """The challenge year by year."""
    entries = published.CHALLENGE
    said = "; ".join(
        f"{entry.error.year} {entry.label or 'winner'} ({entry.standing}) {entry.error.written} %"
        for entry in entries
    )
    chart(
        figures.challenge_figure(look()),
        key="challenge_winners",
        alt="Top-5 test errors of the ImageNet challenge: "
        f"{said}; a person {published.HUMAN.value:g} %.",
        rows=[{**entry.error.row, "standing": entry.standing} for entry in entries],
        source="Source of each number: point at its bar. In bold: networks of the lecture. "
        f"A person: {published.HUMAN.source}.",
    )
    st.markdown(_who_won({(e.label, e.standing): e.error.written for e in entries}))


def _who_won(said: Mapping[tuple[str, Standing], str]) -> str:
    """What the chart cannot say, from its numbers by label and standing."""
    zfnet, clarifai = said["ZFNet's paper", "paper"], said["Clarifai", "winner"]
    own, outside = said["AlexNet", "winner"], said["AlexNet", "winner with outside data"]
    entry, later = said["VGG", "second place"], said["VGG's paper", "paper"]
    return (
        f"- **2013 is two things.** The winning entry, {clarifai} %, is Clarifai's, the company of "
        f"ZFNet's first author. **ZFNet's paper** reports {zfnet} % at best, from six networks.\n"
        f"- **2012** has two numbers too: {own} % with the challenge's own photos, {outside} % "
        "with more of them.\n"
        f"- **VGG was second in 2014** with {entry} % from seven networks, and first in "
        f"localisation ({published.VGG_LOCALISATION.value:g} % error). After the challenge two of "
        f"its networks reached {later} %."
    )


# --- error and cost ------------------------------------------------------------------------------


def cost(chosen: ChallengeSettings) -> None:
    """Error against MACs against parameters."""
    comparison = COMPARISONS[chosen.protocol]
    points = comparison.points(chosen.error)
    st.caption(f"{comparison.about} Area of a bubble: parameters; orange: VGG.")
    chart(
        figures.error_against_cost_figure(comparison, chosen.error, look()),
        key="challenge_cost",
        alt=f"{chosen.error} error over MACs: "
        + "; ".join(
            f"{point.error.title} {point.error.written} % at {figures.digits(point.cost.macs)} MACs"
            f" with {figures.digits(point.cost.parameters)} parameters"
            for point in points
        ),
        rows=[
            {
                **point.error.row,
                "parameters": point.cost.parameters,
                "macs": point.cost.macs,
                "cost_source": point.cost.source,
            }
            for point in points
        ],
        source=f"Errors: {_papers([point.error for point in points])}. Parameters and MACs: layer "
        "tables; GoogLeNet and ResNet from torchvision. FLOPs = 2 x MACs.",
    )
    _missing(chosen)


def _papers(errors: list[PublishedError]) -> str:
    """ "Zeiler & Fergus 2014, table 2; Simonyan & Zisserman 2015, tables 3, 4"."""
    tables: dict[str, list[str]] = {}
    for source in sorted({error.source for error in errors}):
        paper, _, table = source.partition(", table ")
        tables.setdefault(paper, []).append(table)
    return "; ".join(
        f"{paper}, table{'s' * (len(numbers) > 1)} {', '.join(numbers)}" if any(numbers) else paper
        for paper, numbers in tables.items()
    )


def _missing(chosen: ChallengeSettings) -> None:
    by_reason: dict[str, list[str]] = {}
    for network in COMPARISONS[chosen.protocol].missing(chosen.error):
        by_reason.setdefault(network.reason, []).append(network.title)
    for reason, titles in by_reason.items():
        st.caption(f"**Not drawn, {reason}:** {', '.join(titles)}.")


# --- VGG's tables --------------------------------------------------------------------------------


def depth(chosen: ChallengeSettings) -> None:
    """Table 3."""
    shown = [error for error in published.VGG_TABLE_3 if error.metric == chosen.error]
    chart(
        figures.depth_figure(chosen.error, look()),
        key="challenge_depth",
        alt=f"Table 3 of VGG's paper, {chosen.error} error: {_spoken(shown)}",
        rows=[error.row for error in published.VGG_TABLE_3],
        source=f"{VGG_PAPER}, table 3: one network, dense, one test scale Q; S and Q: shorter side "
        "of training and test photos, px.",
    )
    at_256 = published.TRAINING_SCALES[0]
    jitter = published.TRAINING_SCALES[-1]
    st.markdown(
        "- **Deeper stops helping.** At S = 256, E is worse than D: "
        f"{_change(('vgg16', at_256), ('vgg19', at_256))}.\n"
        f"- **LRN gains nothing**: {_change(('vgg11', at_256), ('vgg11_lrn', at_256))} from A to "
        "A-LRN; so B to E have none.\n"
        f"- **3x3 beats 1x1 at the same depth**: {_change(('vgg16_c', at_256), ('vgg16', at_256))} "
        "from C to D.\n"
        f"- **Scale jitter gains most**: D {_change(('vgg16', at_256), ('vgg16', jitter))}; "
        f"E {_change(('vgg19', at_256), ('vgg19', jitter))}."
    )


def _change(before: tuple[str, str], after: tuple[str, str]) -> str:
    """ "29.6 → 29.7 % top-1, 10.4 → 10.5 % top-5", from one (network, S) of table 3 to another."""
    parts = []
    for metric in reversed(METRICS):
        one, other = figures.vgg_table_3(*before, metric), figures.vgg_table_3(*after, metric)
        if one is not None and other is not None:
            parts.append(f"{one.written} → {other.written} % {metric}")
    return ", ".join(parts)


def testing(chosen: ChallengeSettings) -> None:
    """Tables 3 to 6."""
    shown = [
        error
        for network in figures.TESTED_NETWORKS
        for _, error in figures.errors_by_views(network, chosen.error)
    ]
    chart(
        figures.testing_figure(chosen.error, look()),
        key="challenge_testing",
        alt=f"VGG tested in several ways, {chosen.error} error: {_spoken(shown)}",
        rows=[error.row for error in shown],
        source=f"{VGG_PAPER}, tables 3 to 6: trained with scale jitter (S from 256 to 512 px).",
    )
    st.markdown(
        "- The same weights gain 0.5 to 0.8 points when they look at a photo **at three scales**, "
        "and 0.3 to 0.4 more with **crops** as well.\n"
        "- **Two networks** averaged after the challenge beat the **seven** of the entry.\n"
        "- So a number without its protocol says little: D alone stands here four times."
    )


def ablations(chosen: ChallengeSettings) -> None:
    """ZFNet's table 3."""
    shown = [error for error in published.ABLATIONS if error.metric == chosen.error]
    chart(
        figures.ablations_figure(chosen.error, look()),
        key="challenge_ablations",
        alt=f"Table 3 of ZFNet's paper, {chosen.error} error: {_spoken(shown)}",
        rows=[error.row for error in published.ABLATIONS],
        source=f"{ZFNET_PAPER}, table 3: one network; views per photo not stated. Numbers: layers "
        "as the paper counts them; FC: units of layers 6 and 7.",
    )
    st.markdown(
        "- **Depth matters**: without two convolutions *and* two fully-connected layers (3, 4, 6, "
        f"7) top-1 error is {_ablated('without 3, 4, 6, 7')} %; without one of these pairs "
        f"{_ablated('without 3, 4')} and {_ablated('without 6, 7')} %.\n"
        f"- **A fully-connected layer is cheap to lose**: without 7 it is {_ablated('without 7')} "
        f"%, not worse than {_ablated('')} %.\n"
        f"- **Wider middle layers help**: (a) {_ablated('', 'zfnet_a')} → (b) "
        f"{_ablated('', 'zfnet_b')} %. With FC 8192 as well the network over-fits: "
        f"{_ablated('FC 8192', 'zfnet_b', 'train')} % on training photos, "
        f"{_ablated('FC 8192', 'zfnet_b')} % on others."
    )


def _ablated(variant: str, network: str = "alexnet_replica", split: Split = "val") -> str:
    """A top-1 error of ZFNet's table 3."""
    error = published.find(published.ABLATIONS, network, "top-1", split=split, variant=variant)
    return error.written if error else "–"


def _spoken(errors: list[PublishedError]) -> str:
    return "; ".join(
        f"{error.title}, {error.protocol.words}: {error.written} % ({error.split})"
        for error in errors
    )


# --- all of them ---------------------------------------------------------------------------------


def every_figure(_: ChallengeSettings) -> None:
    """The table of all numbers."""
    rows = sorted((error.row for error in published.EVERY_ERROR), key=lambda row: row["year"])
    st.dataframe(
        [{name: value for name, value in row.items() if name != "unit"} for row in rows],
        hide_index=True,
        height=560,
        key="challenge_table",
        column_config={
            "year": st.column_config.NumberColumn("Year", format="%d", width=60),
            "team": "Team",
            "network": st.column_config.TextColumn("Network", width=230),
            "metric": st.column_config.TextColumn("Metric", width=70),
            "error": st.column_config.NumberColumn("Error %", width=80),
            "split": st.column_config.TextColumn("Split", width=60),
            "protocol": st.column_config.TextColumn("Protocol", width=430),
            "published_in": "Source",
        },
    )
    st.caption(f"{len(rows)} figures. Click a column to sort; search with the lens above.")


VIEWS = {
    "winners": View("Winners", winners, measured_in=()),
    "cost": View("Error and cost", cost, protocols=True),
    "depth": View("Depth", depth),
    "testing": View("Testing", testing),
    "ablations": View("Ablations", ablations),
    "figures": View("Table", every_figure, measured_in=()),
}
