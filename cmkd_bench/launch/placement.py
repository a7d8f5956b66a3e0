"""The workers of a grid on this machine: how many there are, on which devices, and which runs each of them takes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.spec import RunSpec

CPU, GPU = "cpu", "cuda"

# Kernels of several processes take turns on a GPU, so more of them only fill the gaps between kernels: 27 small runs
# took as long with 16 workers on an H100 as with 8. CUDA's Multi-Process Service computes up to 48 side by side.
MOST_PER_GPU, MOST_WITH_MPS = 8, 48


@dataclass(frozen=True)
class Workers:
    """The workers of a grid."""

    devices: tuple[str, ...]  # of the workers at the start: `cpu`, or `cuda:N`
    most_per_gpu: int = 0  # up to how many are started as memory allows; 0 if their number is fixed
    places: Mapping[str, str] = field(default_factory=dict)  # by dataset, `cpu` or `cuda`; empty: anywhere

    @property
    def gpus(self) -> tuple[str, ...]:
        """The GPUs that are used."""
        return tuple(dict.fromkeys(device for device in self.devices if device != CPU))

    @property
    def fewer_jobs(self) -> int:
        """A smaller number of workers on the GPUs: one each where it was chosen by memory, otherwise half as many."""
        on_gpus = len(self.devices) - self.devices.count(CPU)
        return on_gpus if self.most_per_gpu else max(on_gpus // 2, 1)

    def suits(self, device: str, spec: RunSpec) -> bool:
        """Return whether a run belongs on a device."""
        kind = device.partition(":")[0]
        return self.places.get(spec.dataset, kind) == kind


def workers_for(places: Mapping[str, str], jobs: int) -> Workers:
    """Return the workers for datasets on their devices.

    Args:
        places: by dataset, `cpu` or `cuda`.
        jobs: number of workers on each kind of device; 0 for one per core, and on GPUs as many as their memory allows.

    Raises:
        UserError: if a dataset should be on a GPU and there is none.
    """
    kinds = set(places.values())
    on_gpus = _on_gpus(jobs) if GPU in kinds else []
    cores = len(os.sched_getaffinity(0))
    on_cores = [CPU] * (jobs or max(cores - len(on_gpus), 1)) if kinds - {GPU} else []
    grows = bool(on_gpus) and not jobs
    return Workers((*on_gpus, *on_cores), _most(cores, len(on_gpus)) if grows else 0, places)


def same_device(device: str, jobs: int) -> Workers:
    """Return a fixed number of workers that take all runs, as in a job of a cluster.

    Raises:
        UserError: if the device is a GPU and there is none.
    """
    return Workers(tuple(_on_gpus(jobs) if device == GPU else [CPU] * (jobs or len(os.sched_getaffinity(0)))))


def environment(specs: Iterable[RunSpec]) -> Mapping[str, str]:
    """Return the variables that workers on GPUs need for some runs."""
    from cmkd_bench.training.device import DETERMINISTIC

    return DETERMINISTIC if any(dict(spec.recipe).get("deterministic") for spec in specs) else {}


def describe(workers: Workers) -> str:
    """Say in one line where runs are made, and how many at once."""
    by_place: dict[str, list[str]] = {}
    for dataset, place in workers.places.items():
        by_place.setdefault(place, []).append(dataset)
    parts = [_describe_gpus(workers)] if workers.gpus else []
    if CPU in workers.devices:
        parts.append(f"the CPU, {_at_once(workers.devices.count(CPU))}")
    if len(parts) == 1:
        return f"Device: {parts[0]}."
    shown = (f"{part} for {', '.join(by_place[place])}" for part, place in zip(parts, (GPU, CPU), strict=True))
    return f"Device: {'; '.join(shown)}."


def _describe_gpus(workers: Workers) -> str:
    import torch

    from cmkd_bench.training.device import has_mps

    names = Counter(torch.cuda.get_device_name(device) for device in workers.gpus)
    shown = ", ".join(f"{count} x {name}" if count > 1 else name for name, count in names.items())
    fixed = len(workers.devices) - workers.devices.count(CPU)
    most = f"up to {workers.most_per_gpu} runs at once on each as memory allows"
    mps = " (through MPS)" if has_mps() else ""
    return f"the GPU ({shown}), {most if workers.most_per_gpu else _at_once(fixed)}{mps}"


def _at_once(number: int) -> str:
    return f"{number} run{'s' * (number != 1)} at once"


def _on_gpus(jobs: int) -> list[str]:
    from cmkd_bench.training.device import gpu_count

    if not (gpus := gpu_count()):
        raise UserError("launcher.device=cuda: torch finds no GPU. Use --device cpu.")
    return [f"{GPU}:{number % gpus}" for number in range(jobs or gpus)]


def _most(cores: int, gpus: int) -> int:
    from cmkd_bench.training.device import has_mps

    return max(1, min(MOST_WITH_MPS if has_mps() else MOST_PER_GPU, cores // gpus))
