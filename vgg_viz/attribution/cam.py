"""Class activation maps: weighted sums of a layer's maps."""

from torch import Tensor


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM of Selvaraju et al. (arXiv 1610.02391), raw: signed and at the layer's resolution.

    alpha_k = mean over the map of d y_c / d A^k, and L = sum over k of alpha_k A^k, where y_c is
    the logit (pre-softmax). The paper draws ReLU(L); that step is left to whoever draws, because an
    all-negative map is a finding and not a blank.

    `activations` and `gradients`: (N, C, h, w). Returns (N, h, w).
    """
    alpha = gradients.mean(dim=(2, 3), keepdim=True)
    return (alpha * activations).sum(dim=1)
