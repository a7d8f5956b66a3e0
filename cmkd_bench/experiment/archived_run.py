"""Runs as tables read them: from their folders, or else from the file of an exported experiment.

Only what reads uses this. What trains asks for folders, so that no run whose weights are missing is taken for done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from cmkd_bench.experiment.archive import ARCHIVE, Archive, Values, read_bytes, unpack
from cmkd_bench.experiment.run_files import RunFiles
from cmkd_bench.experiment.store import Experiment, RunFolder


@dataclass(frozen=True)
class ArchivedRun(RunFiles):
    """A run of an exported experiment: it has a spec, and a result or an error, but no weights, logits or history."""

    values: Values = field(default_factory=dict, compare=False, repr=False)

    def state(self) -> Literal["done", "failed", "pending"]:
        """Return how the run had ended when it was exported."""
        return "done" if self.is_done() else "failed" if "error" in self.values else "pending"

    def is_done(self) -> bool:
        """Return whether there is a result."""
        return "result" in self.values

    def problem(self) -> None:
        """Return nothing: the whole file was checked."""

    def failure(self) -> dict[str, str] | None:
        """Return why the run failed; None if it did not."""
        return self.values.get("error")

    def read_result(self) -> dict[str, Any]:
        """Return the result."""
        result: dict[str, Any] = self.values["result"]
        return result

    def read_cost(self) -> dict[str, Any]:
        """Return what the run cost."""
        cost: dict[str, Any] = self.values["cost"]
        return cost


def archive_path(experiment: Experiment) -> Path:
    """Return the path of the file from which an experiment without folders is read."""
    return experiment.path / ARCHIVE


def archive_of(experiment: Experiment) -> Archive | None:
    """Return the exported form of an experiment that was imported, or published in this form; otherwise None.

    Raises:
        Damaged: if it was changed.
        OtherVersion: if another version of cmkd-bench wrote it.
    """
    path = archive_path(experiment)
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return _archive_in(path, status.st_mtime_ns, status.st_size)


def stored(experiment: Experiment, run_id: str) -> RunFolder | ArchivedRun:
    """Return a run for reading: its folder, if there is one, replaces the exported run.

    Raises:
        LeadsOut: as `Experiment.run` does.
    """
    owner = experiment.of(run_id)
    folder, archive = owner.run(run_id), archive_of(owner)
    if archive is None or run_id not in archive.runs or folder.path.exists():
        return folder
    return ArchivedRun(folder.path, archive.runs[run_id])


@lru_cache(maxsize=4)
def _archive_in(path: Path, _changed: int, _size: int) -> Archive:
    return unpack(read_bytes(path), path)
