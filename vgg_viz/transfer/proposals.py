"""Where an object could be: selective search, before any network looks.

Uijlings et al., "Selective Search for Object Recognition", IJCV 2013; the implementation is that of
OpenCV's contrib modules in its "fast" setting. The photo is searched at SEARCHED_SIDE px, which
costs a tenth of a second instead of half a minute for a large one.

The library gives its regions in an order that it draws anew each time, so here they are sorted,
largest first. A region that overlaps a larger one by more than ALIKE is left out: half of all
regions are near copies, and without them the found objects stay found. On 39 of the training
photos of `make transfer`, at an overlap of 0.5, all 324 regions a photo hold 77 % of the objects,
the 174 that are left 74 %.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from vgg_viz.errors import VggVizError
from vgg_viz.images import Pixels, as_image
from vgg_viz.transfer.boxes import Boxes, areas, suppressed

SEARCHED_SIDE = 200  # px, long side of the photo that is searched
ALIKE = 0.75  # intersection over union above which two regions count as one
LEAST_SIDE = 9  # px of the searched photo: less of an object than 6 % of the photo's side
MOST = 500


@dataclass(frozen=True, eq=False)
class Proposals:
    """Regions of a photo, largest first."""

    boxes: Boxes  # (N, 4), px of the photo
    found: int  # by the search, before small and alike ones were left out

    def __len__(self) -> int:
        """How many there are."""
        return len(self.boxes)


def propose(pixels: Pixels, most: int = MOST) -> Proposals:
    """Regions of a photo, uint8 (H, W, 3), that may hold an object; at most `most`.

    None for a photo in which nothing can be told apart, such as one of a single colour. The same
    photo always has the same ones.
    """
    image = as_image(pixels)
    scale = SEARCHED_SIDE / max(image.size)
    size = tuple(max(1, round(side * scale)) for side in image.size)
    searched = np.asarray(image.resize((size[0], size[1]), Image.Resampling.BILINEAR))
    if min(size) < LEAST_SIDE or not np.ptp(searched, axis=(0, 1)).any():
        return Proposals(np.empty((0, 4)), 0)
    regions = _searched(searched)
    if not len(regions):
        return Proposals(np.empty((0, 4)), 0)
    corners = np.concatenate([regions[:, :2], regions[:, :2] + regions[:, 2:]], 1)
    corners = np.unique(corners, axis=0).astype(np.float64)
    large = corners[(corners[:, 2:] - corners[:, :2]).min(1) >= LEAST_SIDE]
    kept = suppressed(large, areas(large), ALIKE)[:most]
    # The two sides were rounded each on its own.
    back = np.array([image.width / size[0], image.height / size[1]] * 2)
    return Proposals(large[kept] * back, len(regions))


def _searched(pixels: Pixels) -> Any:
    """All regions (x, y, width, height) of a small photo, (N, 4)."""
    cv2 = _opencv()
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(pixels[:, :, ::-1]))  # OpenCV reads BGR
    search.switchToSelectiveSearchFast()
    return np.asarray(search.process()).reshape(-1, 4)


def _opencv() -> Any:
    """OpenCV with its contrib modules; imported when asked for, since it takes 0.1 s."""
    try:
        import cv2
    except ImportError as error:
        raise VggVizError(_INSTALL) from error
    if not hasattr(cv2, "ximgproc"):  # the plain package lies in the same folder and wins
        raise VggVizError(_INSTALL)
    return cv2


_INSTALL = (
    "Selective search needs OpenCV with its contrib modules. Install it alone: pip uninstall -y "
    "opencv-python opencv-python-headless, then pip install --force-reinstall --no-deps "
    "opencv-contrib-python-headless."
)
