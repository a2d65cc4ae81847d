"""Every error that vgg-viz raises on purpose. Each message says what to do.

VggVizError
├── InputError                 what the person gave cannot be used (exit code 2 on the command line)
│   ├── ImageError             not an image, too large, damaged
│   ├── UnknownNameError       no such network, weights, layer, class, sample or method
│   ├── CheckpointError        a weights file that does not fit, or that would run code
│   └── MissingImageError      an uploaded image that the server no longer keeps
├── WeightsUnavailableError    known weights that are not on this machine yet
├── DownloadError              a fetch that failed; nothing half-written is left
├── OutOfMemoryError           the device is too small for the request
└── JobError                   a job that failed, was cancelled or is unknown
"""

from collections.abc import Iterable
from difflib import get_close_matches


class VggVizError(Exception):
    """Base of all errors of this library; `str(error)` is fit to be shown to a person."""


class InputError(VggVizError):
    """What the person gave cannot be used."""


class ImageError(InputError):
    """The bytes are not an image that can be shown: damaged, too large or of another type."""


class UnknownNameError(InputError):
    """A name that is not in the list it must come from."""

    @classmethod
    def among(cls, kind: str, name: str, choices: Iterable[str]) -> "UnknownNameError":
        """Return the error for `name`, with the nearest choices, or all of them when few."""
        names = list(choices)
        near = get_close_matches(name, names, n=3, cutoff=0.5)
        shown = near if near and len(names) > 20 else names[:20]
        more = "" if len(names) <= 20 or near else f" and {len(names) - 20} more"
        listed = ", ".join(shown) if shown else "nothing"
        return cls(f"Unknown {kind} {name!r}; choose one of: {listed}{more}.")


class CheckpointError(InputError):
    """A weights file that cannot be read safely or does not fit any known network."""


class MissingImageError(InputError):
    """An uploaded image that this server does not keep (any more)."""


class WeightsUnavailableError(VggVizError):
    """Known weights that are not on this machine yet."""


class DownloadError(VggVizError):
    """A fetch that did not end well; nothing half-written is left behind."""


class OutOfMemoryError(VggVizError):
    """The device has too little memory for the request, also after retrying smaller."""


class JobError(VggVizError):
    """A job that failed, was cancelled, or is not known here."""
