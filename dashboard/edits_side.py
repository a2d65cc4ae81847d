"""One network on the page "Edits": its question, its answer, and both in words."""

from dataclasses import dataclass

from dashboard.selection import WHERE, Where
from vgg_viz.requests import EditRequest
from vgg_viz.results import Edited, ModelInfo, Picture


@dataclass(frozen=True, eq=False)
class Side:
    """One network's question, answer and pictures."""

    where: Where
    info: ModelInfo
    request: EditRequest
    edited: Edited
    picture: Picture

    @property
    def series(self) -> int:
        """Which of the theme's colours it has."""
        return WHERE.index(self.where)


def described(side: Side) -> str:
    """The edit in words: "conv5_3: 2 channels off, 1 scaled; a region masked"."""
    request, parts = side.request, []
    off = sum(factor == 0 for _, factor in request.channels)
    scaled = sum(factor not in (0, 1) for _, factor in request.channels)
    if request.swap is not None:
        count = len(request.swap_channels)
        what = "all channels" if not count else f"{count} channel{'s' * (count > 1)}"
        parts.append(f"{what} from {request.swap[:12]}")
    if off:
        parts.append(f"{off} of {side.edited.channels} channels off")
    if scaled:
        parts.append(f"{scaled} scaled")
    if request.region is not None:
        left, top, right, bottom = (round(100 * share) for share in request.region)
        kept = "all masked but" if request.outside else "masked"
        parts.append(f"{kept} {left} to {right} % across, {top} to {bottom} % down")
    work = 100 * side.edited.work_share
    return f"{request.layer}: {'; '.join(parts) or 'as it is'} ({work:.2g} % of the MACs run again)"


def class_rows(edited: Edited) -> list[dict[str, object]]:
    """Every class that was or is among the five most probable, unrounded."""
    return [
        {
            "class": edited.classes[index],
            "index": index,
            "probability before": float(edited.probabilities_before[index]),
            "probability after": float(edited.probabilities_after[index]),
            "logit before": float(edited.logits_before[index]),
            "logit after": float(edited.logits_after[index]),
        }
        for index in edited.top()
    ]


def spoken(side: Side) -> str:
    """The bars in words."""
    edited = side.edited
    words = ", ".join(
        f"{edited.classes[i]} {100 * edited.probabilities_before[i]:.1f} % before, "
        f"{100 * edited.probabilities_after[i]:.1f} % after"
        for i in edited.top()[:5]
    )
    return f"Bars: class probabilities of {side.info.title}, {described(side)}. {words}."


def source_line(side: Side) -> str:
    """Network, weights, and the class's logit before and after."""
    edited = side.edited
    change = float(edited.logits_after[edited.target] - edited.logits_before[edited.target])
    words = (
        f"{side.info.title}, {side.info.weights_title}. Logit of {edited.cam_before.target_name}: "
        f"{edited.logits_before[edited.target]:.3g} → {edited.logits_after[edited.target]:.3g} "
        f"({change:+.3g})."
    )
    return words.replace("(-", "(−")
