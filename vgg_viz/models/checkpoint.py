"""Files of weights, also of strangers, read without running code.

    read_checkpoint -> detect_config -> to_paper_names -> check -> load_into
    (here)             (recognition)    (keymaps)         (recognition)

Formats: safetensors; `torch.save` files, new (zip) and old (pickle), opened with `weights_only`;
a zip around one such file. Whatever is wrong with a file ends in a CheckpointError.
"""

import hashlib
import io
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vgg_viz.errors import CheckpointError

MAX_UNPACKED = 4 * 2**30  # bytes; the largest network here has 0.57 GB in fp32

# Under these names trainers keep the weights beside epochs and optimisers.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params")

_SAVE = (
    "Where you trust the file, load it and save its weights alone: "
    'safetensors.torch.save_file(model.state_dict(), "weights.safetensors").'
)
_PACKED = (".pth", ".pt", ".safetensors")
# torch's old format begins with a magic number, as a pickle of protocol 2.
_LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds: tensors by the names in the file, and the strings of its header."""

    tensors: dict[str, Tensor]  # on the CPU, as stored
    metadata: dict[str, str]  # safetensors only; {} otherwise
    digest: str  # sha256 of the file, 64 hex digits
    filename: str  # for messages


def read_checkpoint(source: Path | bytes, filename: str = "") -> Checkpoint:
    """Read the tensors of a weights file; nothing in it is ever run.

    `filename` names `bytes` in messages. Raises CheckpointError when the file is missing, damaged,
    of another kind, would run code, or holds less than it claims.
    """
    name = filename or (source.name if isinstance(source, Path) else "The file")
    try:
        return _read(source, name)
    except OSError as error:
        raise CheckpointError(f"{name} cannot be opened: {error.strerror or error}.") from error
    except MemoryError as error:
        raise CheckpointError(f"There is not enough memory to read {name}.") from error


def _read(source: Path | bytes, name: str) -> Checkpoint:
    metadata: dict[str, str] = {}
    with _opened(source) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(64)
    if _is_safetensors(head, size):
        tensors, metadata = _read_safetensors(source, name)
    elif head.startswith(b"PK\x03\x04"):
        tensors, size = _read_zip(source, name)
    elif head.startswith(_LEGACY):
        tensors = _state(_torch_load(source, name), name)
    else:
        raise CheckpointError(_what_it_is(name, head, size))
    _check_storage(tensors, size, name)
    return Checkpoint(tensors, metadata, digest, name)


def _opened(source: Path | bytes) -> io.BufferedReader | io.BytesIO:
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


def _is_safetensors(head: bytes, size: int) -> bool:
    return 8 < int.from_bytes(head[:8], "little") + 8 <= size and head[8:9] == b"{"


def _read_safetensors(source: Path | bytes, name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load

    try:
        if isinstance(source, Path):
            with safe_open(source, framework="pt") as file:
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                return tensors, dict(file.metadata() or {})
        length = int.from_bytes(source[:8], "little")
        header = json.loads(source[8 : 8 + length])
        return load(source), {str(k): str(v) for k, v in header.get("__metadata__", {}).items()}
    except (SafetensorError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(_damaged(name, error)) from error


def _read_zip(source: Path | bytes, name: str) -> tuple[dict[str, Tensor], int]:
    """Tensors of a torch file, or of the one weights file in a zip; and its unpacked size."""
    try:
        with _opened(source) as file, zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            size = sum(entry.file_size for entry in entries)
            names = [entry.filename for entry in entries]
            _check_archive(names, size, name)
            if any(entry.endswith("data.pkl") for entry in names):
                return _state(_torch_load(source, name, mmap=True), name), size
            packed = next(entry for entry in entries if entry.filename.endswith(_PACKED))
            inner = archive.read(packed)
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:
        # zipfile raises BadZipFile, zlib.error, NotImplementedError, RuntimeError (a password),
        # EOFError, ValueError, struct.error and more on damaged files.
        raise CheckpointError(_damaged(name, error)) from error
    if inner.startswith(b"PK\x03\x04") and b"data.pkl" not in inner[:256]:
        raise CheckpointError(f"{name} holds a zip in a zip; give the weights file itself.")
    return read_checkpoint(inner, packed.filename).tensors, len(inner)


def _check_archive(names: list[str], size: int, name: str) -> None:
    """Refuse programs, bombs, and zips that do not hold exactly one weights file."""
    if size > MAX_UNPACKED:
        raise CheckpointError(
            f"{name} would unpack to {size / 1e9:.1f} GB; {MAX_UNPACKED / 1e9:.1f} GB is the "
            "limit. Save the state_dict alone, without the optimiser."
        )
    if any(entry.endswith("/constants.pkl") for entry in names):
        raise CheckpointError(f"{name} is a TorchScript program, so it would run code. {_SAVE}")
    packed = sum(entry.endswith(_PACKED) for entry in names)
    if packed != 1 and not any(entry.endswith("data.pkl") for entry in names):
        raise CheckpointError(
            f"{name} is a zip with {packed} weights files in it; pack one, or give the file itself."
        )


def _torch_load(source: Path | bytes, name: str, *, mmap: bool = False) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of old storage classes
            if isinstance(source, Path):
                return torch.load(source, map_location="cpu", weights_only=True, mmap=mmap)
            return torch.load(io.BytesIO(source), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if refused := _GLOBAL.search(str(error)):
            raise CheckpointError(
                f"{name} would run code when opened (it asks for {refused[1]}), so it was not "
                f"opened. It holds a whole pickled model or more than weights. {_SAVE}"
            ) from None
        raise CheckpointError(_damaged(name, error)) from None
    except Exception as error:
        # On damaged files torch raises RuntimeError, EOFError, KeyError, IndexError, TypeError,
        # AttributeError, AssertionError, struct.error and more, so none is singled out here.
        raise CheckpointError(_damaged(name, error)) from error


def _state(content: object, name: str) -> dict[str, Tensor]:
    """The state dict in what was loaded: itself, or one or two wrappers deep."""
    for _ in range(3):
        if not isinstance(content, Mapping):
            break
        tensors = {str(k): v.detach() for k, v in content.items() if isinstance(v, Tensor)}
        if tensors:
            return tensors
        content = next((content[key] for key in WRAPPERS if key in content), None)
    raise CheckpointError(
        f"{name} holds no weights by name. Save the state_dict: "
        'torch.save(model.state_dict(), "weights.pth").'
    )


def _check_storage(tensors: Mapping[str, Tensor], size: int, name: str) -> None:
    """Refuse tensors that are not plain, or that repeat few stored numbers a million times."""
    for key, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise CheckpointError(f"{key} in {name} is not a plain tensor; save it as float32.")
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if claimed > size:
        raise CheckpointError(
            f"{name} claims {claimed / 1e6:.1f} MB of numbers but holds {size / 1e6:.1f} MB; save "
            "the tensors with .contiguous()."
        )


def _damaged(name: str, error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0][:200]
    return f"{name} is damaged or cut off ({reason}); copy or download it again."


def _what_it_is(name: str, head: bytes, size: int) -> str:
    text = head.lstrip().lower()
    if not size:
        return f"{name} is empty; copy or download it again."
    if text.startswith(b"<"):
        return f"{name} is a web page, not weights; download the file behind the link."
    if head.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")) and size > 12:
        return f"{name} is a Python pickle, which would run code, so it was not opened. {_SAVE}"
    if text.startswith(b"version https://git-lfs"):
        return f"{name} is only a pointer of Git LFS; fetch the file with `git lfs pull`."
    if int.from_bytes(head[:8], "little") + 8 > size and head[8:9] == b"{":
        return f"{name} is damaged or cut off; copy or download it again."
    return f"{name} is no weights file; give .safetensors, or .pth saved by torch.save."
