"""The files of a run: their names, and reading and writing those that record how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_json, read_object
from cmkd_bench.experiment.sealed import check_file, read_of_run, seal_of, write_sealed


@dataclass(frozen=True)
class RunFiles:
    """The files of one run; every file name in a run's folder is a property here.

    What is written with a digest is checked when it is read. A file that exists but is damaged counts as missing for
    whoever only needs to know whether the run is done.
    """

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
        """The result, with the same bytes however often the run was interrupted; if it is whole, the run is done."""
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
    def sealed(self) -> tuple[Path, ...]:
        """The files whose digests are in the result."""
        return (self.weights, self.predictions, self.history)

    @property
    def lock(self) -> Path:
        """Locked by the process that works on the run; the kernel releases it when that process dies."""
        return self.path / "lock"

    def is_done(self) -> bool:
        """Return whether the run has a result that is whole."""
        return self.result.exists() and self.problem() is None

    def problem(self) -> Damaged | None:
        """Return what is wrong with the record of how the run ended: its result, or else its error."""
        try:
            if self.result.exists():
                self.read_result()
            else:
                self.failure()
        except Damaged as damage:
            return damage
        return None

    def failure(self) -> dict[str, str] | None:
        """Return why the run failed; None if it did not. A failure that was recorded beside a result does not count.

        Raises:
            Damaged: if the record cannot be read.
        """
        if not self.error.exists() or self.result.exists():
            return None
        found = read_object(self.error)
        if not all(isinstance(found.get(name), str) for name in ("cause", "message")):
            raise Damaged(self.error, "does not say why the run failed")
        return found

    def has_failed(self) -> bool:
        """Return whether the run failed, as far as that can be read."""
        try:
            return self.failure() is not None
        except Damaged:
            return False

    def read_result(self) -> dict[str, Any]:
        """Return the result.

        Raises:
            Damaged: if it is missing or damaged.
        """
        return read_of_run(self.result)

    def read_cost(self) -> dict[str, Any]:
        """Return what the run cost.

        Raises:
            Damaged: if that is missing or damaged.
        """
        return read_of_run(self.cost)

    def read_history(self) -> list[dict[str, Any]]:
        """Return the record of each epoch of a run that is done; empty if its result knows of none.

        Raises:
            Damaged: if it is missing or damaged.
        """
        self.check(self.history)
        history: list[dict[str, Any]] = read_json(self.history) if self.history.exists() else []
        return history

    def check(self, path: Path, *, read: bool = True) -> None:
        """Compare a file of a run that is done with the size and digest in its result.

        Raises:
            Damaged: if the file differs, or the result is damaged.
        """
        seals = self.read_result()["files"]
        if path.name in seals:
            check_file(path, seals[path.name], read=read)

    def write_cost(self, values: Mapping[str, Any]) -> None:
        """Write what the run cost."""
        write_sealed(self.cost, {**values, "run_id": self.path.name}, durable=False)

    def write_result(self, values: Mapping[str, Any]) -> None:
        """Write the result with the digests of the run's other files, which must be there already."""
        files = {path.name: seal_of(path) for path in self.sealed if path.exists()}
        write_sealed(self.result, {**values, "run_id": self.path.name, "files": files})
