"""Methods that change the photo and ask the network again, as they describe themselves."""

from vgg_viz.results import MethodInfo, MethodParameter

FILLS = ("mean", "black", "blurred")
_FILL = "the mean colour of the training photos (grey), black, or the photo blurred"
_FAR = (
    "Pictures with parts covered are unlike any the network has learned from: part of the change "
    "is its surprise. Another filling gives another map."
)

SQUARE = MethodParameter(
    "square",
    "Square",
    32,
    "Side of the square in px of what the network sees. The paper states none.",
    8,
    512,
)
STRIDE = MethodParameter(
    "stride",
    "Stride",
    16,
    "How far the square moves each time, px; half its stride takes four times as long.",
    4,
    512,
)
FILL = MethodParameter("fill", "Filling", "mean", f"What the square shows: {_FILL}.", choices=FILLS)


def _count(name: str, title: str, default: int, text: str, low: int, high: int) -> MethodParameter:
    return MethodParameter(name, title, default, text, low, high)


_PARTS = _count(
    "parts",
    "Parts",
    50,
    "About how many parts of like colour and place the photo is cut into.",
    4,
    200,
)
_BASELINE = MethodParameter(
    "baseline",
    "Missing parts show",
    "mean",
    f"What stands in the place of a part that is not there: {_FILL}.",
    choices=FILLS,
)

PERTURBATION = (
    MethodInfo(
        "occlusion",
        "Occlusion",
        "perturbation",
        "arXiv 1311.2901",
        "mean over the squares that cover a pixel of y(photo) − y(photo with the square)",
        signed=True,
        space="input",
        about="A square slides over the photo; how much the score drops.",
        caution=_FAR,
        stepwise=True,
        parameters=(SQUARE, STRIDE, FILL),
    ),
    MethodInfo(
        "score_cam",
        "Score-CAM",
        "cam",
        "arXiv 1910.01279",
        "Σ_k w_k A_k, w = softmax over k of y(photo × A_k scaled to [0, 1])",
        signed=True,
        space="layer",
        about="Maps of a layer, each weighted by the score of the photo seen through it.",
        caution="Logits that differ by more than a few leave one map with nearly all the weight.",
        relu_when_drawn=True,
        stepwise=True,
    ),
    MethodInfo(
        "ablation_cam",
        "Ablation-CAM",
        "cam",
        "WACV 2020, Desai & Ramaswamy",
        "Σ_k w_k A_k, w_k = (y − y without A_k) / |y|",
        signed=True,
        space="layer",
        about="Maps of a layer, each weighted by what the score loses without it.",
        relu_when_drawn=True,
        stepwise=True,
    ),
    MethodInfo(
        "rise",
        "RISE",
        "perturbation",
        "arXiv 1806.07421",
        "1 / (N p) Σ_i (y(photo × M_i) − mean of y) M_i",
        signed=True,
        space="input",
        about="The mean of random masks, weighted by the score of the photo seen through them.",
        caution="Few masks give a noisy map; the spread over seeds shows how noisy.",
        stepwise=True,
        parameters=(
            _count(
                "masks", "Masks", 500, "Random masks; the noise falls with their root.", 10, 8000
            ),
            _count("cells", "Cells", 7, "Cells along a side of a mask before enlarging.", 2, 32),
            MethodParameter(
                "share", "Share kept", 0.5, "Probability that a cell is seen.", 0.05, 0.95
            ),
            MethodParameter(
                "score",
                "Score",
                "logit",
                "The logit, as for the other methods, or the probability, as in the paper.",
                choices=("logit", "probability"),
            ),
        ),
    ),
    MethodInfo(
        "lime",
        "LIME",
        "perturbation",
        "arXiv 1602.04938",
        "coefficients of a ridge regression of y over parts, samples near the photo weigh more",
        signed=True,
        space="input",
        about="A linear model of the score over the photo's parts, there or not there.",
        caution=_FAR,
        stepwise=True,
        parameters=(
            _PARTS,
            _count("samples", "Samples", 300, "Pictures with about half of the parts.", 10, 5000),
            _BASELINE,
        ),
    ),
    MethodInfo(
        "kernel_shap",
        "Kernel SHAP",
        "perturbation",
        "arXiv 1705.07874",
        "Shapley values of the parts, by least squares with the Shapley kernel",
        signed=True,
        space="input",
        about="Shares the score among the photo's parts, so that they sum to it.",
        caution=_FAR,
        stepwise=True,
        parameters=(
            _PARTS,
            _count(
                "samples", "Samples", 300, "Sets of parts; few make the values noisy.", 10, 5000
            ),
            _BASELINE,
        ),
    ),
    MethodInfo(
        "extremal_perturbation",
        "Extremal perturbation",
        "perturbation",
        "arXiv 1910.08485",
        "the mask m of a given area that maximises y(m × photo + (1 − m) × blurred photo)",
        signed=False,
        space="input",
        about="The part of the photo, of a given area, that alone keeps the score up the most.",
        caution=(
            "Simplified: one blur, a Gaussian over the mask, one area. The optimiser can stop at a "
            "mask that is not the best."
        ),
        stepwise=True,
        parameters=(
            MethodParameter("area", "Area", 0.1, "Share of the photo that is kept.", 0.01, 0.9),
            _count("steps", "Steps", 200, "Steps of the optimiser.", 10, 2000),
        ),
    ),
)
