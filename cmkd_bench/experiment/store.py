"""Where runs lie: one folder each. A run's state is derived from its folder and stored nowhere else."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import file_lock, read_json, write_json
from cmkd_bench.experiment.spec import RunSpec

RunState = Literal["pending", "running", "interrupted", "done", "failed"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=,-]*")


class Busy(Exception):
    """Another process is working on the run."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run; every file name of the suite's records is a property here."""

    path: Path

    @property
    def spec(self) -> Path:
        """What is run; written before the run starts."""
        return self.path / "spec.json"

    @property
    def checkpoint(self) -> Path:
        """The state after an epoch; gone when the run is done."""
        return self.path / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """The selected student."""
        return self.path / "student.safetensors"

    @property
    def predictions(self) -> Path:
        """Logits and labels of the test part, in the order of the manifest."""
        return self.path / "predictions.safetensors"

    @property
    def history(self) -> Path:
        """Losses, observations and validation accuracy by epoch."""
        return self.path / "history.json"

    @property
    def result(self) -> Path:
        """The result, the same bytes wherever and however often the run was cut off; its presence means done."""
        return self.path / "result.json"

    @property
    def cost(self) -> Path:
        """Seconds, memory, machine and versions: what may differ between two equal runs."""
        return self.path / "cost.json"

    @property
    def error(self) -> Path:
        """Why the run failed."""
        return self.path / "error.json"

    @property
    def heartbeat(self) -> Path:
        """Touched while a process works on the run; left behind by one that was killed."""
        return self.path / "heartbeat"

    @property
    def lock(self) -> Path:
        """Locked by the process that works on the run; the kernel lets go of it when that process dies."""
        return self.path / "lock"

    def state(self) -> RunState:
        """The state, from the files alone."""
        if self.result.exists():
            return "done"
        if self._is_locked():
            return "running"
        if self.error.exists():
            return "failed"
        return "interrupted" if self.checkpoint.exists() else "pending"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run's lock within the block.

        Raises:
            Busy: if another process holds it.
        """
        with file_lock(self.lock, Busy(self.path.name)):
            yield

    def forget_failure(self) -> None:
        """Let a failed run be run again, from its last checkpoint."""
        self.error.unlink(missing_ok=True)

    def discard_leftovers(self) -> None:
        """Remove what a killed process had begun to write; only for who holds the lock."""
        for path in self.path.glob(".*.tmp"):
            path.unlink(missing_ok=True)

    def _is_locked(self) -> bool:
        if not self.lock.exists():
            return False
        try:
            with self.locked():
                return False
        except Busy:
            return True


class Experiment:
    """A folder `results/NAME` with a plan, tables, and `runs/`.

    Args:
        root: the results folder.
        name: letters, digits and `._+=,-`.

    Raises:
        UserError: for a name that could leave the folder.
    """

    def __init__(self, root: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise UserError(f"experiment '{name}': a name of letters, digits and ._+=,- is wanted, and no path.")
        self.root = root
        self.name = name
        self.path = root / name
        self._runs = self.path / "runs"

    @property
    def plan(self) -> Path:
        """The cells of the experiment and the run of each."""
        return self.path / "plan.json"

    @property
    def results(self) -> Path:
        """One row per run."""
        return self.path / "results.csv"

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run."""
        return RunFolder(self._runs / run_id)

    def add(self, spec: RunSpec) -> RunFolder:
        """Make the folder of a run, with what another experiment has of it if it is done there."""
        folder = self.run(spec.id)
        if not folder.spec.exists():
            self._adopt(spec.id)
        if not folder.spec.exists():
            folder.path.mkdir(parents=True, exist_ok=True)
            write_json(folder.spec, spec.to_json())
        return folder

    def read_spec(self, run_id: str) -> RunSpec:
        """What a run is."""
        return RunSpec.from_json(read_json(self.run(run_id).spec))

    def read_result(self, run_id: str) -> dict[str, Any]:
        """The result of a run that is done."""
        result: dict[str, Any] = read_json(self.run(run_id).result)
        return result

    def _adopt(self, run_id: str) -> None:
        """Take over a run that is done in another experiment: the files are linked, not copied, where that works."""
        found = find_done(self, run_id)
        if found is None:
            return
        temporary = self._runs / f".{run_id}.{os.getpid()}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(found.path, temporary, copy_function=_link_or_copy, ignore=_a_process_s_own)
        try:
            temporary.rename(self.run(run_id).path)
        except OSError:  # somebody else was faster
            shutil.rmtree(temporary, ignore_errors=True)


def find_done(experiment: Experiment, run_id: str) -> RunFolder | None:
    """A folder of the run with a result, in this experiment or in another one of the results folder."""
    own = experiment.run(run_id)
    others = (RunFolder(path) for path in sorted(experiment.root.glob(f"*/runs/{run_id}")))
    return next((folder for folder in (own, *others) if folder.result.exists()), None)


def experiment_names(root: Path) -> list[str]:
    """The experiments of a results folder that hold a plan."""
    return sorted(path.parent.name for path in root.glob("*/plan.json"))


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _a_process_s_own(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("lock", "heartbeat")]
