"""The way from AlexNet to VGG-19 in eight steps: what changed, and why."""

from dataclasses import dataclass

import streamlit as st

from dashboard import session
from dashboard.evolution_controls import choices, with_network
from dashboard.selection import Selection, model_info
from dashboard.widgets import controlled
from vgg_viz.results import ServiceDescription

ZFNET = "Zeiler & Fergus 2013, arXiv 1311.2901"
ZFNET_ERRORS = f"{ZFNET}: validation errors of one net"
VGG_ERRORS = (
    "Simonyan & Zisserman 2015, arXiv 1409.1556, table 3: top-5 validation errors of one net at "
    "one test scale, S = Q = 256"
)


@dataclass(frozen=True)
class Step:
    """From one network to the next."""

    before: str
    after: str
    short: str  # "A"
    words: str
    source: str


STEPS = (
    Step(
        "alexnet",
        "zfnet_a",
        "ZFNet (a)",
        "**11×11 with stride 4 becomes 7×7 with stride 2.** Pictures of AlexNet's first two layers "
        "showed very high and very low frequencies with little in between, dead filters, and "
        "aliasing from the large stride. Top-5 error 18.2 % → 16.5 %.",
        f"{ZFNET_ERRORS}; 18.2 % is the original two-column AlexNet's. Drawn is the one-column "
        "AlexNet of torchvision (arXiv 1404.5997)",
    ),
    Step(
        "zfnet_a",
        "zfnet_b",
        "ZFNet (b)",
        "**Layers 3, 4, 5 get 512, 1024, 512 maps.** Wider helps a little, top-5 error 16.5 % → "
        "16.0 %, and mostly fits the training set: top-1 error there 33.1 % → 18.8 %.",
        f"{ZFNET_ERRORS}, table 3",
    ),
    Step(
        "zfnet_b",
        "vgg11",
        "A",
        "**Only 3×3 with stride 1; pooling alone shrinks the maps.** Stacks of small filters see "
        "as much as large ones, with more ReLUs in between: 8 weight layers become 11, the first "
        "at full resolution.",
        "Simonyan & Zisserman 2015, arXiv 1409.1556, section 2 and table 1",
    ),
    Step(
        "vgg11",
        "vgg11_lrn",
        "A-LRN",
        "**Local response normalisation gives nothing**, top-5 error 10.4 % → 10.5 %, and costs "
        "memory: the deeper VGGs leave it out.",
        VGG_ERRORS,
    ),
    Step(
        "vgg11_lrn",
        "vgg13",
        "B",
        "**Without LRN again, and a second 3×3 in stages 1 and 2.** The two cost few parameters "
        "and many MACs, because their maps are large. Top-5 error 10.5 % → 9.9 %.",
        VGG_ERRORS,
    ),
    Step(
        "vgg13",
        "vgg16_c",
        "C",
        "**A 1×1 convolution ends stages 3, 4 and 5**: more ReLUs, no larger field. Top-5 error "
        "9.9 % → 9.4 %: more non-linearity alone helps.",
        VGG_ERRORS,
    ),
    Step(
        "vgg16_c",
        "vgg16",
        "D",
        "**The 1×1 become 3×3.** As deep as C, but each of them sees its surroundings: the field "
        "grows and so do the costs. Top-5 error 9.4 % → 8.8 %. This is VGG-16.",
        VGG_ERRORS,
    ),
    Step(
        "vgg16",
        "vgg19",
        "E",
        "**One more 3×3 in stages 3, 4 and 5, and the gain is over**: top-5 error 8.8 % → 9.0 % at "
        "this scale; trained with scale jitter, 8.1 % → 8.0 %.",
        f"{VGG_ERRORS}; with jitter S ∈ [256; 512], Q = 384",
    ),
)


def panel(selection: Selection, offered: ServiceDescription) -> None:
    """The steps in a row, and one sentence on the step that is shown."""
    here = choices(offered)
    steps = [step for step in STEPS if step.before in here and step.after in here]
    networks = [model_info(offered, selection.side(w).model).network for w in ("left", "right")]
    at = next((i for i, step in enumerate(steps) if [step.before, step.after] == networks), None)
    if not steps:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="evolution_steps"):
        previous, following = neighbours(at, networks, steps)
        # Side by side and before the steps: they stay under the pointer while the steps go on.
        _button("Previous", ":material/chevron_left:", previous, steps)
        _button("Next", ":material/chevron_right:", following, steps)
        controlled(
            st.segmented_control,
            "Step",
            list(range(len(steps))),
            key="evolution_step",
            value=at,
            apply=lambda i: _show(steps[i]),
            format_func=lambda i: _title(i, steps, here),
            label_visibility="collapsed",
            width="content",
        )
    if at is not None:
        words = steps[at].words.replace(" %", "\N{NO-BREAK SPACE}%")
        st.markdown(words, help=f"Source: {steps[at].source}.")
    else:
        st.markdown(
            "A pair of your own. **Next** shows the way from AlexNet to VGG-19 step by step."
        )


def neighbours(
    at: int | None, networks: list[str], steps: list[Step]
) -> tuple[int | None, int | None]:
    """The steps before and after; of a pair that is no step, the one that begins on its left."""
    if at is None:
        return None, next((i for i, s in enumerate(steps) if s.before == networks[0]), 0)
    return (at - 1 if at else None), (at + 1 if at + 1 < len(steps) else None)


def _title(i: int, steps: list[Step], titles: dict[str, str]) -> str:
    first = f"{titles[steps[i].before]} " if i == 0 else ""
    return f"{first}→ {steps[i].short}"


def _button(label: str, icon: str, to: int | None, steps: list[Step]) -> None:
    st.button(
        label,
        icon=icon,
        key=f"evolution_{label.lower()}",
        disabled=to is None,
        on_click=lambda: _show(steps[to]) if to is not None else None,
    )


def _show(step: Step) -> None:
    session.change(
        lambda chosen, known: with_network(
            with_network(chosen, "left", step.before, known), "right", step.after, known
        )
    )
