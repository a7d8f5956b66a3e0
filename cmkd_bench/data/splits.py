"""Fixed splits, stratified by class or by subject, and checks that no part leaks into another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from cmkd_bench.dataset import PARTS
from cmkd_bench.errors import UserError


def stratified(
    labels: np.ndarray, shares: Sequence[float], seed: int, groups: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return parts that keep the class proportions and, if groups are given, never share a group.

    Args:
        labels: (N,) integers.
        shares: shares of train, validation and test; they sum to 1.
        seed: the split's own seed, which is not the run's.
        groups: (N,) what must stay together; each group lies within one class.

    Returns:
        The rows of each part, sorted. Sizes are exact within a class unless a group does not fit into a part.

    Raises:
        ValueError: for shares that do not sum to 1, or a group with two classes.
    """
    if len(shares) != len(PARTS) or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"expected {len(PARTS)} shares that sum to 1, got {tuple(shares)}")
    units = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    rng = np.random.RandomState(seed)  # its stream is the same in all versions of NumPy, unlike default_rng's
    part_of_unit = np.full(len(labels), -1)
    for label in np.unique(labels):
        own, sizes = np.unique(units[labels == label], return_counts=True)
        if (part_of_unit[own] >= 0).any():
            raise ValueError("a group has rows of two classes, so it cannot be kept in one part and stratified")
        room = np.diff(np.round(np.cumsum([0.0, *shares]) * sizes.sum())).astype(int).tolist()
        for unit in rng.permutation(len(own)):
            part = _draw_part(room, int(sizes[unit]), rng)
            room[part] -= int(sizes[unit])
            part_of_unit[own[unit]] = part
    return {part: np.flatnonzero(part_of_unit[units] == number) for number, part in enumerate(PARTS)}


def by_group(groups: np.ndarray, validation: Iterable[int], test: Iterable[int]) -> dict[str, np.ndarray]:
    """Return parts with whole groups (subjects, speakers, videos) held out; all others are the training part.

    Args:
        groups: (N,) integers.
        validation: the groups of the validation part.
        test: the groups of the test part.

    Returns:
        The rows of each part, sorted.
    """
    in_validation = np.isin(groups, list(validation))
    in_test = np.isin(groups, list(test))
    return {
        "train": np.flatnonzero(~in_validation & ~in_test),
        "validation": np.flatnonzero(in_validation),
        "test": np.flatnonzero(in_test),
    }


def held_out_later(part_of: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Return what a published split leaks, sample by sample.

    Args:
        part_of: N names: each sample's part.
        groups: N names, samples that must stay together.

    Returns:
        N names: the first later part, in the order train, validation, test, that also contains the sample's group;
        empty if there is none.
    """
    held = {part: {group for own, group in zip(part_of, groups, strict=True) if own == part} for part in PARTS}
    return [
        next((later for later in PARTS[PARTS.index(part) + 1 :] if group in held[later]), "")
        for part, group in zip(part_of, groups, strict=True)
    ]


def check_parts(
    dataset: str,
    parts: Mapping[str, np.ndarray],
    samples: int,
    groups: np.ndarray | None = None,
    complete: bool = True,
) -> None:
    """Check that the parts are those of the contract, sorted, not empty, disjoint, complete, and share no group.

    Only the validation part may be empty, because some published splits have none.

    Args:
        dataset: its name, for messages.
        parts: by name.
        samples: N.
        groups: (N,), or None.
        complete: whether every row must be in a part.

    Raises:
        UserError: naming the dataset, the parts and one offending row or group.
    """
    if set(parts) != set(PARTS):
        raise UserError(f"dataset '{dataset}': expected the parts {', '.join(PARTS)}, got {', '.join(sorted(parts))}.")
    owner = np.full(samples, -1)
    for number, part in enumerate(PARTS):
        rows = parts[part]
        if not len(rows):
            if part == "validation":
                continue
            raise UserError(f"dataset '{dataset}': the {part} part is empty.")
        if rows.min() < 0 or rows.max() >= samples or (np.diff(rows) <= 0).any():
            raise UserError(f"dataset '{dataset}': the {part} part is not a sorted list of rows below {samples}.")
        if (taken := rows[owner[rows] >= 0]).size:
            raise UserError(f"dataset '{dataset}': row {taken[0]} is in {PARTS[owner[taken[0]]]} and in {part}.")
        owner[rows] = number
    if complete and (missing := np.flatnonzero(owner < 0)).size:
        raise UserError(f"dataset '{dataset}': row {missing[0]} is in no part ({missing.size} such rows).")
    if groups is None:
        return
    held = {part: set(groups[parts[part]].tolist()) for part in PARTS}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        if shared := held[one] & held[other]:
            raise UserError(f"dataset '{dataset}': group {min(shared)!r} is in {one} and in {other}.")


def _draw_part(room: list[int], size: int, rng: np.random.RandomState) -> int:
    """Return a random part, weighted by its free room, among those that the unit fits into."""
    weights = [free if free >= size else 0 for free in room]
    if not any(weights):
        return int(np.argmax(room))
    return int(np.searchsorted(np.cumsum(weights), rng.randint(sum(weights)), side="right"))
