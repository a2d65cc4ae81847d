"""A box that was drawn after a map was tested: the pointing game needs no further pass."""

from dataclasses import replace

from vgg_viz.attribution.extent import Box
from vgg_viz.attribution.pointing import pointing
from vgg_viz.attribution.verdict import findings, verdict
from vgg_viz.results import Attribution, Float32, Pointing, Trust


def pointing_of(found: Attribution, upsampled: Float32, box: Box) -> Pointing:
    """Whether a map points into `box`, x0, y0, x1, y1 as shares of the square the network sees.

    `upsampled` is its grid enlarged to the network's input, (side, side), bilinear.
    """
    return pointing(found.grid, upsampled, box)


def with_box(found: Trust, pointed: Pointing | None) -> Trust:
    """The same tests with the box's: findings and verdict as if it had been there before."""
    sentences = findings(
        curves=found.curves,
        references=found.references,
        checks=found.checks,
        randomised=found.randomised,
        cascade=found.cascade,
        seeds=found.seeds,
        pointing=pointed,
    )
    return replace(
        found,
        pointing=pointed,
        findings=sentences,
        verdict=verdict(sentences, complete=found.share >= 1),
    )
