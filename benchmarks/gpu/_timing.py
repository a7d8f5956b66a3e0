"""Times on the card's own clock, by turns, and the memory that a call needs at most."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from benchmarks import _timing

Functions = dict[str, Callable[[], object]]


def by_turns(functions: Functions, rounds: int) -> dict[str, float]:
    """Median seconds of one call of each function; with CUDA events where a GPU is in use."""
    if not torch.cuda.is_available():
        return _timing.interleaved(functions, min(rounds, 3))
    for function in functions.values():
        for _ in range(2):
            function()
    samples: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            samples[name].append(_on_the_card(function))
    return {name: statistics.median(times) for name, times in samples.items()}


def _on_the_card(function: Callable[[], object]) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    function()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def host_seconds(function: Callable[[], object], times: int = 5) -> float:
    """Seconds until a call returns: what the processor needs to ask for the work, where nothing waits for the card."""
    samples = []
    for _ in range(times):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        started = time.perf_counter()
        function()
        samples.append(time.perf_counter() - started)
    return statistics.median(samples)
