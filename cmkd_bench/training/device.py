"""The GPU of a worker process, which lives for many runs."""

from __future__ import annotations

import torch


def use_device(device: torch.device) -> None:
    """Make a GPU the current one: pinned memory and random numbers belong to it where no device is named."""
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)


def is_usable(device: torch.device) -> bool:
    """Whether the process can still compute on the device.

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
