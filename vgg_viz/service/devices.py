"""Which device computes, what it can do, its memory, and the way from it to the host."""

import gc
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vgg_viz.errors import InputError
from vgg_viz.results import Float32, read_only, single
from vgg_viz.service.allocator import return_freed_memory


def choose_device(wanted: str) -> torch.device:
    """The device for "auto", "cuda", "cuda:1", "mps" or "cpu"; InputError when it is not there."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda:0")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise InputError(f"No device {wanted!r}; choose auto, cuda, mps or cpu.") from error
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        raise InputError(f"This machine has no {wanted}; choose auto or cpu.")
    return device


def supported_precisions(device: torch.device) -> tuple[str, ...]:
    """Precisions the device computes in hardware; emulated bf16 would be slower than fp32."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
    return ("fp32", "bf16") if native else ("fp32",)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is a device or host running out of memory, in any of torch's spellings."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "not enough memory" in str(error)


def release(device: torch.device) -> None:
    """Give memory that nothing holds any more back to the device and the host."""
    gc.collect()
    return_freed_memory()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def free_memory(device: torch.device) -> int | None:
    """Bytes that can still be allocated on the device; None where the system does not tell.

    On a CPU what Linux calls available, within the limit of the control group, if there is one.
    """
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    if device.type != "cpu":
        return None
    found = []
    with suppress(OSError, KeyError, ValueError):
        found.append(1024 * _table(Path("/proc/meminfo"))["MemAvailable:"])
    with suppress(OSError, KeyError, ValueError):  # "max" is no number: there is no limit
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        # Pages of files are counted as used, and given back when somebody needs them.
        found.append(max(0, limit - used + _table(group / "memory.stat")["inactive_file"]))
    return min(found, default=None)


def _table(path: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    rows = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {row[0]: int(row[1]) for row in rows}


def host_copy(tensor: Tensor) -> Float32:
    """A read-only float32 copy on the host, as results hold it."""
    return single(tensor.detach().float().cpu().numpy())


def host_pixels(picture: Tensor) -> NDArray[np.uint8]:
    """(1, 3, H, W) in [0, 1] -> read-only uint8 (H, W, 3) on the host."""
    values = (picture[0].detach().float().cpu() * 255).round().clamp(0, 255)
    pixels: NDArray[np.uint8] = read_only(values.byte().permute(1, 2, 0).numpy())
    return pixels
