"""The test predictions of an exported experiment: classes instead of logits, and for segmentation what mean IoU counts.

All runs with the same test samples share one array, and their labels are stored once. What needs logits (calibration,
top-5) has its value, but cannot be resampled.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cmkd_bench.experiment.archive import FETCH, Archive
from cmkd_bench.experiment.archived_run import archive_of, archive_path
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.statistics.metrics import METRICS, Array, Predictions

NEED_LOGITS = ("ece", "top5")
MOST_CLASSES = 2**14  # their square must fit into memory
_LABELS, _CLASSES, _PARTS = "labels", "classes", "parts"
_BROKEN = (SafetensorError, KeyError, IndexError, TypeError, ValueError, AttributeError)
Reduced = dict[str, Array]  # labels and classes of (M,), or parts of (M, 2C)


def reduced(predictions: Predictions) -> Reduced:
    """Return what is exported of a run's predictions: classes and labels, or for segmentation mean IoU's parts."""
    if "confusion" in predictions:
        return {_PARTS: METRICS["miou"].contributions(predictions).astype(np.int32)}
    classes = predictions["logits"].shape[1]
    kind = np.uint8 if classes <= 256 else np.uint16
    return {
        _LABELS: predictions["labels"].astype(kind),
        _CLASSES: predictions["logits"].argmax(1).astype(kind),
    }


def pack_predictions(runs: Iterable[tuple[str, Reduced]]) -> tuple[bytes, list[int]]:
    """Return the predictions of runs in the format of safetensors, and each run's place among those alike.

    Args:
        runs: of each run the digest of its test samples, and what `reduced` returned.
    """
    arrays: dict[str, Array] = {}
    columns: dict[str, list[Array]] = {}
    places = []
    for samples, found in runs:
        for name, array in found.items():
            if name == _LABELS:
                arrays.setdefault(f"{name}.{samples}", array)
            else:
                columns.setdefault(f"{name}.{samples}", []).append(array)
                places.append(len(columns[f"{name}.{samples}"]) - 1)
    # Runs mostly agree on a sample, so what they say of it is compressed well if it stands together.
    arrays |= {name: np.ascontiguousarray(np.stack(found, 1)) for name, found in columns.items()}
    return save(arrays), places


class ArchivedPredictions:
    """The predictions of an exported experiment's runs; those of trials are not exported.

    All functions raise `Damaged` if they are not what the file's runs say.
    """

    def __init__(self, experiment: Experiment, archive: Archive) -> None:
        self._path, self._runs = archive_path(experiment), archive.runs
        try:
            self._arrays = load(archive.samples)
        except _BROKEN as error:
            raise self._damaged(error) from None

    def metrics(self, run_id: str) -> dict[str, float]:
        """Return the metrics of a run by name, the main one first; empty if it had no predictions."""
        found: dict[str, float] = self._runs[run_id].get("metrics", {})
        return found

    def samples(self, run_id: str) -> str:
        """Return the digest of a run's test samples; empty if its predictions are not exported."""
        return str(self._runs[run_id].get("samples", ""))

    def contributions(self, run_id: str, metric: str) -> Array:
        """Return what each test sample contributes to a metric, (M, K); nothing where there are no predictions."""
        if not self.samples(run_id):
            return np.zeros((0, 1), dtype=bool)
        found = self.reduced(run_id)
        if (parts := found.get(_PARTS)) is None:
            scores = np.eye(self._runs[run_id]["classes"], dtype=np.int8)[found[_CLASSES]]
            return METRICS[metric].contributions({"logits": scores, _LABELS: found[_LABELS]})
        if metric == "miou":
            return parts
        hits, union = np.split(parts, 2, axis=1)
        # The union has each pixel that is wrong twice: once as a label, and once as a prediction.
        return np.stack([hits.sum(1), (hits.sum(1) + union.sum(1)) // 2], 1)

    def reduced(self, run_id: str) -> Reduced:
        """Return the part of a run as `reduced` returned it when the experiment was exported."""
        run = self._runs[run_id]
        try:
            samples, place = run["samples"], run["place"]
            if (parts := self._arrays.get(f"{_PARTS}.{samples}")) is not None:
                return {_PARTS: parts[:, place]}
            labels, classes = self._arrays[f"{_LABELS}.{samples}"], self._arrays[f"{_CLASSES}.{samples}"][:, place]
            if labels.shape != classes.shape or not max(labels.max(), classes.max()) < run["classes"] <= MOST_CLASSES:
                raise ValueError("labels and classes do not match")
        except _BROKEN as error:
            raise self._damaged(error) from None
        return {_LABELS: labels, _CLASSES: classes}

    def _damaged(self, error: Exception) -> Damaged:
        return Damaged(self._path, f"contains predictions that do not belong to its runs: {error}", FETCH)


def archived_predictions(experiment: Experiment) -> ArchivedPredictions | None:
    """Return the predictions of an exported experiment; None if it is none."""
    archive = archive_of(experiment)
    return None if archive is None else ArchivedPredictions(experiment, archive)
