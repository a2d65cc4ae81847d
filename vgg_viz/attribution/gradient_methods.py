"""Methods by the gradient at the image, as they describe themselves."""

from vgg_viz.results import MethodInfo, MethodParameter

COLOURS = MethodParameter(
    "colours",
    "Over the colours",
    "largest",
    "Each pixel has three numbers, for red, green and blue: show the largest magnitude, which has "
    "no sign, or their sum, which has one.",
    choices=("largest", "sum"),
)
_MAGNITUDE = (("colours", "largest"),)

BASELINES = ("black", "mean", "blurred", "noise")
_BASELINE = (
    "The picture without evidence that the photo is compared with: black, the mean colour of the "
    "training photos, the photo blurred, or noise from the seed. Another one gives another map."
)

_OUTLINES = (
    "Keeps the outlines of the photo when the weights are replaced by random ones, while its signs "
    "go (Adebayo et al., arXiv 1810.03292, on Inception v3): do not trust it for its sharp edges."
)
_GUIDED = (
    "Changes little when the weights of the upper layers are replaced by random ones (Adebayo et "
    "al., arXiv 1810.03292, on Inception v3): it shows edges more than reasons for the class."
)


def _samples(default: int, title: str, text: str) -> MethodParameter:
    return MethodParameter("samples", title, default, text, 2, 500)


_NOISE = MethodParameter(
    "noise",
    "Noise",
    0.15,
    "Standard deviation of the noise, as a share of the range from the photo's smallest value to "
    "its largest. The paper finds 0.1 to 0.2 best.",
    0.0,
    1.0,
)
_NOISY = _samples(
    50, "Noisy copies", "Gradients taken, each of the photo with other noise; 50 are usually enough"
)

GRADIENT = (
    MethodInfo(
        "gradient",
        "Gradient",
        "gradient",
        "arXiv 1312.6034",
        "max over RGB of |d y / d x|",
        signed=True,
        space="input",
        about="How much the score changes when a pixel changes a little.",
        magnitude_when=_MAGNITUDE,
        parameters=(COLOURS,),
    ),
    MethodInfo(
        "input_x_gradient",
        "Input × gradient",
        "gradient",
        "arXiv 1605.01713",
        "Σ over RGB of x · d y / d x",
        signed=True,
        space="input",
        about="The gradient times the pixel itself; without biases its sum is the score.",
        caution=_OUTLINES,
    ),
    MethodInfo(
        "smoothgrad",
        "SmoothGrad",
        "gradient",
        "arXiv 1706.03825",
        "mean over n of d y / d x at x + ε, ε ~ N(0, σ²); max over RGB of |·|",
        signed=True,
        space="input",
        about="The mean gradient of many copies of the photo, each with other noise.",
        magnitude_when=_MAGNITUDE,
        stepwise=True,
        parameters=(_NOISY, _NOISE, COLOURS),
    ),
    MethodInfo(
        "vargrad",
        "VarGrad",
        "gradient",
        "arXiv 1810.03307",
        "Σ over RGB of the variance over n of d y / d x at x + ε, ε ~ N(0, σ²)",
        signed=False,
        space="input",
        about="Where the gradient differs most between copies of the photo with other noise.",
        stepwise=True,
        parameters=(_NOISY, _NOISE),
    ),
    MethodInfo(
        "integrated_gradients",
        "Integrated gradients",
        "gradient",
        "arXiv 1703.01365",
        "Σ over RGB of (x − x₀) · ∫ d y / d x at x₀ + a (x − x₀), a from 0 to 1",
        signed=True,
        space="input",
        about="The gradients on the way from a picture without evidence to the photo; they sum to "
        "what the score gained.",
        caution=_OUTLINES,
        stepwise=True,
        parameters=(
            MethodParameter(
                "steps",
                "Steps",
                50,
                "Pictures on the way whose gradient is taken; see the completeness error whether "
                "they are enough.",
                1,
                1000,
            ),
            MethodParameter("baseline", "Baseline", "black", _BASELINE, choices=BASELINES),
        ),
    ),
    MethodInfo(
        "gradient_shap",
        "Gradient SHAP",
        "gradient",
        "arXiv 1705.07874",
        "mean over n of Σ over RGB of (x − x₀) · d y / d x at x₀ + a (x − x₀), x₀ and a random",
        signed=True,
        space="input",
        about="Integrated gradients over several baselines, at random places on the way.",
        stepwise=True,
        parameters=(
            _samples(50, "Samples", "Pairs of a baseline and a place on the way"),
            MethodParameter(
                "baseline",
                "Baselines",
                "mixed",
                "mixed: black, the mean colour, the photo blurred and five pictures of noise from "
                "the seed; noise: the five alone; or one of the others.",
                choices=("mixed", *BASELINES),
            ),
        ),
    ),
    MethodInfo(
        "deep_lift",
        "DeepLIFT (rescale)",
        "gradient",
        "arXiv 1704.02685",
        "Σ over RGB of (x − x₀) · m; m = Δout / Δin at a ReLU, the derivative at linear layers",
        signed=True,
        space="input",
        about="What the photo changes against a baseline, handed back layer by layer in shares "
        "that sum to what the score gained.",
        parameters=(
            MethodParameter("baseline", "Baseline", "black", _BASELINE, choices=BASELINES),
        ),
    ),
    MethodInfo(
        "guided_backprop",
        "Guided backprop",
        "gradient",
        "arXiv 1412.6806",
        "R · 1[f > 0] · 1[R > 0] back through each ReLU; max over RGB of |·|",
        signed=True,
        space="input",
        about="The gradient, with everything negative cut off on the way back.",
        caution=_GUIDED,
        magnitude_when=_MAGNITUDE,
        parameters=(COLOURS,),
    ),
    MethodInfo(
        "deconvnet",
        "Deconvnet",
        "gradient",
        "arXiv 1311.2901",
        "R · 1[R > 0] back through each ReLU; max over RGB of |·|",
        signed=True,
        space="input",
        about="ZFNet's way back to the image, here from the score of the class.",
        caution="Points at the object less often than the middle of the picture does: 67.5 % "
        "against 69.6 % for VGG-16 on VOC07 (TorchRay's pointing game).",
        magnitude_when=_MAGNITUDE,
        parameters=(
            COLOURS,
            MethodParameter(
                "lrn",
                "Local response normalisation",
                "derivative",
                "The paper's way back has no step for it (passed); the other methods take its "
                "derivative. Only ZFNet and VGG-11 with LRN have it.",
                choices=("derivative", "passed"),
            ),
        ),
    ),
    MethodInfo(
        "guided_grad_cam",
        "Guided Grad-CAM",
        "gradient",
        "arXiv 1610.02391",
        "guided backprop · ReLU(Grad-CAM at the layer, upsampled); max over RGB of |·|",
        signed=True,
        space="input",
        about="The fine lines of guided backprop where Grad-CAM has evidence.",
        caution=_GUIDED,
        magnitude_when=_MAGNITUDE,
        parameters=(COLOURS,),
    ),
    MethodInfo(
        "gradient_at_layer",
        "Gradient at the layer",
        "gradient",
        "arXiv 1312.6034",
        "max over channels of |d y / d A|",
        signed=True,
        space="layer",
        about="How much the score changes when a value of the layer changes a little.",
        magnitude_when=(("channels", "largest"),),
        parameters=(
            MethodParameter(
                "channels",
                "Over the channels",
                "largest",
                "Each place has a number for every channel: show the largest magnitude, which has "
                "no sign, or their sum, which has one.",
                choices=("largest", "sum"),
            ),
        ),
    ),
)
