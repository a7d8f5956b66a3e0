"""The directed pairs of modalities that a grid runs for each dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cmkd_bench.errors import nearest_match

if TYPE_CHECKING:
    from cmkd_bench.dataset import Dataset

Direction = tuple[str, str]  # what the teacher sees, what the student sees
Datasets = Mapping[str, "type[Dataset[Any]]"]


def directions_of(pairs: Sequence[str] | None, datasets: Datasets, one_way: bool) -> dict[str, tuple[Direction, ...]]:
    """Return the directions of each dataset.

    Args:
        pairs: `teacher:student`; None for each dataset's own pairs.
        datasets: by name.
        one_way: whether to run each pair only in the direction in which it is written.
    """
    chosen = {name: cls.default_pairs if pairs is None else _matching(pairs, cls) for name, cls in datasets.items()}
    return {
        name: tuple(dict.fromkeys(d for a, b in own for d in ([(a, b)] if one_way else [(a, b), (b, a)])))
        for name, own in chosen.items()
    }


def problems_of_pairs(pairs: Sequence[str] | None, datasets: Datasets) -> list[str]:
    """Return the problems of pairs: pairs that no dataset has, and datasets that have none of the pairs."""
    if pairs is None:
        return []
    if problems := list(_unmatched(pairs, datasets)):
        return problems
    return [
        f"dataset '{name}' has none of the pairs {', '.join(pairs)}. "
        f"Its modalities: {', '.join(modality.name for modality in cls.modalities)}."
        for name, cls in datasets.items()
        if not _matching(pairs, cls)
    ]


def _matching(pairs: Sequence[str], cls: type[Dataset[Any]]) -> list[Direction]:
    names = {modality.name for modality in cls.modalities}
    split = [tuple(pair.split(":")) for pair in pairs]
    return [(pair[0], pair[1]) for pair in split if len(pair) == 2 and set(pair) <= names]


def _unmatched(pairs: Sequence[str], datasets: Datasets) -> Iterator[str]:
    for pair in pairs:
        sides = pair.split(":")
        if len(sides) != 2 or sides[0] == sides[1]:
            yield f"pair '{pair}': expected two different modalities, teacher:student, e.g. pixels:fourier."
        elif datasets and not any(_matching([pair], cls) for cls in datasets.values()):
            yield _unknown(pair, sides, datasets)


def _unknown(pair: str, sides: Sequence[str], datasets: Datasets) -> str:
    modalities = {name: [modality.name for modality in cls.modalities] for name, cls in datasets.items()}
    every = [modality for names in modalities.values() for modality in names]
    nearest = ":".join(side if side in every else nearest_match(side, every) or "?" for side in sides)
    hint = f" Did you mean '{nearest}'?" if "?" not in nearest and nearest != pair else ""
    listing = "; ".join(f"{name}: {', '.join(names)}" for name, names in modalities.items())
    return f"unknown pair '{pair}'.{hint} Modalities by dataset: {listing}. See: cmkd-bench list datasets"
