"""Independent random streams from one seed, by name, so that no part of a run affects the numbers of another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed for one named purpose of a run.

    The same names give the same seed on every machine; different names give unrelated seeds.
    """
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@contextmanager
def random_stream(seed: int, *names: str | int) -> Iterator[None]:
    """Draw from a named stream on the CPU within the block, and restore the global generators afterwards.

    `torch.manual_seed` would also set those of the GPUs, and takes a millisecond without a GPU.
    """
    state = torch.random.get_rng_state()
    torch.default_generator.manual_seed(derive_seed(seed, *names))
    try:
        yield
    finally:
        torch.random.set_rng_state(state)


def seed_generators(device: torch.device, seed: int, *names: str | int) -> None:
    """Set the global generators of the CPU and of the device to a named stream.

    `torch.manual_seed` does the same, but without a GPU it formats a traceback in each call, which takes longer than a
    training step of a small network.
    """
    derived = derive_seed(seed, *names)
    torch.default_generator.manual_seed(derived)
    if device.type == "cuda":
        with torch.cuda.device(device):  # otherwise the current GPU would be seeded instead
            torch.cuda.manual_seed(derived)


def permutation(size: int, seed: int, *names: str | int) -> torch.Tensor:
    """Return a random order of 0..size-1 from a named stream: (size,) int64 on the CPU."""
    generator = torch.Generator().manual_seed(derive_seed(seed, *names))
    return torch.randperm(size, generator=generator)


def derangement(size: int, seed: int, *names: str | int) -> torch.Tensor:
    """Return a random permutation that maps no element to itself: (size,) int64 on the CPU.

    Every element is mapped to the next one of a random cycle.

    Raises:
        ValueError: for fewer than two elements.
    """
    if size < 2:
        raise ValueError(f"expected at least 2 elements for a derangement, got {size}")
    cycle = permutation(size, seed, *names)
    paired = torch.empty_like(cycle)
    paired[cycle] = cycle.roll(-1)
    return paired
