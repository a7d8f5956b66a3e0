"""What is shown while a local grid runs: runs of variants are called by their rows."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from one_spec import SPEC
from rich.console import Console

from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.display import GridDisplay
from cmkd_bench.launch.schedule import Schedule
from cmkd_bench.launch.worker import Message

NAME = "soft [b]"  # no markup
OWN, OTHER = replace(SPEC, teacher=None), replace(SPEC, teacher=None, seed=1)


@pytest.fixture
def schedule(tmp_path: Path) -> Schedule:
    found = Schedule(Experiment(tmp_path, "grid"), {spec.id: spec for spec in (OWN, OTHER)})
    while found.next() is not None:
        pass
    return found


def test_running_runs_are_listed_by_row(schedule: Schedule) -> None:
    file = io.StringIO()
    with GridDisplay(Console(file=file, force_terminal=True, width=100), names={OWN.id: NAME}) as display:
        display.update(schedule, [Message(OWN.id, 3, 9), Message(OTHER.id)])
    shown = [" ".join(line.split()) for line in file.getvalue().splitlines()]
    assert any(f"{NAME} mfeat pixels → fourier, seed 0, epoch 3/9" in line for line in shown)
    assert any("kd mfeat pixels → fourier, seed 1, epoch 0/?" in line for line in shown)


def test_a_run_that_is_waited_for_is_named_by_row(schedule: Schedule) -> None:
    file = io.StringIO()
    schedule.held |= {OWN.id: "n1", OTHER.id: "n2"}
    with GridDisplay(Console(file=file), names={OWN.id: NAME}) as display:
        display.update(schedule, [])
    assert f"{NAME} mfeat pixels → fourier, seed 0 ({OWN.id}): n1" in file.getvalue().replace("\n", " ")
