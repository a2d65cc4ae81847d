"""`python -m vgg_viz.service.shipped_indexes`: index the bundled photos for the bundled networks.

Writes assets/top_patches/<network>.npz, so that a click on a page answers at once. Run it again
when bundled weights or photos change: an index of others is never used.
"""

import sys
from collections.abc import Collection
from pathlib import Path

from vgg_viz import patch_index
from vgg_viz.models.registry import bundled_cards
from vgg_viz.requests import TopPatchesJob
from vgg_viz.service import indexes
from vgg_viz.service.execution import Executor
from vgg_viz.service.patch_indexing import Indexing


def write_indexes(folder: Path | None = None, networks: Collection[str] = ()) -> tuple[Path, ...]:
    """Index the samples for bundled networks, all when none is named; the files written."""
    executor = Executor("cpu")
    paths = []
    for network in networks or bundled_cards():
        study = Indexing(executor, TopPatchesJob(f"{network}:bundled"), known=False)
        while not study.finished:
            study.advance(executor)
        path = indexes.shipped_path(network)
        path = path if folder is None else folder / path.name
        patch_index.write(path, study.index(), compressed=True)
        paths.append(path)
        sys.stderr.write(f"{path}: {path.stat().st_size / 1e3:.0f} kB. {study.words}\n")
    return tuple(paths)


if __name__ == "__main__":
    write_indexes()
