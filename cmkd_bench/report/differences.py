"""What differs between two experiments: settings and code under which their numbers cannot share a table."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.report.cells import is_done, runs_of
from cmkd_bench.report.experiment_data import StoredRuns

# Sections of a spec by the names of their settings on the command line
_SECTIONS = {
    "recipe": "train",
    "augmentation": "augment",
    "preparation": "prepare",
    "options": "dataset.{dataset}",
    "hyperparameters": "method.{method}",
}
_OF_ONE_RUN = ("seed", "teacher")
_MOST = 5  # differences that are named
Values = Mapping[str, object]
Row = tuple[str, bool]  # its name without regard to tuning, and whether it is tuned
Alike = dict[Hashable, list[Values]]  # by place, the different settings of the runs there


@dataclass(frozen=True)
class JoinedPart:
    """One of the experiments of a joined table."""

    label: str  # how it is called there
    stored: StoredRuns  # what is read of it

    @cached_property
    def alone(self) -> dict[str, Alike]:
        """The settings of the student alone and of teachers, by dataset, and by fold, labels and modality."""
        found: dict[str, Alike] = {}
        for spec in self.stored.specs.values():
            if spec.method == self.stored.record.baseline:
                protocol = self.stored.record.conditions[spec.dataset]["protocol"]
                values = {"protocol": protocol, **_values(spec)}
                place = (spec.fold, spec.labels, spec.student_modality)
                _add(found.setdefault(spec.dataset, {}), place, values)
        return found

    @cached_property
    def rows(self) -> dict[str, dict[Row, Alike]]:
        """The settings of the other rows, by dataset and row, and by direction, fold and labels."""
        found: dict[str, dict[Row, Alike]] = {}
        for cell in self.stored.record.cells.values():
            if cell.method != self.stored.record.baseline and cell.run_id in self.stored.specs:
                row = found.setdefault(cell.dataset, {}).setdefault((cell.name, cell.tuned), {})
                _add(row, cell.group, {**_values(self.stored.specs[cell.run_id]), **self._of_teacher(cell.run_id)})
        return found

    def _of_teacher(self, run_id: str) -> Values:
        """Return the settings of a run's teacher if no other row has it, because a method of its own trains it."""
        teacher = self.stored.specs.get(self.stored.specs[run_id].teacher or "")
        if teacher is None or teacher.method == self.stored.record.baseline:
            return {}
        return {f"teacher's {name}": value for name, value in _values(teacher).items()}

    @cached_property
    def done(self) -> dict[str, float]:
        """The values of the finished runs by id."""
        return {run_id: run["value"] for run_id, run in runs_of(self.stored.results).items() if is_done(run)}

    @cached_property
    def facts(self) -> dict[str, set[str]]:
        """What the finished runs recorded of the machine and the versions, by name."""
        found: dict[str, set[str]] = {}
        for run_id in self.done:
            for name, value in _facts(self.stored.cost(run_id)):
                found.setdefault(name, set()).add(value)
        return found


def of_dataset(one: JoinedPart, other: JoinedPart, dataset: str) -> list[str]:
    """Name what differs between the runs of a dataset, so that no number of one may stand beside one of the other."""
    return _named(one.alone.get(dataset, {}), other.alone.get(dataset, {}))


def of_rows(one: JoinedPart, other: JoinedPart, dataset: str) -> dict[Row, list[str]]:
    """Name by row what differs between the runs of two rows that have the same name."""
    ours, theirs = one.rows.get(dataset, {}), other.rows.get(dataset, {})
    return {row: found for row in theirs if (found := _named(ours.get(row, {}), theirs[row]))}


def of_facts(parts: Sequence[JoinedPart]) -> Iterator[str]:
    """Yield machines and versions that differ between experiments; their numbers may still stand in one table."""
    for name in dict.fromkeys(name for part in parts for name in part.facts):
        known = [(part.label, sorted(part.facts[name])) for part in parts if name in part.facts]
        if any(values != known[0][1] for _, values in known):
            yield f"{name} " + ", ".join(f"{' and '.join(values)} in '{label}'" for label, values in known)


def of_values(parts: Sequence[JoinedPart]) -> Iterator[str]:
    """Yield how much the results of runs differ that several experiments have; on one machine they are equal."""
    for number, part in enumerate(parts):
        for earlier in parts[:number]:
            apart = [abs(part.done[one] - earlier.done[one]) for one in part.done if one in earlier.done]
            if different := [one for one in apart if one > 0]:
                yield (
                    f"{len(different)} of the {len(apart)} runs that both '{earlier.label}' and '{part.label}' have "
                    f"differ in their results, by up to {max(different):.2f} points; those of '{earlier.label}' count"
                )


def _add(found: Alike, place: Hashable, values: Values) -> None:
    known = found.setdefault(place, [])
    if values not in known:
        known.append(values)


def _values(spec: RunSpec) -> Values:
    found: dict[str, object] = {}
    for name, value in spec.to_json().items():
        if isinstance(value, dict):
            section = _SECTIONS.get(name, name).format(dataset=spec.dataset, method=spec.method)
            found |= {f"{section}.{key}": one for key, one in value.items()}
        elif name == "further_teachers":
            of_role = ((one, key) for one in spec.further_teachers for key in ("modality", "network", "pretrained"))
            found |= {f"{one.role}'s {key}": getattr(one, key) for one, key in of_role}
        elif name not in _OF_ONE_RUN:
            found[name] = value
    return found


def _named(ours: Alike, theirs: Alike) -> list[str]:
    """Name the differences at the places that two experiments share; what only one of them has is no difference."""
    found: dict[str, None] = {}
    for place in (place for place in ours if place in theirs):
        left = [values for values in ours[place] if values not in theirs[place]]
        right = [values for values in theirs[place] if values not in ours[place]]
        if left and right:
            found |= dict.fromkeys(_differences(left[0], right[0]))
    named = list(found)
    return named if len(named) <= _MOST else [*named[:_MOST], f"{len(named) - _MOST} more settings"]


def _differences(ours: Values, theirs: Values) -> Iterator[str]:
    for name in dict.fromkeys([*ours, *theirs]):
        if ours.get(name) == theirs.get(name):
            continue
        if name.startswith("code."):
            yield f"the code of the {name.removeprefix('code.')}"
        elif name == "manifest":
            yield "the data or their split"
        else:
            yield f"{name} ({ours.get(name)}, {theirs.get(name)})"


def _facts(cost: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, key in (("cmkd-bench", "code"), ("Python", "python"), ("device", "device"), ("CPU", "cpu")):
        if cost.get(key):
            yield name, str(cost[key])
    yield from ((str(name), str(version)) for name, version in sorted(cost.get("packages", {}).items()))
