"""A job whose machine is at fault: it ends, says why in two places, and its runs wait instead of having failed."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from planned_grid import FakeSlurm, Planned

from cmkd_bench.errors import EnvironmentFault
from cmkd_bench.experiment.files import read_json
from cmkd_bench.launch.slurm.job import FAULT_CODE, Job
from cmkd_bench.launch.slurm.ledger import Ledger

FAULT = EnvironmentFault("/results/checkpoint.pt: the disk is full. Make room.", errno.ENOSPC)


@pytest.fixture
def faulty(grid: Planned, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """A submitted grid whose first job ended on a full disk."""

    def meet_a_fault(*_: Any) -> None:
        raise FAULT

    grid.submit()
    monkeypatch.setattr(Job, "_run", meet_a_fault)
    one = Ledger(grid.experiment).submissions()[0]
    with pytest.raises(SystemExit) as ended:
        Job()(str(Ledger(grid.experiment).file(one)), 0)
    assert ended.value.code == FAULT_CODE
    slurm.change("100_0", state="FAILED", reason="NonZeroExitCode")
    return grid


def test_the_run_waits_for_a_command_that_submits_it_again(faulty: Planned, capfd: pytest.CaptureFixture[str]) -> None:
    status = faulty.survey().statuses[faulty.teachers[0]]
    assert status.kind == "waiting"
    assert status.message == f"job 100_0 was stopped by its machine: {FAULT}"
    assert not list(faulty.experiment.path.rglob("error.json"))
    assert faulty.teachers[0] in faulty.submit().submitted


def test_the_log_alone_is_enough(faulty: Planned) -> None:
    ledger = Ledger(faulty.experiment)
    one = ledger.submissions()[0]
    assert read_json(ledger.started(one, 0))["fault"] == str(FAULT)
    ledger.started(one, 0).unlink()
    ledger.log(one, 0).write_text(f"warning\nfault of this machine: {FAULT}\n")
    status = faulty.survey().statuses[faulty.teachers[0]]
    assert (status.kind, status.message.partition(": ")[2]) == ("waiting", str(FAULT))
