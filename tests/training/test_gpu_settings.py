"""How a GPU computes, as far as a CPU can show it: memory formats, flags, copies, and what is said of full memory."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from devices import needs_gpu
from fake_gpu import NAME, gpu_settings
from one_spec import SPEC
from safetensors.torch import load_file
from torch import Tensor

from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.network import InputShape
from cmkd_bench.networks import build_network
from cmkd_bench.testing._tiny_run import RECIPE, StopAfter
from cmkd_bench.training import device as layer
from cmkd_bench.training.execution import execute
from cmkd_bench.training.memory import gpu_memory, is_out_of_memory, what_did_not_fit
from cmkd_bench.training.training_progress import Stopped

__all__ = ["gpu_settings"]
Planned = Callable[..., tuple[Experiment, dict[str, str]]]
CPU = torch.device("cpu")
IMAGE = InputShape("image", (3, 16, 16))


def flags() -> tuple[str, bool, bool, bool, bool]:
    cudnn = torch.backends.cudnn
    of_cudnn = (cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic)
    return (torch.get_float32_matmul_precision(), *of_cudnn, torch.are_deterministic_algorithms_enabled())


def test_each_run_sets_all_flags_of_its_gpu(gpu_settings: torch.device) -> None:
    layer.use_kernels(gpu_settings, replace(RECIPE, tf32=True, cudnn_benchmark=True))
    assert flags() == ("high", True, True, False, False)
    layer.use_kernels(gpu_settings, replace(RECIPE, deterministic=True, cudnn_benchmark=True))
    assert flags() == ("highest", False, False, True, True)
    layer.use_kernels(gpu_settings, RECIPE)
    assert flags() == ("highest", False, False, False, False)


def test_a_cpu_keeps_its_flags() -> None:
    before = flags()
    layer.use_kernels(CPU, replace(RECIPE, tf32=True, cudnn_benchmark=True, deterministic=True))
    assert flags() == before


def test_convolutions_store_the_channels_last_on_a_gpu(gpu_settings: torch.device) -> None:
    torch.manual_seed(0)
    images = torch.rand(4, 3, 16, 16)
    usual, placed = (build_network("cnn2d", IMAGE, 5) for _ in range(2))
    placed.load_state_dict(usual.state_dict())
    placed = layer.place(placed, gpu_settings, RECIPE)
    (maps,) = placed.eval()(images, [0]).feature_maps.values()
    assert maps.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(placed(images).logits, usual.eval()(images).logits, rtol=1e-4, atol=1e-6)
    off = layer.place(build_network("cnn2d", IMAGE, 5), gpu_settings, replace(RECIPE, channels_last=False))
    assert all(one.is_contiguous() for one in off.parameters())


def test_a_cpu_keeps_its_memory_format() -> None:
    network = layer.place(build_network("cnn2d", IMAGE, 5), CPU, RECIPE)
    assert all(one.is_contiguous() for one in network.parameters())


@pytest.mark.usefixtures("gpu_settings")
def test_a_run_in_another_memory_format_is_saved_resumed_and_recorded(planned: Planned) -> None:
    asked: dict[str, Any] = {"datasets": ["openmoji"], "pairs": ["text:image"], "methods": ["none"], "epochs": 3}
    (whole, runs), (parted, _) = planned("whole", **asked), planned("parted", **asked)
    run_id = next(one for one in runs if whole.read_spec(one).student_modality == "image")
    execute(whole, run_id, CPU, StopAfter(), Roots())
    with contextlib.suppress(Stopped):
        execute(parted, run_id, CPU, StopAfter(2), Roots())
    execute(parted, run_id, CPU, StopAfter(), Roots())
    here, there = (load_file(one.run(run_id).weights) for one in (whole, parted))
    assert all(torch.equal(here[name], there[name]) for name in here)
    cost = whole.run(run_id).read_cost()
    assert (cost["device"], cost["precision"], cost["kernels"]) == (NAME, "float32", ["channels_last"])


def test_a_checkpoint_in_another_memory_format_goes_on_on_a_cpu(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"datasets": ["openmoji"], "pairs": ["text:image"], "methods": ["none"], "epochs": 3}
    experiment, runs = planned("moved", **asked)
    run_id = next(one for one in runs if experiment.read_spec(one).student_modality == "image")
    with monkeypatch.context() as patched:
        patched.setattr("cmkd_bench.training.device.is_gpu", lambda device: True)
        with contextlib.suppress(Stopped):
            execute(experiment, run_id, CPU, StopAfter(2), Roots())
    execute(experiment, run_id, CPU, StopAfter(), Roots())
    assert experiment.run(run_id).is_done(), experiment.run(run_id).error.read_text()


def test_networks_are_compiled_below_their_heads(gpu_settings: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []

    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled.append(function)
        return function

    monkeypatch.setattr(torch, "compile", note)
    network = build_network("cnn2d", IMAGE, 5)
    names = list(network.state_dict())
    layer.compile_networks((network, None), gpu_settings, RECIPE)
    assert not compiled
    layer.compile_networks((network, None), gpu_settings, replace(RECIPE, compile=True))
    assert [one.__name__ for one in compiled] == ["features"]
    assert list(network.state_dict()) == names
    assert network(torch.rand(2, 3, 16, 16)).logits.shape == (2, 5)


class Copied:
    """A tensor in pinned memory, and what was done with it."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def to(self, device: torch.device, non_blocking: bool) -> Copied:
        self.log.append(f"copy{' without waiting' * non_blocking}")
        return self

    def record_stream(self, stream: str) -> None:
        self.log.append(f"kept for {stream}")


