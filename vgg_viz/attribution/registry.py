"""The code of every method of the table."""

from collections.abc import Mapping

from vgg_viz.attribution import (
    cam,
    deep_lift,
    extremal,
    gradients,
    masked_photos,
    occlusion,
    paths,
    relevance,
    superpixels,
)
from vgg_viz.attribution.question import Compute

COMPUTE: Mapping[str, Compute] = {
    "gradient": gradients.gradient,
    "input_x_gradient": gradients.input_x_gradient,
    "smoothgrad": gradients.smoothgrad,
    "vargrad": gradients.vargrad,
    "integrated_gradients": paths.integrated_gradients,
    "gradient_shap": paths.gradient_shap,
    "deep_lift": deep_lift.deep_lift,
    "guided_backprop": gradients.guided_backprop,
    "deconvnet": gradients.deconvnet,
    "guided_grad_cam": gradients.guided_grad_cam,
    "gradient_at_layer": gradients.gradient_at_layer,
    **{name: cam.at_layer(name) for name in cam.MAPS},
    "finer_cam": cam.finer_cam,
    "eigen_cam": cam.eigen_cam_map,
    "occlusion": occlusion.occlusion,
    "score_cam": masked_photos.score_cam,
    "ablation_cam": masked_photos.ablation_cam,
    "rise": masked_photos.rise,
    "lime": superpixels.lime,
    "kernel_shap": superpixels.kernel_shap,
    "extremal_perturbation": extremal.extremal_perturbation,
    "lrp": relevance.lrp,
    "excitation_backprop": relevance.excitation_backprop,
    "contrastive_excitation_backprop": relevance.contrastive_excitation_backprop,
}
