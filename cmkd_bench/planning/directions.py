"""The directed pairs of modalities that a grid runs for each dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cmkd_bench.composite import JOINT, is_composite, joint, parts_of
from cmkd_bench.errors import nearest_match

if TYPE_CHECKING:
    from cmkd_bench.dataset import Dataset

Direction = tuple[str, str]  # what the teacher sees, what the student sees
Datasets = Mapping[str, "type[Dataset[Any]]"]


def directions_of(
    pairs: Sequence[str] | None, configured: Sequence[str] | None, dataset: type[Dataset[Any]], one_way: bool
) -> tuple[Direction, ...]:
    """Return the directions of a dataset.

    Args:
        pairs: `teacher:student`, as the user gave them; None for the configured ones.
        configured: those of the dataset's file in configs/, each in the direction in which it is written; None for the
            dataset's own pairs.
        dataset: its class.
        one_way: whether to run the pairs of the user or of the dataset only in the direction in which they are written,
            as pairs with a composite teacher always are.
    """
    if pairs is None and configured is not None:
        return tuple(dict.fromkeys(_matching(configured, dataset)))
    chosen = dataset.default_pairs if pairs is None else _matching(pairs, dataset)
    ways = ([(a, b)] if one_way or is_composite(a) else [(a, b), (b, a)] for a, b in chosen)
    return tuple(dict.fromkeys(direction for both in ways for direction in both))


def problems_of_pairs(pairs: Sequence[str], datasets: Datasets) -> list[str]:
    """Return the problems of pairs: pairs that no dataset has, and datasets that have none of the pairs."""
    if problems := list(_unmatched(pairs, datasets)):
        return problems
    return [
        f"dataset '{name}' has none of the pairs {', '.join(pairs)}. "
        f"Its modalities: {', '.join(modality.name for modality in cls.modalities)}."
        for name, cls in datasets.items()
        if pairs and not _matching(pairs, cls)
    ]


def _matching(pairs: Sequence[str], cls: type[Dataset[Any]]) -> list[Direction]:
    names = [modality.name for modality in cls.modalities]
    split = [pair.split(":") for pair in pairs]
    return [
        (joint([teacher], names), student)
        for teacher, student in (pair for pair in split if len(pair) == 2)
        if {*parts_of(teacher), student} <= set(names)
    ]


def _unmatched(pairs: Sequence[str], datasets: Datasets) -> Iterator[str]:
    for pair in pairs:
        if fault := _fault(pair):
            yield f"pair '{pair}': {fault}.{_hint(pair, datasets)}"
        elif datasets and not _is_known(pair, datasets):
            yield _unknown(pair, datasets)


def _fault(pair: str) -> str:
    """Return what is wrong with a pair whatever the datasets are; empty if nothing is."""
    teacher, _, student = pair.partition(":")
    named = parts_of(teacher)
    if pair.count(":") != 1 or (teacher == student and not is_composite(student)):
        return "expected two different modalities, teacher:student, e.g. pixels:fourier"
    if is_composite(student):
        return "a student sees one modality, only a teacher may see several, e.g. audio+video:video"
    if "" not in named and len(set(named)) < len(named):
        return "the teacher would see a modality twice"
    return ""


def _is_known(pair: str, datasets: Datasets) -> bool:
    return any(_matching([pair], cls) for cls in datasets.values())


def _hint(pair: str, datasets: Datasets) -> str:
    """Suggest the nearest pair that a dataset has; empty if the one with the nearest names is none."""
    every = [modality.name for cls in datasets.values() for modality in cls.modalities]
    sides = [
        dict.fromkeys(one if one in every else nearest_match(one, every) or one for one in parts_of(side) if one)
        for side in pair.split(":")
    ]
    nearest = ":".join(
        JOINT.join(side) for side in sorted(sides, key=len, reverse=True)
    )  # the composite is the teacher
    return f" Did you mean '{nearest}'?" if not _fault(nearest) and _is_known(nearest, datasets) else ""


def _unknown(pair: str, datasets: Datasets) -> str:
    modalities = {name: ", ".join(modality.name for modality in cls.modalities) for name, cls in datasets.items()}
    listing = "; ".join(f"{name}: {names}" for name, names in modalities.items())
    hint = _hint(pair, datasets)
    return f"unknown pair '{pair}'.{hint} Modalities by dataset: {listing}. See: cmkd-bench list datasets"
