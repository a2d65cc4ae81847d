"""Files that commands write: checked before the work, written after it."""

from pathlib import Path

from vgg_viz.errors import InputError
from vgg_viz.results import ServiceDescription


def check_file(path: Path, suffix: str) -> None:
    """Before the network is loaded: a name and a folder that will do; InputError otherwise."""
    if path.suffix.lower() != suffix:
        raise InputError(f"{path} is not a {suffix} file; give a name that ends in {suffix}.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent}; make it, or write elsewhere.")


def write_file(path: Path, data: bytes) -> None:
    """Write `data`; InputError with the reason when that fails."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error


def photo_credit(offered: ServiceDescription, image: str, photo: str) -> str:
    """Title, author and licence of a bundled photo; the name of a file."""
    for sample in offered.samples:
        if sample.name == image:
            return f"{sample.title}, {sample.author}, {sample.licence}"
    return Path(photo).name
