"""The workers of a grid: their number and devices, what is said of them, and a grid on GPUs that are not there."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from command_line import Command
from fake_gpu import NAME, fake_gpus
from one_spec import SPEC

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_json
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.placement import describe, environment, same_device, workers_for
from cmkd_bench.launch.preview import advice
from cmkd_bench.launch.schedule import Schedule
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve

__all__ = ["fake_gpus"]
CORES = len(os.sched_getaffinity(0))
Run = Callable[..., pd.DataFrame]


def test_a_grid_without_a_gpu_uses_all_cores() -> None:
    assert workers_for({"mfeat": "cpu"}, 0).devices == ("cpu",) * CORES
    assert describe(workers_for({"mfeat": "cpu"}, 3)) == "Device: the CPU, 3 runs at once."
    assert describe(workers_for({"mfeat": "cpu"}, 1)) == "Device: the CPU, 1 run at once."


@pytest.mark.usefixtures("fake_gpus")
def test_one_worker_per_gpu_and_more_as_memory_allows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(64))
    workers = workers_for({"ave": "cuda"}, 0)
    assert (workers.devices, workers.most_per_gpu) == (("cuda:0", "cuda:1"), 8)
    assert f"2 x {NAME}" in describe(workers)
    assert "up to 8 runs" in describe(workers)
    (tmp_path / "control").touch()
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    assert workers_for({"ave": "cuda"}, 0).most_per_gpu == 32, "half of the cores for each GPU"
    assert "MPS" in describe(workers)


@pytest.mark.usefixtures("fake_gpus")
def test_a_given_number_of_workers_is_kept() -> None:
    workers = workers_for({"ave": "cuda"}, 3)
    assert (workers.devices, workers.most_per_gpu) == (("cuda:0", "cuda:1", "cuda:0"), 0)
    assert same_device("cuda", 1).devices == ("cuda:0",)


@pytest.mark.usefixtures("fake_gpus")
def test_each_dataset_has_its_device() -> None:
    workers = workers_for({"ave": "cuda", "mfeat": "cpu"}, 1)
    assert workers.devices == ("cuda:0", "cpu")
    of_mfeat, of_ave = SPEC, dataclasses.replace(SPEC, dataset="ave")
    assert [workers.suits(device, one) for device in workers.devices for one in (of_mfeat, of_ave)] == [
        *(False, True),
        *(True, False),
    ]
    assert describe(workers) == f"Device: the GPU ({NAME}), 1 run at once for ave; the CPU, 1 run at once for mfeat."


def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="--device cpu"):
        workers_for({"ave": "cuda"}, 0)


def test_workers_get_the_variable_that_determinism_needs_and_only_then() -> None:
    off, on = (dataclasses.replace(SPEC, recipe=(("deterministic", value),)) for value in (False, True))
    assert environment([SPEC, off]) == {}
    assert "CUBLAS_WORKSPACE_CONFIG" in environment([off, on])


@pytest.mark.usefixtures("fake_gpus")
def test_a_grid_on_gpus_has_the_numbers_of_a_cpu(
    quick_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4))
    asked = {"methods": ["kd", "dkd", "fitnet"], "seeds": 2}
    there = quick_run(**asked, device="cuda", jobs=0)
    here = quick_run(**asked, device="cpu", jobs=2, results=tmp_path / "here")
    pd.testing.assert_frame_equal(there, here)


@pytest.mark.usefixtures("fake_gpus")
def test_runs_that_did_not_fit_are_repeated_with_fewer_at_once(tmp_path: Path) -> None:
    asked = {"methods": ["kd"], "datasets": ["mfeat"], "device": "cuda", "results": tmp_path, "experiment": "e"}
    grid = resolve(GridOptions(**asked, jobs=6, command="cmkd-bench run --device cuda --jobs 6"))
    experiment = Experiment(tmp_path, "e")
    folder = experiment.run(SPEC.id)
    folder.path.mkdir(parents=True)
    write_json(folder.error, {"cause": "out of memory", "message": "full", "traceback": []})
    schedule = Schedule(experiment, {SPEC.id: dataclasses.replace(SPEC, teacher=None)})
    schedule.failed.add(SPEC.id)
    (line,) = advice(schedule, grid)
    assert line.endswith("cmkd-bench run --device cuda --jobs 6 --retry-failed --jobs 3")


def test_the_first_line_says_where_runs_are_made(cmkd: Command) -> None:
    shown = cmkd("run", "--datasets", "mfeat", "--methods", "kd", "--jobs", "2", "--dry-run").stdout
    assert shown.splitlines()[0] == "Device: the CPU, 2 runs at once."
