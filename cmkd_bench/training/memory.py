"""The peak memory of one run in a process that executes many."""

from __future__ import annotations

import contextlib
import re
import resource
from pathlib import Path

import torch

from cmkd_bench.experiment.spec import RunSpec

_FULL = ("out of memory", "ALLOC_FAILED")  # in what CUDA and its libraries say outside torch's allocator
_SHARED = 0.05  # of a GPU's memory in other processes: less is what the driver and a display take

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


def gpu_memory(device: torch.device) -> tuple[float, float] | None:
    """Return the most memory that this process has reserved on a GPU, and what is free now, in MB; None on a CPU."""
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_reserved(device) / 1e6, torch.cuda.mem_get_info(device)[0] / 1e6


def release(device: torch.device) -> None:
    """Return memory that no tensor uses to the GPU, where other processes need it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that there was not enough memory."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _FULL)


def what_did_not_fit(spec: RunSpec, device: torch.device) -> str:
    """Say which run did not fit into a GPU's memory, how much it took, and how it may fit."""
    free, total = torch.cuda.mem_get_info(device)
    peak, others = torch.cuda.max_memory_reserved(device), total - free - torch.cuda.memory_reserved(device)
    networks = f"student {spec.student_network}"
    if spec.teacher_network is not None:
        networks += f" and teacher {spec.teacher_network}"
    batch = int(dict(spec.recipe)["batch_size"])
    text = (
        f"{torch.cuda.get_device_name(device)} has no memory left for batches of {batch} with {networks}: the run had "
        f"taken {peak / 1e9:.1f} of {total / 1e9:.1f} GB, and other processes {others / 1e9:.1f} GB. "
    )
    if others > _SHARED * total:
        return (
            f"{text}Repeat it with fewer runs at once: --retry-failed --jobs 1, or on a cluster: cmkd-bench retry "
            "launcher.jobs=1"
        )
    return f"{text}Use smaller batches, e.g. train.batch_size={max(batch // 2, 2)}, or smaller networks."
