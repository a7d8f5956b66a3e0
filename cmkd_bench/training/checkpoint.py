"""The state of a training run on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from cmkd_bench.experiment.files import write_atomically


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and strings, nested in dicts and lists."""
    write_atomically(path, lambda file: torch.save(state, file))


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; only tensors and plain values are unpickled."""
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state
