"""Results say where they were made, and a table that mixes devices says so."""

from __future__ import annotations

from collections.abc import Callable

from cmkd_bench.api import load_runs
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import leaderboard

Build = Callable[..., Experiment]
SHARES = {"none": 0.5, "kd": 0.7}


def made_on(experiment: Experiment, devices: list[str]) -> list[str]:
    """Record where runs were made, in their order, and return the notes below the leaderboard."""
    runs = load_runs("made", experiment.root)
    for run_id, device in zip(runs.run_id, devices, strict=False):
        folder = experiment.run(run_id)
        folder.write_cost({**folder.read_cost(), "device": device})
    return leaderboard(read_plan(experiment), load_runs("made", experiment.root)).notes


def test_each_run_says_where_it_was_made(build: Build) -> None:
    experiment = build(SHARES, seeds=1, directions=1)
    made_on(experiment, ["x86_64", "NVIDIA H100"])
    assert list(load_runs("made", experiment.root).device)[:2] == ["x86_64", "NVIDIA H100"]


def test_a_table_of_one_device_needs_no_note(build: Build) -> None:
    experiment = build(SHARES, seeds=1, directions=1)
    assert not [note for note in made_on(experiment, ["x86_64"] * 9) if "device" in note]


def test_a_table_of_several_devices_names_them(build: Build) -> None:
    experiment = build(SHARES, seeds=1, directions=1)
    (note,) = (one for one in made_on(experiment, ["x86_64", "NVIDIA H100", "x86_64"]) if "device" in one)
    assert "2 on x86_64" in note
    assert "1 on NVIDIA H100" in note
