"""Recordings of trainings: a folder with `run.json` and three tables; no torch here.

    run.json           title, settings, layers, state, findings
    scalars.parquet    step, name, value                       loss, accuracy, learning_rate, ...
    layers.parquet     step, layer, QUANTITIES, histograms     the gradient flow
    pictures.parquet   step, name, shape, values               first-layer kernels, Grad-CAM

While a training runs each table is an Arrow stream (`scalars.arrows`), to which batches are only
ever appended: whatever kills the process, all batches before are readable. `close` turns the
streams into Parquet files. Both are read by `read_recording`.

Beside them may lie weights that were kept after a step, `weights-00300.safetensors`.
"""

from vgg_viz.recordings.files import KEPT_HISTOGRAMS, WHOLE, weights_path
from vgg_viz.recordings.reader import find_runs, read_info, read_recording
from vgg_viz.recordings.writer import RunWriter, rename

__all__ = [
    "KEPT_HISTOGRAMS",
    "WHOLE",
    "RunWriter",
    "find_runs",
    "read_info",
    "read_recording",
    "rename",
    "weights_path",
]
