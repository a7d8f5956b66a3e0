"""One run as data: a frozen dataclass of primitive values, whose hash is the run's id."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cmkd_bench.experiment.label_budget import LabelBudget

Scalar = str | int | float | bool
Settings = tuple[tuple[str, Scalar], ...]

# Incremented when a run's files change; part of every run's id. What code computes has versions in code_versions.json.
RESULTS_VERSION = 4
FIRST = "teacher"  # the role of the first teacher, and of the only one
_SETTINGS = ("hyperparameters", "options", "supervision", "preparation", "augmentation", "recipe", "code")


@dataclass(frozen=True)
class TeacherRun:
    """A run that is the teacher of another one."""

    role: str  # what the method calls it: FIRST, or one of its further teachers
    id: str  # id of the run
    modality: str  # what it sees
    network: str  # name of its network
    pretrained: str  # initial weights of its network, in the form of `RunSpec.pretrained`

    @property
    def name(self) -> str:
        """What messages call it; of a method with several teachers, all but the first have their roles."""
        return f"teacher {self.id}" + (f" ({self.role}, {self.modality})" if self.role != FIRST else "")


@dataclass(frozen=True)
class RunSpec:
    """Everything that changes a run's result, and nothing else: no path, launcher, device or number of workers."""

    method: str  # name in the registry
    hyperparameters: Settings  # all of the method's hyper-parameters, resolved, sorted by name
    dataset: str  # name in the registry
    options: Settings  # all of the dataset's options, resolved, sorted by name
    manifest: str  # hash of the data and their split
    fold: int  # index of the split
    labels: LabelBudget  # how many labels of the training part may be seen
    # what else is scarce in this run, sorted by name: only values that differ from full supervision and matter to the
    # run, so that a teacher is shared by all settings that do not concern it
    supervision: Settings
    student_modality: str  # modality of the student
    student_network: str  # name of the student's network
    teacher_modality: str | None  # modality of the teacher, or None
    teacher_network: str | None  # name of the teacher's network, or None
    teacher: str | None  # id of the run that trains the teacher, or None
    pretrained: str  # initial weights of the student: empty for random ones, `hub`, or the hash of local weights
    teacher_pretrained: str  # initial weights of the teacher, in the same form
    preparation: Settings  # how a downloaded dataset is stored, sorted by name; empty for the others
    augmentation: Settings  # settings of the networks' views of the inputs, sorted by name
    recipe: Settings  # the training recipe, sorted by name
    seed: int  # determines initialization, data order and all other random choices
    code: Settings  # identities of the engine, the method, the dataset and the networks, sorted by name
    version: int = RESULTS_VERSION
    further_teachers: tuple[TeacherRun, ...] = ()  # the teachers beside the first one, of a method with several

    @property
    def teachers(self) -> tuple[TeacherRun, ...]:
        """All teachers, the first one first; empty without a teacher."""
        if self.teacher is None or self.teacher_modality is None or self.teacher_network is None:
            return ()
        first = TeacherRun(FIRST, self.teacher, self.teacher_modality, self.teacher_network, self.teacher_pretrained)
        return (first, *self.further_teachers)

    @property
    def teacher_ids(self) -> tuple[str, ...]:
        """The runs that must be done before this one."""
        return tuple(one.id for one in self.teachers)

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks of the student and of all teachers, in this order."""
        return (self.student_network, *(one.network for one in self.teachers))

    @cached_property
    def id(self) -> str:
        """12 hexadecimal digits; equal specs have equal ids on every machine."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.blake2b(canonical.encode(), digest_size=6).hexdigest()

    @property
    def codes_by_role(self) -> dict[str, tuple[tuple[str, str], str]]:
        """The kind and name of what each part of the code defines, and its identity."""
        names = {
            "engine": ("engine", ""),
            "method": ("method", self.method),
            "dataset": ("dataset", self.dataset),
            "student": ("network", self.student_network),
            "teacher": ("network", self.teacher_network or ""),
            **{one.role: ("network", one.network) for one in self.further_teachers},
        }
        return {role: (names[role], str(code)) for role, code in self.code}

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` is the inverse. A run with one teacher has no entry for others."""
        values = _values(self)
        further = {"further_teachers": [_values(one) for one in values.pop("further_teachers")]}
        return {
            **values,
            **{name: dict(values[name]) for name in _SETTINGS},
            **(further if self.further_teachers else {}),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunSpec:
        """Return the spec that `to_json` wrote."""
        further = tuple(TeacherRun(**one) for one in values.get("further_teachers", ()))
        read = {name: settings(values[name]) for name in _SETTINGS}
        return cls(**{**values, **read, "further_teachers": further})


def settings(values: Any) -> Settings:
    """Return a mapping of names to scalars, or a dataclass instance, as sorted pairs."""
    mapping = values if isinstance(values, Mapping) else _values(values)
    return tuple(sorted(mapping.items()))


def _values(one: Any) -> dict[str, Any]:
    """Return the fields of a dataclass instance; `dataclasses.asdict` copies deeply, which is slow for large grids."""
    return {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
