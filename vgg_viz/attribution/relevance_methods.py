"""The relevance family of the table of methods. Nothing here imports torch."""

from vgg_viz.results import MethodInfo, MethodParameter

PRESETS = ("vgg", "lrp-0", "epsilon", "epsilon-gamma-box", "epsilon-plus-flat")

_POINTING = (
    "Pointing game on VOC07 with VGG-16 (TorchRay's table): excitation backprop 77.1 %, its "
    "contrastive form 79.9 %, Grad-CAM 86.6 %, always the centre 69.6 %."
)

RELEVANCE = (
    MethodInfo(
        "lrp",
        "LRP",
        "relevance",
        "Montavon et al. 2019",
        "R_j = a_j Σ_k ρ(w_jk) R_k / (ε + Σ_j a_j ρ(w_jk))",
        signed=True,
        space="input",
        about="The logit shared out layer by layer, in proportion to what each unit added.",
        caution="Rules decide what is seen. With LRP-0 and no biases it is input × gradient "
        "(arXiv 1810.03292). What biases took is the conservation error.",
        parameters=(
            MethodParameter(
                "preset",
                "Rules",
                "vgg",
                "vgg: zB at the image, gamma in the first 7 of 13 convolutions (the same share in "
                "other networks), epsilon above, LRP-0 in the linear layers, max-pools as average "
                "pools. lrp-0 and epsilon: one rule everywhere. The other two are zennit's.",
                choices=PRESETS,
            ),
            MethodParameter(
                "gamma",
                "Gamma",
                0.25,
                "How much more positive weights count where the gamma rule stands.",
                low=0,
                high=10,
            ),
            MethodParameter(
                "epsilon",
                "Epsilon",
                0.25,
                "Share of rms(z) that takes up weak relevance where the epsilon rule stands (vgg, "
                "epsilon).",
                low=0,
                high=10,
            ),
        ),
    ),
    MethodInfo(
        "excitation_backprop",
        "Excitation backprop",
        "relevance",
        "arXiv 1608.00507",
        "P(a_j) = Σ_i P(a_i) a_j w⁺_ij / Σ_j a_j w⁺_ij",
        signed=False,
        space="layer",
        about="How probably a walk down from the class, along exciting connections alone, comes "
        "by each place.",
        caution=_POINTING,
    ),
    MethodInfo(
        "contrastive_excitation_backprop",
        "Contrastive excitation backprop",
        "relevance",
        "arXiv 1608.00507",
        "P(class) − P(dual class), the dual with the class's weights negated",
        signed=True,
        space="layer",
        about="Excitation backprop less what speaks against the class.",
        caution=_POINTING,
        relu_when_drawn=True,
    ),
)
