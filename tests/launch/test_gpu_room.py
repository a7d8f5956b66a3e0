"""How many runs share a GPU: its memory is measured by the first run, and no more are started than fit."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from one_spec import SPEC

from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.gpu_room import GpuRoom

GPU, OTHER = "cuda:0", "cuda:1"


def spec(seed: int = 0, **changes: Any) -> RunSpec:
    return dataclasses.replace(SPEC, recipe=(("batch_size", 64), ("epochs", 1)), seed=seed, **changes)


@pytest.fixture
def room() -> GpuRoom:
    """One GPU with 10,000 MB, on which a run of 1,400 MB and the 600 MB of its process has ended."""
    room = GpuRoom()
    room.start(GPU, spec())
    room.measure(GPU, spec(), 1400, 8000)
    room.end(GPU, spec().id)
    return room


def test_nothing_shares_a_gpu_before_its_first_run_is_measured() -> None:
    room = GpuRoom()
    assert room.fits(GPU, spec(0))
    room.start(GPU, spec(0))
    assert not room.fits(GPU, spec(1))
    assert room.fits(OTHER, spec(1))
    room.measure(GPU, spec(0), 1400, 8000)
    assert room.fits(GPU, spec(1))


def test_as_many_runs_as_fit_and_no_more(room: GpuRoom) -> None:
    started = 0
    while room.fits(GPU, spec(started)):
        room.start(GPU, spec(started))
        started += 1
    assert started == 4, "of 2,200 MB each in 9,500 MB: 10 and 95 percent for what was not measured"
    room.end(GPU, spec(2).id)
    assert room.fits(GPU, spec(9))


def test_a_measured_run_counts_with_what_it_takes(room: GpuRoom) -> None:
    for seed in range(4):
        room.start(GPU, spec(seed))
        room.measure(GPU, spec(seed), 1000, 0)
    assert room.fits(GPU, spec(9)), "4 x 1,600 MB, and 2,200 MB"
    room.start(GPU, spec(9))
    assert not room.fits(GPU, spec(10))


def test_an_unmeasured_method_counts_double_and_other_networks_wait_for_an_empty_gpu(room: GpuRoom) -> None:
    for seed in range(2):
        room.start(GPU, spec(seed))
    assert room.fits(GPU, spec(method="c2kd")), "4,400 MB, and 4,000 MB"
    room.start(GPU, spec(2))
    assert not room.fits(GPU, spec(method="c2kd"))
    assert room.fits(GPU, spec(3))
    for changes in ({"student_network": "timm/resnet18"}, {"recipe": (("batch_size", 128),)}, {"dataset": "watch"}):
        other = dataclasses.replace(spec(), **changes)
        assert not room.fits(GPU, other)
        assert room.fits(OTHER, other)


def test_a_late_measurement_of_a_run_that_has_ended_takes_no_room(room: GpuRoom) -> None:
    for seed in range(5, 9):
        room.measure(GPU, spec(seed), 1400, 0)
    room.start(GPU, spec(0))
    assert room.fits(GPU, spec(1))
