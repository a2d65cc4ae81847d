"""Class activation maps that one look at the photo gives, as they describe themselves."""

from vgg_viz.results import MethodInfo, MethodParameter

_AFTER_RELU = (
    "Its weights divide by sums over a map: they are made for maps after a ReLU, where nothing is "
    "negative. Choose relu5_3 rather than conv5_3."
)

CAM = (
    MethodInfo(
        "grad_cam",
        "Grad-CAM",
        "cam",
        "arXiv 1610.02391",
        "Σ_k α_k A_k, α_k = mean over the map of d y / d A_k",
        signed=True,
        space="layer",
        at_every_layer=True,
        about="Maps of a layer, each weighted by its mean gradient.",
        relu_when_drawn=True,
    ),
    MethodInfo(
        "grad_cam_pp",
        "Grad-CAM++",
        "cam",
        "arXiv 1710.11063",
        "Σ_k w_k A_k, w_k = Σ_ij α ReLU(g), α = g² / (2 g² + ΣA_k · g³), g = d y / d A_k",
        signed=True,
        space="layer",
        at_every_layer=True,
        about="Grad-CAM with weights that count several objects of the class.",
        caution=_AFTER_RELU,
        relu_when_drawn=True,
    ),
    MethodInfo(
        "hires_cam",
        "HiResCAM",
        "cam",
        "arXiv 2011.08891",
        "Σ_k A_k · d y / d A_k, place by place",
        signed=True,
        space="layer",
        at_every_layer=True,
        about="Maps of a layer times their gradient at the same place, not its mean.",
    ),
    MethodInfo(
        "xgrad_cam",
        "XGrad-CAM",
        "cam",
        "arXiv 2008.02312",
        "Σ_k w_k A_k, w_k = Σ_ij (A_k / ΣA_k) · d y / d A_k",
        signed=True,
        space="layer",
        at_every_layer=True,
        about="Grad-CAM with gradients that count more where the map is strong.",
        caution=_AFTER_RELU,
        relu_when_drawn=True,
    ),
    MethodInfo(
        "layer_cam",
        "LayerCAM",
        "cam",
        "doi 10.1109/TIP.2021.3089943",
        "Σ_k ReLU(d y / d A_k) · A_k, place by place",
        signed=True,
        space="layer",
        at_every_layer=True,
        about="Only gradients that speak for the class, at their places: works at shallow layers.",
        relu_when_drawn=True,
    ),
    MethodInfo(
        "finer_cam",
        "Finer-CAM",
        "cam",
        "arXiv 2501.11309",
        "Grad-CAM of y_c − γ · mean over t of y_t, t the classes with the nearest logits",
        signed=True,
        space="layer",
        at_every_layer=True,
        about="What tells the class from those that come close, or from the second class alone.",
        caution="The classes are weighed alike here; the paper's own program weighs them by their "
        "probabilities.",
        relu_when_drawn=True,
        parameters=(
            MethodParameter(
                "strength",
                "γ",
                0.6,
                "How much of the others is taken off: 0 is Grad-CAM, 1 the plain difference.",
                0.0,
                2.0,
            ),
            MethodParameter(
                "references",
                "Other classes",
                3,
                "How many of the classes with the nearest logits. A second class, when chosen, "
                "stands alone in their place.",
                1,
                20,
            ),
        ),
    ),
    MethodInfo(
        "eigen_cam",
        "Eigen-CAM",
        "cam",
        "arXiv 2008.00299",
        "A v, v the first principal direction of the layer's maps; largest value positive",
        signed=True,
        space="layer",
        at_every_layer=True,
        about="What varies most in the layer.",
        caution="The same for every class: it knows the photo and the network, not the score.",
        parameters=(
            MethodParameter(
                "centred",
                "Centred",
                "no",
                "Take off the mean of every channel first. The paper does not; pytorch-grad-cam "
                "does.",
                choices=("no", "yes"),
            ),
        ),
    ),
)
