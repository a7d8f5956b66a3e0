"""Independent random streams from one seed, by name, so that no part of a run shifts the numbers of another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive_seed(seed: int, *names: str | int) -> int:
    """A seed of 63 bits for one named purpose of a run.

    The same names give the same seed on every machine; different names give unrelated ones.
    """
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@contextmanager
def random_stream(seed: int, *names: str | int) -> Iterator[None]:
    """Draw from a named stream on the CPU within the block, and leave the global generators as they were.

    `torch.manual_seed` would set those of the GPUs too, and takes a millisecond where there is none.
    """
    state = torch.random.get_rng_state()
    torch.default_generator.manual_seed(derive_seed(seed, *names))
    try:
        yield
    finally:
        torch.random.set_rng_state(state)


def seed_generators(device: torch.device, seed: int, *names: str | int) -> None:
    """Set the global generators of the CPU and of the device to a named stream.

    `torch.manual_seed` does the same, but without a GPU it formats a traceback at each call, which takes longer than a
    training step of a small network.
    """
    derived = derive_seed(seed, *names)
    torch.default_generator.manual_seed(derived)
    if device.type == "cuda":
        with torch.cuda.device(device):  # or the current GPU would be seeded, whichever that is
            torch.cuda.manual_seed(derived)


def permutation(size: int, seed: int, *names: str | int) -> torch.Tensor:
    """A random order of 0..size-1 from a named stream: (size,) int64 on the CPU."""
    generator = torch.Generator().manual_seed(derive_seed(seed, *names))
    return torch.randperm(size, generator=generator)


def derangement(size: int, seed: int, *names: str | int) -> torch.Tensor:
    """A random pairing in which no element is paired with itself: (size,) int64 on the CPU.

    Every element is sent to the next one of a random cycle.

    Raises:
        ValueError: for fewer than two elements.
    """
    if size < 2:
        raise ValueError(f"a derangement needs at least 2 elements, not {size}")
    cycle = permutation(size, seed, *names)
    paired = torch.empty_like(cycle)
    paired[cycle] = cycle.roll(-1)
    return paired
