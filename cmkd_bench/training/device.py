"""The device of a worker process, which executes many runs."""

from __future__ import annotations

import contextlib
import functools
import platform
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def use_device(device: torch.device) -> None:
    """Make a GPU the current one: pinned memory and random numbers use it if no device is named."""
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)


def is_usable(device: torch.device) -> bool:
    """Return whether the process can still compute on the device.

    After an index out of range or an illegal access in a kernel, every later call on the GPU fails in this process,
    and only a new one can use it again.
    """
    if device.type != "cuda":
        return True
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return False
    return True


def processor() -> dict[str, Any]:
    """Return what decides how a CPU rounds: its model, the instructions that torch uses, and the number of threads."""
    return {
        "cpu": _cpu_model(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


@functools.cache
def _cpu_model() -> str:
    """Return the model as Linux names it; elsewhere what Python knows, which may be no more than the architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Return a small CPU tensor on the device, without waiting for pending GPU work.

    A copy from ordinary memory would wait for all earlier work of the GPU, once for each tensor of a batch.
    """
    if device.type != "cuda" or values.device.type != "cpu":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)
