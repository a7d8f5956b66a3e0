"""The folders of runs. A run's state is derived from its folder and is stored nowhere else."""

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
    """The files of one run; every file name in a run's folder is a property here."""

    path: Path

    @property
    def spec(self) -> Path:
        """The spec of the run; written before the run starts."""
        return self.path / "spec.json"

    @property
    def checkpoint(self) -> Path:
        """The state after an epoch; removed when the run is done."""
        return self.path / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """The weights of the selected student."""
        return self.path / "student.safetensors"

    @property
    def predictions(self) -> Path:
        """Logits and labels of the test part, in the order of the manifest."""
        return self.path / "predictions.safetensors"

    @property
    def history(self) -> Path:
        """Losses, logged values and validation scores by epoch."""
        return self.path / "history.json"

    @property
    def result(self) -> Path:
        """The result, with the same bytes however often the run was interrupted; its presence means done."""
        return self.path / "result.json"

    @property
    def cost(self) -> Path:
        """Seconds, memory, machine and versions, which may differ between equal runs."""
        return self.path / "cost.json"

    @property
    def error(self) -> Path:
        """The reason why the run failed."""
        return self.path / "error.json"

    @property
    def heartbeat(self) -> Path:
        """Touched while a process works on the run; a killed process leaves it behind."""
        return self.path / "heartbeat"

    @property
    def lock(self) -> Path:
        """Locked by the process that works on the run; the kernel releases it when that process dies."""
        return self.path / "lock"

    def state(self) -> RunState:
        """Return the state, derived only from the files."""
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
        """Allow a failed run to be rerun from its last checkpoint."""
        self.error.unlink(missing_ok=True)

    def discard(self) -> bool:
        """Make the run pending again, unless a process works on it; return whether anything was removed.

        Other experiments that share its files as hard links keep them.

        Raises:
            Busy: if another process holds the run's lock.
        """
        if not self.path.exists():
            return False
        with self.locked():
            # The result goes first: without the other files it would pass for a run that is done.
            files = [self.result, *(path for path in self.path.iterdir() if path not in (self.spec, self.lock))]
            found = [path for path in files if path.exists()]
            for path in found:
                path.unlink(missing_ok=True)
        return bool(found)

    def discard_leftovers(self) -> None:
        """Remove files that a killed process left unfinished; only the holder of the lock may call this."""
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
    """A folder `results/NAME` with a plan, tables and `runs/`.

    Args:
        root: the results folder.
        name: letters, digits and `._+=,-`.

    Raises:
        UserError: for a name that could lead out of the folder.
    """

    def __init__(self, root: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise UserError(f"experiment '{name}': expected a name of letters, digits and ._+=,- and not a path.")
        self.root = root
        self.name = name
        self.path = root / name
        self._runs = self.path / "runs"

    @property
    def plan(self) -> Path:
        """The cells of the experiment and their runs."""
        return self.path / "plan.json"

    @property
    def results(self) -> Path:
        """One row per run."""
        return self.path / "results.csv"

    def run(self, run_id: str) -> RunFolder:
        """Return the folder of a run."""
        return RunFolder(self._runs / run_id)

    def add(self, spec: RunSpec) -> RunFolder:
        """Create the folder of a run; if another experiment has finished the run, adopt its files."""
        folder = self.run(spec.id)
        if not folder.spec.exists():
            self._adopt(spec.id)
        if not folder.spec.exists():
            folder.path.mkdir(parents=True, exist_ok=True)
            write_json(folder.spec, spec.to_json())
        return folder

    def read_spec(self, run_id: str) -> RunSpec:
        """Return the spec of a run."""
        return RunSpec.from_json(read_json(self.run(run_id).spec))

    def read_result(self, run_id: str) -> dict[str, Any]:
        """Return the result of a finished run."""
        result: dict[str, Any] = read_json(self.run(run_id).result)
        return result

    def _adopt(self, run_id: str) -> None:
        """Adopt a run that is done in another experiment; its files are hard links if possible, otherwise copies."""
        found = find_done(self, run_id)
        if found is None:
            return
        temporary = self._runs / f".{run_id}.{os.getpid()}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(found.path, temporary, copy_function=_link_or_copy, ignore=_a_process_s_own)
        try:
            temporary.rename(self.run(run_id).path)
        except OSError:  # another process was faster
            shutil.rmtree(temporary, ignore_errors=True)


def find_done(experiment: Experiment, run_id: str) -> RunFolder | None:
    """Return a folder of the run with a result, in this or another experiment of the results folder."""
    own = experiment.run(run_id)
    others = (RunFolder(path) for path in sorted(experiment.root.glob(f"*/runs/{run_id}")))
    return next((folder for folder in (own, *others) if folder.result.exists()), None)


def experiment_names(root: Path) -> list[str]:
    """Return the names of the experiments in a results folder that have a plan."""
    return sorted(path.parent.name for path in root.glob("*/plan.json"))


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _a_process_s_own(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("lock", "heartbeat")]
