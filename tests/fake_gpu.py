"""A GPU that is not there: the device layer says that there is one, and computes on the CPU with a GPU's settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

NAME = "Fake GPU 8 GB"
TAKEN_MB, FREE_MB = 1000.0, 7000.0


@pytest.fixture
def fake_gpus(monkeypatch: pytest.MonkeyPatch) -> int:
    """Two GPUs for planning and launching; workers are forks of this process, so they have them too."""
    monkeypatch.setattr("cmkd_bench.training.device.gpu_count", lambda: 2)
    monkeypatch.setattr("cmkd_bench.training.device.open_device", lambda name: torch.device("cpu"))
    monkeypatch.setattr("cmkd_bench.training.memory.gpu_memory", lambda device: (TAKEN_MB, FREE_MB))
    monkeypatch.setattr("cmkd_bench.launch.local.can_fork", lambda devices: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: NAME)
    return 2


@pytest.fixture
def gpu_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """The CPU, to which the settings for a GPU apply as far as a CPU has them."""
    monkeypatch.setattr("cmkd_bench.training.device.is_gpu", lambda device: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: NAME)
    cudnn = torch.backends.cudnn
    before = torch.get_float32_matmul_precision(), cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic
    yield torch.device("cpu")
    torch.use_deterministic_algorithms(False)
    torch.set_float32_matmul_precision(before[0])
    cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = before[1:]