def test_a_batch_is_copied_beside_the_computations(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    @contextlib.contextmanager
    def on(stream: Any) -> Iterator[None]:
        log.append("other stream")
        yield
        log.append("back")

    event = SimpleNamespace(synchronize=lambda: log.append("copied"))
    monkeypatch.setattr(layer, "_copies", lambda device: SimpleNamespace(record_event=lambda: event))
    monkeypatch.setattr("torch.cuda.stream", on)
    monkeypatch.setattr("torch.cuda.default_stream", lambda device: "computations")
    values: Any = Copied(log)
    assert layer.upload(values, torch.device("cuda:0")) is values
    assert log == ["other stream", "copy without waiting", "back", "copied", "kept for computations"]
    here = torch.arange(3)
    assert torch.equal(layer.upload(here, CPU), here)


@needs_gpu
def test_many_batches_arrive_whole_while_a_gpu_computes() -> None:
    device = torch.device("cuda")
    factor = torch.rand(2048, 2048, device=device)
    sums: list[Tensor] = []
    for number in range(50):
        factor = torch.tanh(factor @ factor)
        batch = torch.full((64, 3, 64, 64), number % 256, dtype=torch.uint8).pin_memory()
        sums.append(layer.upload(batch, device).long().sum())
    assert [int(one) for one in sums] == [number * 64 * 3 * 64 * 64 for number in range(50)]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A GPU with 80 GB of which this process has taken 10, and others as much as is said."""

    def others_take(gigabytes: float) -> None:
        free = int((70 - gigabytes) * 1e9)
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (free, int(80e9)))

    monkeypatch.setattr("torch.cuda.max_memory_reserved", lambda device: int(12e9))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: int(10e9))
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: NAME)
    return others_take


RUN = replace(SPEC, student_network="timm/resnet18", teacher_network="transformers/bert", recipe=(("batch_size", 64),))


def test_a_full_gpu_is_described_with_what_may_help(full: Callable[[float], None]) -> None:
    full(60)
    said = what_did_not_fit(RUN, torch.device("cuda:0"))
    for part in (NAME, "batches of 64", "timm/resnet18", "transformers/bert", "12.0 of 80.0 GB", "60.0 GB", "--jobs 1"):
        assert part in said
    full(1)
    said = what_did_not_fit(replace(RUN, teacher_network=None), torch.device("cuda:0"))
    assert "train.batch_size=32" in said
    assert "--jobs" not in said
    assert "teacher" not in said


def test_what_counts_as_out_of_memory() -> None:
    for error in (
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: out of memory"),
    ):
        assert is_out_of_memory(error)
    assert is_out_of_memory(RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_run_that_does_not_fit_fails_with_that_message(
    planned: Planned, full: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(device: torch.device) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    full(60)
    monkeypatch.setattr("cmkd_bench.training.execution.use_device", fail)
    experiment, runs = planned("full", methods=["none"])
    run_id = next(iter(runs))
    execute(experiment, run_id, torch.device("cuda"), StopAfter(), Roots())
    error = json.loads(experiment.run(run_id).error.read_text())
    assert error["cause"] == "out of memory"
    assert "mlp" in error["message"]
    assert "CUDA out of memory" in error["traceback"][-1]


def test_the_memory_of_a_gpu_is_measured_and_that_of_a_cpu_is_not(full: Callable[[float], None]) -> None:
    full(60)
    assert gpu_memory(torch.device("cuda:0")) == (12000.0, 10000.0)
    assert gpu_memory(CPU) is None
