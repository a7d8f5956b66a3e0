"""The peak memory of one run in a process that executes many."""

from __future__ import annotations

import contextlib
import re
import resource
from pathlib import Path

import torch

_PROCESS = Path("/proc/self")


def reset_peak(device: torch.device) -> None:
    """Restart the measurement of peak memory; without Linux's /proc, the peak of the process remains."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]  # until then the allocator knows no device, and refuses
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")


def peak_mb(device: torch.device) -> float:
    """Return the peak memory in MB since the last reset: of the GPU if there is one, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        status = (_PROCESS / "status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match[1]) / 1e3 if match else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
