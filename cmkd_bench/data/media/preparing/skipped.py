"""Clips that cannot be used, with reasons: stored while a set is prepared, and written for the user to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cmkd_bench.data.media.catalogue import Catalogue, Skipped
from cmkd_bench.data.media.integrity import repair_of
from cmkd_bench.data.media.prepared import SetFolder
from cmkd_bench.data.media.preparing.columns import StoredColumn
from cmkd_bench.experiment.csv_text import write_csv
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_object, write_json, write_text

FIELDS = ("sample_id", "modality", "path", "reason")


class Reasons:
    """The reasons by column and row, saved by rename."""

    def __init__(self, folder: SetFolder) -> None:
        self._path = folder.skipped
        repair = repair_of(folder.dataset)
        stored = read_object(self._path, repair) if self._path.exists() else {}
        try:
            self._reasons: dict[str, dict[int, str]] = {
                column: {int(row): str(reason) for row, reason in rows.items()} for column, rows in stored.items()
            }
        except (AttributeError, ValueError) as error:
            raise Damaged(self._path, "does not list reasons by column and row", repair) from error
        self._saved = self._path.is_file()

    def __len__(self) -> int:
        return sum(map(len, self._reasons.values()))

    def add(self, column: str, row: int, reason: str) -> None:
        """Record why a clip cannot be used."""
        self._reasons.setdefault(column, {})[row] = reason
        self._saved = False

    def of(self, column: str) -> dict[int, str]:
        """Return the reasons of a column by row."""
        return self._reasons.get(column, {})

    def forget(self) -> None:
        """Forget all reasons, so that everything is retried."""
        self._reasons, self._saved = {}, False

    def save(self) -> None:
        """Write new reasons."""
        if not self._saved:
            write_json(
                self._path, {name: {str(row): rows[row] for row in rows} for name, rows in self._reasons.items()}
            )
            self._saved = True


def list_skipped(catalogue: Catalogue, columns: Sequence[StoredColumn], reasons: Reasons) -> list[Skipped]:
    """Return everything that is left out: annotation lines first, then bad clips in the order of the samples."""
    bad = [
        (row, number, Skipped(str(catalogue.sample_ids[row]), column.name, column.clips[row].path, reason))
        for number, column in enumerate(columns)
        for row, reason in reasons.of(column.name).items()
    ]
    return [*catalogue.skipped, *(skipped for _, _, skipped in sorted(bad, key=lambda entry: entry[:2]))]


def write_skipped(path: Path, skipped: Sequence[Skipped]) -> None:
    """Write skipped.csv of a dataset for the set that was prepared last, regardless of other sets."""
    write_text(path, write_csv(FIELDS, ([one.sample_id, one.modality, one.path, one.reason] for one in skipped)))


def count_reasons(skipped: Sequence[Skipped]) -> Counter[str]:
    """Return how often each reason occurs, without its details; a file that two modalities share counts once."""
    distinct = dict.fromkeys((one.sample_id, one.path, one.reason) for one in skipped)
    return Counter(reason.partition(":")[0] for _, _, reason in distinct)
