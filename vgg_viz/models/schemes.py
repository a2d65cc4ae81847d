"""The ways to draw first weights, in words. `vgg_viz.initialization` computes them; no torch here.

Sources: VGG section 3.1 of Simonyan & Zisserman (arXiv 1409.1556v6); Glorot & Bengio, AISTATS 2010,
eq. (16); He et al. (arXiv 1502.01852), eq. (10) and (14); orthogonal: Saxe et al. (arXiv
1312.6120); LSUV: Mishkin & Matas (arXiv 1511.06422).
"""

from vgg_viz.results import InitializationInfo

STAGED = "staged"

SCHEMES: dict[str, InitializationInfo] = {
    scheme.name: scheme
    for scheme in (
        InitializationInfo(
            "std_0.01",
            "normal, std 0.01",
            "w ~ N(0, 0.01²)",
            "The habit of AlexNet and Caffe. With 3x3 kernels every layer shrinks the signal: "
            "this is the vanishing that the lecture speaks of.",
        ),
        InitializationInfo(
            "variance_0.01",
            "normal, variance 0.01",
            "w ~ N(0, 0.1²)",
            "As the VGG paper prints it: variance 10⁻², which is std 0.1. It explodes.",
        ),
        InitializationInfo(
            "glorot",
            "Glorot",
            "w ~ U(±√(6 / (fan_in + fan_out)))",
            "Keeps variance where units are linear (Glorot & Bengio 2010). The VGG authors later "
            "found that it makes staged initialisation unnecessary.",
        ),
        InitializationInfo(
            "he_fan_in",
            "He, fan-in",
            "w ~ N(0, 2 / fan_in)",
            "Keeps the variance of the forward signal through ReLUs (He et al. 2015).",
        ),
        InitializationInfo(
            "he_fan_out",
            "He, fan-out (torchvision)",
            "conv: w ~ N(0, 2 / fan_out), fc: w ~ N(0, 0.01²)",
            "Keeps the variance of the gradient through the convolutions; the fully-connected "
            "layers are drawn as torchvision's VGG does.",
        ),
        InitializationInfo(
            "orthogonal",
            "orthogonal",
            "rows of W orthonormal, x √2",
            "Random orthogonal matrices with the gain of ReLU (Saxe et al. 2014).",
        ),
        InitializationInfo(
            "lsuv",
            "LSUV",
            "orthogonal, then W ← W / std(z) layer by layer",
            "Orthogonal weights, rescaled until every layer's output has variance 1 on a batch "
            "(Mishkin & Matas 2016).",
        ),
        InitializationInfo(
            STAGED,
            "staged from A",
            "7 layers of a trained A; the rest N(0, 0.01²)",
            "The VGG paper's way: the first four convolutions and the three fully-connected "
            "layers come from a trained net A, the layers between are drawn at random.",
        ),
    )
}
