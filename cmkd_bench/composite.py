"""Composite modalities, such as `audio+video`, and the names of their networks, such as `concat(cnn1d+timm/resnet18)`.

A network of several modalities is a fusion, built from a network for each modality.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
JOINT = "+"
_FUSED = re.compile(r"([^()/]+)\((.+)\)")


def parts_of(modality: str) -> tuple[str, ...]:
    """Return the modalities that a composite one is made of; of any other, itself."""
    return tuple(modality.split(JOINT))


def joint(modalities: Iterable[str], order: Sequence[str]) -> str:
    """Return the composite modality of all parts of some modalities, each once.

    Args:
        modalities: their names.
        order: the names of single modalities in the order of the dataset, so that a composite has one name.
    """
    return JOINT.join(sorted({part for one in modalities for part in parts_of(one)}, key=order.index))


def is_composite(modality: str) -> bool:
    """Return whether a modality is made of several."""
    return JOINT in modality


def each(modality: str, of: Callable[[str], T]) -> T | dict[str, T]:
    """Return what a function has for a modality; for a composite one, what it has for each of its parts."""
    return {part: of(part) for part in parts_of(modality)} if is_composite(modality) else of(modality)


def part(values: T | Mapping[str, T], modality: str) -> T:
    """Return what `each` returned for one modality, given its name."""
    return values[modality] if isinstance(values, Mapping) else values


def fused(fusion: str, members: Sequence[str]) -> str:
    """Return the name of the network of several modalities; of a single one, that of its own network."""
    return f"{fusion}({JOINT.join(members)})" if len(members) > 1 else members[0]


def members_of(network: str) -> tuple[str, tuple[str, ...]]:
    """Return the fusion and the members that the name of a network consists of; any other is its only member."""
    found = _FUSED.fullmatch(network)
    return (found[1], tuple(found[2].split(JOINT))) if found else ("", (network,))


def networks_in(network: str) -> tuple[str, ...]:
    """Return the names of all networks that the name of one consists of, each once."""
    fusion, members = members_of(network)
    return tuple(dict.fromkeys([fusion, *members] if fusion else members))


def join_weights(weights: Sequence[str]) -> str:
    """Return the initial weights of the members of a network as one text; empty if all are random."""
    return JOINT.join(weights) if any(weights) else ""


def split_weights(weights: str, members: int) -> tuple[str, ...]:
    """Return the initial weights of each member; the inverse of `join_weights`."""
    return tuple(weights.split(JOINT)) if weights else ("",) * members
