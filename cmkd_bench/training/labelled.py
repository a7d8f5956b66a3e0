"""The samples of a part whose labels may be seen, drawn from the run's seed; a smaller set is part of a larger one."""

from __future__ import annotations

import math

import numpy as np

from cmkd_bench.experiment.label_budget import LabelBudget, per_class
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.training.seeding import permutation


def rows_for(spec: RunSpec, part: str, labels: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Return the positions in a part whose labels a run may see.

    Args:
        spec: spec of the run.
        part: name of the part.
        labels: (M,) of the part.
        groups: (M,) of the part, if the dataset has groups.

    Raises:
        ValueError: if whole groups are asked for and there are none.
    """
    if dict(spec.supervision).get("labels_by") != "group":
        return labelled_rows(labels, spec.labels, spec.seed, part)
    if groups is None:
        raise ValueError(f"labels_by=group, but '{spec.dataset}' has no groups")
    return labelled_rows(labels, spec.labels, spec.seed, part, groups)


def labelled_rows(
    labels: np.ndarray, budget: LabelBudget, seed: int, part: str = "train", groups: np.ndarray | None = None
) -> np.ndarray:
    """Return the positions of the samples whose labels may be seen, sorted: at least one of every class.

    By class, each class gives the share, rounded half up, or the number. By group, the fewest groups are taken, in a
    random order, that have the share of the samples, or the number of each class.

    Args:
        labels: (M,) int64, of the whole part; zeros for segmentation, which has one class of images here.
        budget: a share, or a number per class.
        seed: seed of the run.
        part: name of the part; each has its own draw.
        groups: (M,) groups, to draw whole groups; None to draw by class.
    """
    if groups is not None:
        return _by_group(labels, budget, seed, part, groups)
    order = permutation(len(labels), seed, "labels", part).numpy()
    by_class = [order[labels[order] == label] for label in np.unique(labels)]
    return np.sort(np.concatenate([rows[: _wanted(budget, len(rows))] for rows in by_class]))


def _by_group(labels: np.ndarray, budget: LabelBudget, seed: int, part: str, groups: np.ndarray) -> np.ndarray:
    names, group_of = np.unique(groups, return_inverse=True)
    place = np.empty(len(names), np.int64)
    place[permutation(len(names), seed, "labeled groups", part).numpy()] = np.arange(len(names))
    places = place[group_of]  # (M,), when the group of each sample is taken
    number = per_class(budget)
    needed = [(places[labels == label], number or 1) for label in np.unique(labels)]
    if number is None:
        needed.append((places, math.ceil(float(budget) * len(labels) - 1e-9)))
    last = max(np.sort(own)[min(count, len(own)) - 1] for own, count in needed)
    return np.flatnonzero(places <= last)


def _wanted(budget: LabelBudget, available: int) -> int:
    """Return how many of the samples of a class are labeled."""
    number = per_class(budget)
    return number if number is not None else max(1, math.floor(float(budget) * available + 0.5))
