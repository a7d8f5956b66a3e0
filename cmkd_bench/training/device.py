"""The device of a worker process, which executes many runs."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cmkd_bench.config.recipe import Recipe
from cmkd_bench.network import Network

# cuBLAS reads this when a process first uses it; with another value, its sums depend on what runs beside them.
DETERMINISTIC = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


def gpu_count() -> int:
    """Return the number of GPUs, without opening one, so that a process can still be forked."""
    return torch.cuda.device_count()


def has_mps() -> bool:
    """Return whether CUDA's Multi-Process Service runs, which computes kernels of several processes side by side."""
    folder = os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or "/tmp/nvidia-mps"  # noqa: S108  # CUDA's own default
    return (Path(folder) / "control").exists()


def is_gpu(device: torch.device) -> bool:
    """Return whether the settings for a GPU apply to a device."""
    return device.type == "cuda"


def open_device(name: str) -> torch.device:
    """Return the device that a worker was started for, `cpu` or `cuda:N`; each run makes it the current one."""
    return torch.device(name)


def use_device(device: torch.device) -> None:
    """Make a GPU the current one: pinned memory and random numbers use it if no device is named."""
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)


def use_kernels(device: torch.device, recipe: Recipe) -> None:
    """Set how a GPU computes in this process, all of it, because the run before may have had other settings."""
    if not is_gpu(device):
        return
    torch.set_float32_matmul_precision("high" if recipe.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = recipe.tf32
    torch.backends.cudnn.benchmark = recipe.cudnn_benchmark and not recipe.deterministic
    torch.backends.cudnn.deterministic = recipe.deterministic
    torch.use_deterministic_algorithms(recipe.deterministic)


def place(network: Network, device: torch.device, recipe: Recipe) -> Network:
    """Move a network to a device, in the memory format in which it is computed there."""
    network = network.to(device)
    if is_gpu(device) and recipe.channels_last and any(isinstance(one, nn.Conv2d) for one in network.modules()):
        # Convolutions return the format of their weights, so the inputs can stay as they are.
        network = network.to(memory_format=torch.channels_last)
    return network


def compile_networks(networks: Iterable[Network | None], device: torch.device, recipe: Recipe) -> None:
    """Compile what the networks compute below their heads, if a GPU should; names of weights stay as they are."""
    if is_gpu(device) and recipe.compile:
        for network in networks:
            if network is not None:
                network.features = torch.compile(network.features)  # type: ignore[method-assign]  # of this instance


def align_state(optimizer: torch.optim.Optimizer) -> None:
    """Give an optimizer's state the memory format of its parameters, which may come from another device.

    The fused optimizers refuse a state in another format.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def computation(device: torch.device, recipe: Recipe) -> Mapping[str, Any]:
    """Return what a run records of how it was computed: on a GPU its name, precision and settings."""
    if not is_gpu(device):
        return {"device": platform.machine(), "precision": recipe.precision}
    return {
        "device": torch.cuda.get_device_name(device),
        "precision": recipe.precision,
        "kernels": recipe.kernels,
        "mps": has_mps(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


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


def upload(values: Tensor, device: torch.device) -> Tensor:
    """Return a batch in pinned memory on the device, copied while the GPU computes.

    On the stream of the computations, a copy would start only after all earlier kernels, and those after it would wait
    for it. The calling thread waits for the copy, and only for that; it is one that reads ahead.
    """
    if device.type != "cuda":
        return values.to(device)
    stream = _copies(device)
    with torch.cuda.stream(stream):
        moved = values.to(device, non_blocking=True)
        copied = stream.record_event()
    copied.synchronize()
    # Its memory belongs to the stream of the copies, which must not reuse it before the computations have read it.
    moved.record_stream(torch.cuda.default_stream(device))
    return moved


@functools.cache
def _copies(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
