"""The saved test predictions of an experiment's runs: their metrics, and what is needed to compare them in pairs.

What tables need of a run is far smaller than its logits, so it is kept in one file, `outcomes.npz`; everything in there
can be made anew from the runs' folders.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from cmkd_bench.errors import UserError
from cmkd_bench.files import write_atomically
from cmkd_bench.statistics.metrics import METRICS, Array, Predictions, metrics_of
from cmkd_bench.store import Experiment

VERSION = 1  # raised when the content of the file means something else


@dataclass(frozen=True)
class Outcome:
    """What tables need of a run's predictions.

    Attributes:
        metrics: by name, in percent; the first is the main one.
        samples: digest of the test samples' labels in their order; runs with different ones cannot be paired.
        contributions: of the main metric, (M, K), bool or int32.
    """

    metrics: dict[str, float]
    samples: str
    contributions: Array


class Outcomes:
    """The outcomes of an experiment's runs, read once and kept.

    Args:
        experiment: whose runs; a run without predictions has no outcome.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._path = experiment.path / "outcomes.npz"
        self._stamps: dict[str, tuple[int, int]] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._changed = False
        if self._path.exists():
            self._load()

    def find(self, run_ids: Iterable[str]) -> dict[str, Outcome]:
        """The outcomes of finished runs, by id, and the file of them brought up to date.

        Raises:
            UserError: if predictions are there but cannot be read.
        """
        found = {run_id: outcome for run_id in run_ids if (outcome := self._find(run_id)) is not None}
        if self._changed:
            self._save()
        return found

    def contributions(self, run_id: str, metric: str) -> Array:
        """What each test sample contributes to a metric, (M, K)."""
        outcome = self._outcomes[run_id]
        if metric == next(iter(outcome.metrics)):
            return outcome.contributions
        return METRICS[metric].contributions(_read(self._experiment.run(run_id).predictions))

    def _find(self, run_id: str) -> Outcome | None:
        path = self._experiment.run(run_id).predictions
        try:
            status = os.stat(path)  # noqa: PTH116 (ten thousand of these: a Path's own takes twice as long)
        except FileNotFoundError:
            return None
        stamp = (status.st_size, status.st_mtime_ns)
        if self._stamps.get(run_id) != stamp:
            self._outcomes[run_id] = outcome_of(_read(path))
            self._stamps[run_id] = stamp
            self._changed = True
        return self._outcomes[run_id]

    def _load(self) -> None:
        """Take over the file; one that is damaged or of another version is made anew."""
        try:
            with np.load(self._path, allow_pickle=False) as file:
                stored = dict(file)
            if int(stored["version"]) != VERSION:
                return
            for run_id, stamp, outcome in _unpacked(stored):
                self._stamps[run_id], self._outcomes[run_id] = stamp, outcome
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            self._stamps, self._outcomes = {}, {}

    def _save(self) -> None:
        stored = _packed(self._outcomes, self._stamps)
        write_atomically(self._path, lambda file: np.savez(file, **stored))
        self._changed = False


def outcome_of(predictions: Predictions) -> Outcome:
    """What tables need of predictions: logits (M, C) and labels (M,), or confusion matrices (M, C, C)."""
    metrics = metrics_of(predictions)
    main = next(iter(metrics.values())).contributions(predictions)
    # Label maps are not saved; how many pixels of which class each image has tells the images apart.
    labels = predictions["confusion"].sum(2) if "confusion" in predictions else predictions["labels"]
    content = f"{labels.shape}".encode() + labels.astype("<i4").tobytes()
    return Outcome(
        metrics={name: metric(predictions) for name, metric in metrics.items()},
        samples=hashlib.blake2b(content, digest_size=8).hexdigest(),
        contributions=main if main.dtype == bool else main.astype(np.int32),
    )


def _read(path: Path) -> Predictions:
    try:
        predictions: Predictions = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{path} cannot be read: {error}. Delete the folder {path.parent} and give the command of the experiment "
            "again; only this run is run anew."
        ) from error
    return predictions


def _packed(outcomes: dict[str, Outcome], stamps: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """Outcomes as a few arrays, because ten thousand small ones take seconds to read; booleans as bits."""
    parts = [_bytes(outcome.contributions) for outcome in outcomes.values()]
    return {
        "version": np.array(VERSION),
        "names": np.array(list(METRICS)),
        "runs": np.array(list(outcomes), dtype=np.str_),
        "stamps": np.array([stamps[run_id] for run_id in outcomes], dtype=np.int64).reshape(-1, 2),
        "samples": np.array([outcome.samples for outcome in outcomes.values()], dtype=np.str_),
        "metrics": np.array([[one.metrics.get(name, np.nan) for name in METRICS] for one in outcomes.values()]),
        "is_bool": np.array([outcome.contributions.dtype == bool for outcome in outcomes.values()], dtype=np.bool_),
        "shapes": np.array([one.contributions.shape for one in outcomes.values()], dtype=np.int64).reshape(-1, 2),
        "sizes": np.array([len(part) for part in parts], dtype=np.int64),
        "contributions": np.concatenate([np.zeros(0, np.uint8), *parts]),
    }


def _bytes(contributions: Array) -> Array:
    if contributions.dtype == bool:
        return np.packbits(contributions)
    return np.frombuffer(contributions.astype("<i4").tobytes(), np.uint8)


def _unpacked(stored: dict[str, Array]) -> Iterator[tuple[str, tuple[int, int], Outcome]]:
    names = stored["names"].tolist()
    ends = stored["sizes"].cumsum().tolist()
    starts = [0, *ends[:-1]]
    runs, stamps, samples = (stored[name].tolist() for name in ("runs", "stamps", "samples"))
    values, is_bool, shapes = (stored[name].tolist() for name in ("metrics", "is_bool", "shapes"))
    for i, run_id in enumerate(runs):
        part, shape = stored["contributions"][starts[i] : ends[i]], tuple(shapes[i])
        if is_bool[i]:
            contributions: Array = np.unpackbits(part, count=shape[0] * shape[1]).astype(bool).reshape(shape)
        else:
            contributions = part.view("<i4").reshape(shape)
        metrics = {name: value for name, value in zip(names, values[i], strict=True) if value == value}
        yield run_id, (stamps[i][0], stamps[i][1]), Outcome(metrics, samples[i], contributions)
