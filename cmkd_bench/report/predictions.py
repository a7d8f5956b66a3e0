"""The saved test predictions of an experiment's runs: their metrics, and what paired comparisons need.

What tables need of a run is far smaller than its logits, so it is kept in one file, which can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from cmkd_bench.experiment.archived_run import ArchivedRun, stored
from cmkd_bench.experiment.containment import NotJson, parse_bounded
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import write_bytes
from cmkd_bench.experiment.store import Experiment, RunFolder
from cmkd_bench.report.archived_predictions import NEED_LOGITS, archived_predictions
from cmkd_bench.statistics.metrics import METRICS, Array, Predictions, metrics_of

CACHE = "predictions-cache.safetensors"
VERSION = 1  # raised when the content of the file means something else


@dataclass(frozen=True)
class PredictionScores:
    """What tables need of a run's predictions."""

    metrics: dict[str, float]  # by name, in percent; the first is the main one
    samples: str  # digest of the test samples' labels in their order; runs with different ones cannot be paired
    contributions: Array  # of the main metric, (M, K), bool or int32


class SavedPredictions(Protocol):
    """What tables need of the saved predictions of one or several experiments."""

    def find(self, run_ids: Iterable[str]) -> dict[str, PredictionScores]:
        """Return the scores of finished runs by id."""

    def contributions(self, run_id: str, metric: str) -> Array:
        """Return what each test sample contributes to a metric, (M, K)."""

    def lacks_logits(self, run_ids: Iterable[str], metric: str) -> bool:
        """Return whether a metric needs logits of runs that were exported without."""


class PredictionCache:
    """The prediction scores of an experiment's runs, each computed once; runs without predictions have none."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._path = experiment.path / CACHE
        self._stamps: dict[str, list[int]] = {}
        self._scores: dict[str, PredictionScores] = {}
        self._changed = False
        self._archived = archived_predictions(experiment)
        if self._path.exists():
            self._load()

    def find(self, run_ids: Iterable[str]) -> dict[str, PredictionScores]:
        """Return the scores of finished runs by id, and bring the file up to date.

        Damaged predictions are left out; the experiment remembers them.
        """
        found = {run_id: scores for run_id in run_ids if (scores := self._find(run_id)) is not None}
        if self._changed:
            self._save()
        return found

    def contributions(self, run_id: str, metric: str) -> Array:
        """Return what each test sample contributes to a metric, (M, K)."""
        if self._archived is not None and isinstance(stored(self._experiment, run_id), ArchivedRun):
            return self._archived.contributions(run_id, metric)
        scores = self._scores[run_id]
        if metric == next(iter(scores.metrics)):
            return scores.contributions
        return METRICS[metric].contributions(read_predictions(self._experiment.run(run_id)))

    def lacks_logits(self, run_ids: Iterable[str], metric: str) -> bool:
        """Return whether a metric needs logits of runs that were exported without."""
        return metric in NEED_LOGITS and any(isinstance(stored(self._experiment, one), ArchivedRun) for one in run_ids)

    def _find(self, run_id: str) -> PredictionScores | None:
        folder = stored(self._experiment, run_id)
        if isinstance(folder, ArchivedRun):
            return self._find_archived(run_id)
        try:
            status = os.stat(folder.predictions)  # noqa: PTH116 (ten thousand: a Path's own takes twice as long)
            stamp = [status.st_size, status.st_mtime_ns]
            if self._stamps.get(run_id) != stamp:
                self._scores[run_id], self._stamps[run_id] = score_predictions(read_predictions(folder)), stamp
                self._changed = True
        except FileNotFoundError:
            return None
        except Damaged as damage:
            self._experiment.note(damage)
            return None
        return self._scores[run_id]

    def _find_archived(self, run_id: str) -> PredictionScores | None:
        if self._archived is None or not (metrics := self._archived.metrics(run_id)):
            return None
        main = next(iter(metrics))
        return PredictionScores(metrics, self._archived.samples(run_id), self._archived.contributions(run_id, main))

    def _load(self) -> None:
        """Read the file; one that is damaged or of another version is replaced later."""
        try:
            with safe_open(self._path, "numpy") as file:
                stored = parse_bounded(file.metadata()["runs"].encode())
                if stored.pop("version") == VERSION:
                    for run_id, (stamp, metrics, samples) in stored.items():
                        self._scores[run_id] = PredictionScores(metrics, samples, file.get_tensor(run_id))
                        self._stamps[run_id] = stamp
        except (OSError, SafetensorError, NotJson, ValueError, KeyError, TypeError):
            self._stamps, self._scores = {}, {}

    def _save(self) -> None:
        runs = {run_id: (self._stamps[run_id], one.metrics, one.samples) for run_id, one in self._scores.items()}
        arrays = {run_id: one.contributions for run_id, one in self._scores.items()}
        write_bytes(self._path, save(arrays, {"runs": json.dumps({"version": VERSION, **runs})}))
        self._changed = False


def score_predictions(predictions: Predictions) -> PredictionScores:
    """Score a run's predictions: logits (M, C) and labels (M,), or confusion matrices (M, C, C)."""
    metrics = metrics_of(predictions)
    main = next(iter(metrics.values())).contributions(predictions)
    # Label maps are not saved; how many pixels of which class each image has tells the images apart.
    labels = predictions["confusion"].sum(2) if "confusion" in predictions else predictions["labels"]
    content = f"{labels.shape}".encode() + labels.astype("<i4").tobytes()
    return PredictionScores(
        metrics={name: metric(predictions) for name, metric in metrics.items()},
        samples=hashlib.blake2b(content, digest_size=8).hexdigest(),
        contributions=np.ascontiguousarray(main if main.dtype == bool else main.astype(np.int32)),
    )


def read_predictions(folder: RunFolder) -> Predictions:
    """Return a run's predictions: logits (M, C) and labels (M,), or confusion matrices (M, C, C).

    Raises:
        Damaged: if they are damaged.
        FileNotFoundError: if there are none.
    """
    folder.check(folder.predictions)
    try:
        predictions: Predictions = load_file(folder.predictions)
    except SafetensorError as error:
        raise Damaged(folder.predictions, f"cannot be read: {error}") from error
    return predictions
