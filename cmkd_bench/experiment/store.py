"""The folders of runs. A run's state is derived from its folder and is stored nowhere else."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from cmkd_bench.errors import UserError, shortened
from cmkd_bench.experiment.archive import ARCHIVE
from cmkd_bench.experiment.containment import LeadsOut, check_folder, check_run_id
from cmkd_bench.experiment.damage import REWRITE, Damaged, OtherVersion
from cmkd_bench.experiment.files import (
    ASIDE,
    discard_temporary,
    file_lock,
    is_locked,
    read_object,
    set_aside,
    write_json,
)
from cmkd_bench.experiment.run_files import RunFiles
from cmkd_bench.experiment.spec import RESULTS_VERSION, RunSpec

RunState = Literal["pending", "running", "interrupted", "done", "failed", "damaged"]
MOST_CHARACTERS = 200  # file systems allow 255 bytes
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=,-]*")
_PLANS = ("plan.json", ARCHIVE)  # what makes a folder an experiment


class Busy(Exception):
    """Another process is working on the run."""


class RunFolder(RunFiles):
    """The folder of one run: its state, its lock, and what is left behind or set aside there."""

    def state(self) -> RunState:
        """Return the state, derived only from the files."""
        problem = self.problem()
        if problem is None and self.result.exists():
            return "done"
        if self.is_locked():
            return "running"
        if problem is not None:
            return "damaged"
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

    def has_leftovers(self) -> bool:
        """Return whether a process that ended, or another one at the same time, left something behind."""
        ended = self.result.exists() or self.error.exists()
        return (ended and self.heartbeat.exists()) or (self.result.exists() and self.error.exists())

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
        """Remove what a killed process left behind; only the holder of the lock and of the claim may call this."""
        discard_temporary(self.path)
        if self.is_done():
            self.error.unlink(missing_ok=True)
            self.checkpoint.unlink(missing_ok=True)

    def set_aside(self, damage: Damaged) -> str:
        """Rename a damaged file to `NAME.damaged` so that the run is repeated, and say so in one line.

        Whatever is damaged, the result no longer stands for the files beside it, so it is set aside too. Only the
        holder of the lock may call this.
        """
        there = damage.path.exists()
        aside = set_aside(damage.path)
        own = damage.path.parent == self.path and damage.path not in (self.checkpoint, self.error, self.result)
        with_result = own and self.result.exists()
        if with_result:
            set_aside(self.result)
        with_it = f", together with {self.result.name}" if with_result else ""
        kept = f"It is set aside as {aside.name}{with_it}" if there else f"{self.result.name} is set aside"
        return f"{damage.path} {damage.reason}. {kept}; the run is repeated."

    def is_locked(self) -> bool:
        """Return whether a process on this machine works on the run."""
        return is_locked(self.lock)


class Experiment:
    """A folder `results/NAME` with a plan, tables and `runs/`.

    Args:
        root: the results folder.
        name: letters, digits and `._+=,-`.

    Raises:
        UserError: for a name that could lead out of the folder or is too long, or if the results folder is a file.
    """

    def __init__(self, root: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            text = f"experiment '{shortened(name)}': expected a name of letters, digits and ._+=,- and not a path."
            raise UserError(text)
        if len(name) > MOST_CHARACTERS:
            raise UserError(f"experiment '{shortened(name)}': expected at most {MOST_CHARACTERS} characters.")
        check_results_folder(root)
        self.root = root
        self.name = name
        self.path = root / name
        self._runs = self.path / "runs"
        self._checked: set[str] = set()
        self.damaged: dict[Path, Damaged] = {}

    def note(self, damage: Damaged) -> None:
        """Remember a damaged file that a reader goes on without, so that the command can name it."""
        self.damaged[damage.path] = damage

    @property
    def plan(self) -> Path:
        """The cells of the experiment and their runs."""
        return self.path / "plan.json"

    @property
    def results(self) -> Path:
        """One row per cell of the tables."""
        return self.path / "results.csv"

    @property
    def runs(self) -> Path:
        """One row per run."""
        return self.path / "runs.csv"

    def of(self, run_id: str) -> Experiment:
        """Return the experiment that has a run: this one, unless several are read as one."""
        return self

    def run(self, run_id: str) -> RunFolder:
        """Return the folder of a run.

        Raises:
            LeadsOut: if the id is none, or if the folder or a file in it is a link out of the experiment.
        """
        if run_id not in self._checked:
            check_folder(self._runs / check_run_id(run_id), self.path)
            self._checked.add(run_id)
        return RunFolder(self._runs / run_id)

    def add(self, spec: RunSpec) -> RunFolder:
        """Create the folder of a run; if another experiment has finished the run, adopt its files."""
        folder = self.run(spec.id)
        if not folder.spec.exists():
            self._adopt(spec.id)
        if not folder.spec.exists():
            folder.path.mkdir(parents=True, exist_ok=True)
            write_json(folder.spec, spec.to_json(), durable=False)  # every command writes it anew if it is lost
        return folder

    def read_spec(self, run_id: str) -> RunSpec:
        """Return the spec of a run.

        Raises:
            Damaged: if it is missing or damaged, or does not belong to this run.
            OtherVersion: if another version of cmkd-bench wrote it.
        """
        path = self.run(run_id).spec
        values = read_object(path, REWRITE)
        try:
            spec = RunSpec.from_json(values)
            if spec.id == run_id and spec.version == RESULTS_VERSION:
                return spec
        except (KeyError, TypeError, AttributeError, ValueError):
            spec = None
        version = values.get("version")
        if isinstance(version, int) and version != RESULTS_VERSION and (spec is None or spec.id == run_id):
            raise OtherVersion(path, version, RESULTS_VERSION)
        reason = "is not the spec of a run" if spec is None else f"belongs to run {spec.id}, as its hash shows"
        raise Damaged(path, reason, REWRITE)

    def read_result(self, run_id: str) -> dict[str, Any]:
        """Return the result of a finished run.

        Raises:
            Damaged: if it is missing or damaged.
        """
        return self.run(run_id).read_result()

    def read_history(self, run_id: str) -> list[dict[str, Any]]:
        """Return the record of each epoch of a run; empty if it is not done, or, which is noted, if it is damaged."""
        folder = self.run(run_id)
        try:
            return folder.read_history() if folder.result.exists() else []
        except Damaged as damage:
            self.note(damage)
            return []

    def _adopt(self, run_id: str) -> None:
        """Adopt a run that is done in another experiment; its files are hard links if possible, otherwise copies."""
        found = find_done(self, run_id)
        if found is None:
            return
        temporary = self._runs / f".{run_id}.{os.getpid()}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(found.path, temporary, copy_function=_link_or_copy, ignore=_not_of_a_result)
        try:
            temporary.rename(self.run(run_id).path)
        except OSError:  # another process was faster
            shutil.rmtree(temporary, ignore_errors=True)


def find_done(experiment: Experiment, run_id: str) -> RunFolder | None:
    """Return a folder of the run with a whole result, in this or another experiment of the results folder."""
    own = experiment.run(run_id)
    if own.is_done():
        return own
    names = sorted(path.parent.parent.name for path in experiment.root.glob(f"*/runs/{run_id}"))
    others = (Experiment(experiment.root, name) for name in names if _NAME.fullmatch(name) and name != experiment.name)
    return next((other.run(run_id) for other in others if _may_be_adopted(other, run_id)), None)


def _may_be_adopted(other: Experiment, run_id: str) -> bool:
    """Return whether a run is done elsewhere, with no file cut off; their digests are checked where they are read.

    A run that is damaged there is none of this experiment's business: it is trained here.
    """
    try:
        folder = other.run(run_id)
        other.read_spec(run_id)
        for path in folder.sealed:
            if path.exists():
                folder.check(path, read=False)
        folder.read_cost()
    except (Damaged, OtherVersion, LeadsOut):
        return False
    return True


def check_results_folder(root: Path) -> None:
    """Check that a results folder is a folder, or can become one.

    Raises:
        UserError: if it is a file, or below one.
    """
    existing = next((path for path in (root, *root.absolute().parents) if os.path.lexists(path)), root)
    if not existing.is_dir() and os.path.lexists(existing):
        raise UserError(
            f"--results {shortened(str(root))}: {shortened(str(existing))} is not a folder. Give the folder that "
            "contains the experiments, or a new one."
        )


def experiment_names(root: Path) -> list[str]:
    """Return the names of the experiments in a results folder that have a plan, or are an exported file.

    Raises:
        UserError: if the results folder is a file.
    """
    check_results_folder(root)
    return sorted({path.parent.name for name in _PLANS for path in root.glob(f"*/{name}")})


def last_change(root: Path, name: str) -> float:
    """Return when an experiment that `experiment_names` returned last changed, in seconds since the epoch."""
    return max(path.stat().st_mtime for one in _PLANS if (path := root / name / one).exists())


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _not_of_a_result(_folder: str, names: list[str]) -> list[str]:
    """Return what only a process at work needs, or was set aside."""
    own = ("lock", "heartbeat", "error.json", "checkpoint.pt")
    return [name for name in names if name in own or name.endswith((".tmp", ASIDE))]
