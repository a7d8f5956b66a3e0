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
        sides = pair.split(":")
        teacher = parts_of(sides[0])
        if len(sides) != 2 or sides[0] == sides[1]:
            yield f"pair '{pair}': expected two different modalities, teacher:student, e.g. pixels:fourier."
        elif is_composite(sides[1]):
            yield f"pair '{pair}': a student sees one modality, only a teacher may see several, e.g. audio+video:video."
        elif len(set(teacher)) < len(teacher):
            yield f"pair '{pair}': the teacher would see a modality twice; expected e.g. audio+video:video."
        elif datasets and not any(_matching([pair], cls) for cls in datasets.values()):
            yield _unknown(pair, sides, datasets)


def _unknown(pair: str, sides: Sequence[str], datasets: Datasets) -> str:
    modalities = {name: [modality.name for modality in cls.modalities] for name, cls in datasets.items()}
    every = [modality for names in modalities.values() for modality in names]
    nearest = ":".join(
        JOINT.join(one if one in every else nearest_match(one, every) or "?" for one in parts_of(side))
        for side in sides
    )
    hint = f" Did you mean '{nearest}'?" if "?" not in nearest and nearest != pair else ""
    listing = "; ".join(f"{name}: {', '.join(names)}" for name, names in modalities.items())
    return f"unknown pair '{pair}'.{hint} Modalities by dataset: {listing}. See: cmkd-bench list datasets"
