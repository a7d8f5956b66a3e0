"""Find damaged files among the runs of an experiment, and set them aside so that the runs are repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.heartbeat import is_alive_elsewhere
from cmkd_bench.experiment.sealed import check_file
from cmkd_bench.experiment.store import Busy, Experiment, RunFolder


def damage_of(folder: RunFolder, reads: Callable[[Path], bool] = lambda path: True) -> Iterator[Damaged]:
    """Yield what is damaged in the folder of a run, apart from its spec and its checkpoint.

    Weights and predictions that are gone are no damage: users remove them to save space.

    Args:
        folder: the folder.
        reads: whether to read a file whose digest is in the result; if not, only its size is compared.
    """
    if (problem := folder.problem()) is not None:
        yield problem
    elif folder.result.exists():
        yield from _caught(folder.read_cost)
        seals = folder.read_result()["files"]
        for path in folder.sealed:
            if path.name in seals and path.exists():
                yield from _caught(partial(check_file, path, seals[path.name], read=reads(path)))


def mend(experiment: Experiment, run_ids: Iterable[str]) -> list[str]:
    """Set aside what is damaged in the folders of runs, and remove what killed processes left behind.

    Weights and predictions are compared by size, and read only where a reader has noted that they are damaged. Runs
    that another process works on are left alone.

    Returns:
        one line for each damaged file.
    """

    def reads(path: Path) -> bool:
        return path.suffix == ".json" or path in experiment.damaged

    lines = []
    for run_id in run_ids:
        folder = experiment.run(run_id)
        damaged = list(damage_of(folder, reads))
        if not (damaged or folder.has_leftovers()) or is_alive_elsewhere(folder.heartbeat):
            continue
        try:
            with folder.locked():
                lines += [folder.set_aside(one) for one in damaged]
                folder.heartbeat.unlink(missing_ok=True)
                folder.discard_leftovers()
        except Busy:
            pass
    experiment.damaged.clear()
    return lines


def _caught(read: Callable[[], object]) -> Iterator[Damaged]:
    try:
        read()
    except Damaged as damage:
        yield damage
