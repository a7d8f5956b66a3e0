"""The runs of variants on a cluster are called by their rows, wherever they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command
from planned_grid import FakeSlurm, Planned, planned

from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.record import write_plan

NAME = "c2kd without selection"


@pytest.fixture
def variants(slurm: FakeSlurm, tmp_path: Path) -> Planned:
    """One teacher with two students, both by kd, the second a variant."""
    found = planned(tmp_path / "results", teachers=1, students=2)
    plan = read_json(found.experiment.plan)
    for cell, name in zip(plan["cells"], ("", NAME), strict=True):
        cell |= {"method": "kd", "variant": name}
    write_plan(found.experiment, plan)
    return found


def test_a_survey_knows_the_rows_of_runs(variants: Planned) -> None:
    seen = variants.survey()
    assert [seen.row_of(spec) for spec in variants.specs] == ["none", "kd", NAME]


@pytest.mark.parametrize("command", [["status"], ["watch", "--every", "1"]])
def test_displays_name_the_rows_and_retry_takes_their_runs(
    variants: Planned, slurm: FakeSlurm, cmkd: Command, command: list[str]
) -> None:
    variants.submit()
    *others, own = (spec.id for spec in variants.specs)
    for run_id in others:
        variants.experiment.run(run_id).write_cost({"seconds": 1.0})
        variants.finish(run_id)
    write_json(variants.experiment.run(own).error, {"cause": "bad data", "message": "no file", "traceback": []})
    for job in slurm.jobs():
        slurm.change(job, state="FAILED")
    done = cmkd(*command, "grid")
    assert done.returncode == 3, done.stderr
    assert f"{NAME} mfeat pixels → fourier, seed 0 ({own}): no file" in done.stdout
    rows = [line.split("│")[2].strip() for line in done.stdout.splitlines() if line.startswith("│")]
    assert rows == ["none", "kd", NAME]
    again = cmkd("retry", "grid")
    assert again.returncode == 0, again.stderr
    assert "submitted 1 runs in 1 jobs" in again.stdout
