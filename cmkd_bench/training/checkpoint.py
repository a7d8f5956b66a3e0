"""The state of a training run on disk, with the run's id and a digest, and the weights that remain of it."""

from __future__ import annotations

import hashlib
import io
import mmap
from pathlib import Path
from typing import IO, Any, cast

import torch
from safetensors.torch import save
from torch import Tensor, nn

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import write_atomically

_DIGEST_BYTES = 32
RESTART = "Rerun the command of the experiment: it sets the file aside and starts this run anew."


def save_checkpoint(path: Path, run_id: str, state: dict[str, Any]) -> None:
    """Write tensors, numbers and strings, nested in dicts and lists, followed by a digest of the bytes."""

    def write(file: IO[bytes]) -> None:
        digesting = _Digesting(file)
        torch.save({**state, "run_id": run_id}, cast("IO[bytes]", digesting))
        file.write(digesting.digest)

    write_atomically(path, write)


def load_checkpoint(path: Path, run_id: str, device: torch.device) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; only tensors and plain values are unpickled.

    Raises:
        Damaged: if the bytes have changed, or belong to another run.
    """
    size = path.stat().st_size - _DIGEST_BYTES
    if size <= 0:
        raise Damaged(path, f"has only {path.stat().st_size} bytes", RESTART)
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
        file.seek(size)
        if hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest() != file.read():
            raise Damaged(path, "was changed: its content does not match its digest", RESTART)
        state: dict[str, Any] = torch.load(content, map_location=device, weights_only=True)  # type: ignore[arg-type]
    if (owner := state.pop("run_id")) != run_id:
        raise Damaged(path, f"belongs to run {owner}", RESTART)
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


class _Digesting(io.RawIOBase):
    """Passes bytes on to a file, and computes their digest on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.blake2b(digest_size=_DIGEST_BYTES)

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._hash.update(content)
        return self._file.write(content)

    @property
    def digest(self) -> bytes:
        """Of all bytes so far."""
        return self._hash.digest()
