"""The state of a training run on disk, and the weights that remain of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from cmkd_bench.experiment.files import write_atomically


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and strings, nested in dicts and lists."""
    write_atomically(path, lambda file: torch.save(state, file))


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; only tensors and plain values are unpickled."""
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def weights_file(network: nn.Module) -> bytes:
    """Return the content of a weights file. Weights that a network uses in several places are stored for each."""
    stored: dict[str, Tensor] = {}
    places: set[int] = set()
    for name, value in network.state_dict().items():
        weights = value.detach().cpu().contiguous()
        storage = weights.untyped_storage().data_ptr()
        stored[name] = weights.clone() if storage in places else weights  # safetensors refuses shared memory
        places.add(storage)
    content: bytes = save(stored)
    return content
