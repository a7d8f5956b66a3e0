"""Runs in one process, on the CPU and a GPU: methods train, repeat themselves, and go on where they were stopped."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from devices import DEVICES, built_in_methods, needs_gpu
from safetensors.torch import load_file

from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.testing._tiny_run import StopAfter
from cmkd_bench.training.device import is_usable, to_device, use_device
from cmkd_bench.training.execution import execute
from cmkd_bench.training.memory import reset_peak
from cmkd_bench.training.seeding import derive_seed, seed_generators
from cmkd_bench.training.training_progress import Stopped

# Vectors; signals with batch normalisation; images and texts, at any size of the data.
PAIRS = {"mfeat": "pixels:fourier", "watch": "accelerometer:gyroscope", "openmoji": "text:image"}
DRAWN = ("crd",)  # methods that draw random numbers on the device
RANKED = ("mfh",)  # methods that rank channels, where rounding makes neighbors change places
Planned = Callable[..., tuple[Experiment, dict[str, str]]]


def execute_all(experiment: Experiment, run_ids: dict[str, str], device: str) -> None:
    for run_id in run_ids:
        execute(experiment, run_id, torch.device(device), StopAfter(), Roots())
        error = experiment.run(run_id).error
        assert not error.exists(), f"{run_ids[run_id]}: {error.read_text()}"


def state(experiment: Experiment, run_id: str) -> dict[str, torch.Tensor]:
    folder = experiment.run(run_id)
    return {**load_file(folder.weights), **load_file(folder.predictions)}


def epochs_of(experiment: Experiment, run_id: str) -> int:
    """0 for a teacher that stays untrained."""
    return int(dict(experiment.read_spec(run_id).recipe)["epochs"])


def history(experiment: Experiment, run_id: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(experiment.run(run_id).history.read_text())
    return records


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "dataset", [name if name == "mfeat" else pytest.param(name, marks=pytest.mark.slow) for name in PAIRS]
)
def test_every_method_trains(planned: Planned, dataset: str, device: str) -> None:
    # The embedding of a transformer has negative values.
    overrides = ("method.simkd.output=linear",) if dataset == "openmoji" else ()
    experiment, runs = planned("all", datasets=[dataset], pairs=[PAIRS[dataset]], overrides=overrides)
    assert set(runs.values()) == set(built_in_methods())
    execute_all(experiment, runs, device)
    for run_id in runs:
        records = history(experiment, run_id)
        assert len(records) == epochs_of(experiment, run_id)
        losses = [value for record in records for value in record["losses"].values()]
        assert all(torch.tensor(losses).isfinite())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_spec_twice_gives_the_same_bits(planned: Planned, device: str, precision: str) -> None:
    twice = [planned(name, overrides=(f"train.precision={precision}",)) for name in ("one", "two")]
    for experiment, runs in twice:
        execute_all(experiment, runs, device)
    (one, runs), (two, _) = twice
    for run_id, method in runs.items():
        here, there = state(one, run_id), state(two, run_id)
        wrong = [name for name in here if not torch.equal(here[name], there[name])]
        assert not wrong, f"{method}: {wrong}"
        assert history(one, run_id) == history(two, run_id)


@pytest.mark.parametrize("device", DEVICES)
def test_a_stopped_run_goes_on_and_ends_alike(planned: Planned, device: str) -> None:
    (whole, runs), (parted, _) = planned("whole", epochs=6), planned("parted", epochs=6)
    execute_all(whole, runs, device)
    for run_id, method in runs.items():
        for epochs in (2, 5) if epochs_of(whole, run_id) else ():
            with contextlib.suppress(Stopped):
                execute(parted, run_id, torch.device(device), StopAfter(epochs), Roots())
                raise AssertionError(f"{method} was not stopped")
            assert parted.run(run_id).checkpoint.exists()
        execute_all(parted, {run_id: method}, device)
        here, there = state(whole, run_id), state(parted, run_id)
        wrong = [name for name in here if not torch.equal(here[name], there[name])]
        assert not wrong, f"{method}: {wrong}"


@pytest.mark.parametrize("device", DEVICES)
def test_small_tensors_arrive_as_they_are(device: str) -> None:
    for values in (torch.arange(7), torch.rand(2, 3)[:, 1:], torch.tensor([True, False]), torch.zeros(0)):
        sent = to_device(values, torch.device(device))
        assert sent.device.type == device
        assert torch.equal(sent.cpu(), values)


@needs_gpu
def test_a_gpu_starts_like_a_cpu_and_differs_by_rounding(planned: Planned) -> None:
    (here, runs), (there, _) = planned("cpu", epochs=1), planned("cuda", epochs=1)
    execute_all(here, runs, "cpu")
    execute_all(there, runs, "cuda")
    for run_id, method in runs.items():
        if method not in (*DRAWN, *RANKED):
            for one, other in zip(history(here, run_id), history(there, run_id), strict=True):
                assert one["losses"] == pytest.approx(other["losses"], rel=0.01, abs=1e-4), method


@needs_gpu
def test_a_checkpoint_of_a_gpu_goes_on_on_a_cpu(planned: Planned) -> None:
    experiment, runs = planned("moved", epochs=4)
    for run_id in runs:
        with contextlib.suppress(Stopped):
            execute(experiment, run_id, torch.device("cuda"), StopAfter(2), Roots())
        execute_all(experiment, {run_id: runs[run_id]}, "cpu")


def test_a_device_that_cannot_be_had_is_the_runs_failure(planned: Planned, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError("all CUDA-capable devices are busy")

    monkeypatch.setattr(torch.cuda, "init", refuse)
    experiment, runs = planned("busy", methods=["none"])
    run_id = next(iter(runs))
    execute(experiment, run_id, torch.device("cuda"), StopAfter(), Roots())
    assert json.loads(experiment.run(run_id).error.read_text())["message"] == "all CUDA-capable devices are busy"


def test_memory_is_measured_once_the_gpu_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    # The allocator refuses to reset the statistics of a device that nothing has used.
    called: list[str] = []
    monkeypatch.setattr(torch.cuda, "init", lambda: called.append("init"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: called.append(str(device)))
    reset_peak(torch.device("cuda:1"))
    assert called == ["init", "cuda:1"]


def test_the_generator_of_the_runs_own_gpu_is_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    current, seeded = ["cuda:0"], {}

    @contextlib.contextmanager
    def device(named: torch.device) -> Iterator[None]:
        current.append(str(named))
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "manual_seed", lambda seed: seeded.update({current[-1]: seed}))
    state = torch.random.get_rng_state()
    seed_generators(torch.device("cuda:1"), 3, "step")
    torch.random.set_rng_state(state)
    assert seeded == {"cuda:1": derive_seed(3, "step")}


def test_a_device_is_unusable_after_an_error_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(device: torch.device) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    assert is_usable(torch.device("cpu"))
    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    assert not is_usable(torch.device("cuda:0"))
    assert is_usable(torch.device("cpu"))


def test_the_runs_gpu_becomes_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[str] = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: chosen.append(str(device)))
    for name in ("cpu", "cuda", "cuda:1"):
        use_device(torch.device(name))
    assert chosen == ["cuda:1"]
