"""The plan of an experiment: its cells, the runs behind them, and the conditions that the cells of a dataset share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cmkd_bench.errors import GridError
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.label_budget import LabelBudget, block_name
from cmkd_bench.experiment.spec import RunSpec, Scalar, Settings
from cmkd_bench.experiment.trials import TUNED, Group, Study

Key = tuple[str, str, int, LabelBudget, str, str, int, bool]
Conditions = dict[str, Scalar]


@dataclass(frozen=True)
class Cell:
    """One number of a table, for one seed. Several cells may share a run, because the student alone has no teacher.

    The cells of a variant, a method with other hyper-parameters beside it, have rows of their own.

    A tuned cell has the hyper-parameters that were selected by tuning, and has its own row. Those of a control are the
    ones selected for another method, `tuned_as`, if that is tuned too.
    """

    method: str
    role: str
    dataset: str
    fold: int
    labels: LabelBudget
    teacher_modality: str
    student_modality: str
    seed: int
    run_id: str
    teacher_id: str
    impossible: str = ""
    tuned: bool = False
    tuned_as: str = ""
    variant: str = ""

    @property
    def name(self) -> str:
        """The name of its row without regard to tuning."""
        return self.variant or self.method

    @property
    def key(self) -> Key:
        """The values that identify the cell in a table."""
        return (*self.group, self.seed, self.tuned)

    @property
    def group(self) -> Group:
        """The values that the cells of all seeds share, tuned or not."""
        return (self.name, self.dataset, self.fold, self.labels, self.teacher_modality, self.student_modality)

    @property
    def study(self) -> Group:
        """The group of cells whose trials select the hyper-parameters of a tuned cell."""
        return (self.tuned_as or self.name, *self.group[1:])

    @property
    def block(self) -> str:
        """The table that contains the cell: its dataset, with the labels where some are hidden."""
        return block_name(self.dataset, self.labels)

    @property
    def row(self) -> str:
        """The row of a table that contains the cell."""
        return f"{self.name}{TUNED}" if self.tuned else self.name


@dataclass
class Plan:
    """The cells of one command, or of all commands of an experiment so far."""

    baseline: str  # the method that is the student alone
    # by dataset: protocol, recipe and networks, which all cells of the dataset share
    conditions: dict[str, Conditions] = field(default_factory=dict)
    cells: dict[Key, Cell] = field(default_factory=dict)  # by key, in the order of the requests
    # by dataset, what a reader of its tables must know about its split and protocol
    notes: dict[str, list[str]] = field(default_factory=dict)
    # the trials for tuning, by the group of cells that they are for
    studies: dict[Group, Study] = field(default_factory=dict)
    # by run id, teachers before their students. A plan that was read from disk reads each spec when needed.
    specs: dict[str, RunSpec] = field(default_factory=dict)

    def add(self, spec: RunSpec) -> str:
        """Add a run if it is new, and return its id."""
        return self.specs.setdefault(spec.id, spec).id

    def add_cell(self, cell: Cell) -> None:
        """Add a cell, or replace the one with the same key."""
        self.cells[cell.key] = cell

    def only(self, keys: Iterable[Key]) -> Plan:
        """Return the plan with some of its cells, and the trials from which tuned ones among them were selected."""
        cells = {key: self.cells[key] for key in keys if key in self.cells}
        datasets = {cell.dataset for cell in cells.values()}
        groups = {cell.study for cell in cells.values() if cell.tuned}
        return Plan(
            baseline=self.baseline,
            conditions={name: values for name, values in self.conditions.items() if name in datasets},
            cells=cells,
            notes={name: texts for name, texts in self.notes.items() if name in datasets},
            studies={group: one for group, one in self.studies.items() if group in groups},
            specs=self.specs,
        )

    @property
    def names(self) -> dict[str, str]:
        """The rows that a run fills by its id, for runs of variants; those of other runs are their methods."""
        found: dict[str, dict[str, None]] = {}
        for cell in self.cells.values():
            found.setdefault(cell.run_id, {})[cell.name] = None
        for study in self.studies.values():
            for run_id in study.run_ids:
                found.setdefault(run_id, {})[study.name] = None
        variants = {cell.variant for cell in self.cells.values()} - {""}
        return {run_id: ", ".join(rows) for run_id, rows in found.items() if run_id and variants.intersection(rows)}

    def merge(self, other: Plan) -> list[str]:
        """Merge the plan of another command; cells that it repeats replace the earlier ones.

        Returns:
            the rows whose cells have changed settings or code.

        Raises:
            GridError: if a dataset has other conditions, or if miniatures and real datasets would share a table; their
                numbers are not comparable. Also if a row would be one of another method.
        """
        merged = {**self.conditions, **other.conditions}
        clashes = _renamed(self.cells.values(), other.cells.values())
        if problems := [*_differences(self.conditions, other.conditions), *_mixed(merged), *clashes]:
            raise GridError(problems)
        replaced = {
            cell.row
            for key, cell in other.cells.items()
            if key in self.cells and self.cells[key].run_id not in ("", cell.run_id)
        }
        self.specs.update(other.specs)
        self._drop_stale(other)
        replaced |= self._drop_other_code(other)
        self.conditions = {name: {**self.conditions.get(name, {}), **values} for name, values in merged.items()}
        self.notes.update(other.notes)
        self.cells.update(other.cells)
        self.studies.update(other.studies)
        followers = {cell.group for cell in self.cells.values() if cell.tuned_as}  # need no trials of their own
        self.studies = {group: one for group, one in self.studies.items() if group not in followers}
        return sorted(replaced)

    def _drop_other_code(self, other: Plan) -> set[str]:
        """Remove cells that depend on earlier code of what the other plan uses, and return their rows.

        A table must not mix, say, new numbers of a method for the first seed with old ones for the other seeds.
        """
        present = {one: code for spec in other.specs.values() for one, code in spec.codes_by_role.values()}
        stale = [
            cell
            for key, cell in self.cells.items()
            if key not in other.cells
            for spec in [self.specs[run_id] for run_id in (cell.teacher_id, cell.run_id) if run_id]
            if any(present.get(one, code) != code for one, code in spec.codes_by_role.values())
        ]
        for cell in stale:
            self.cells.pop(cell.key, None)
            self.studies.pop(cell.group, None)
        return {cell.row for cell in stale}

    def _drop_stale(self, other: Plan) -> None:
        """Remove tuned cells whose values are no longer selected, and trials around other defaults."""
        changed = {
            cell.group
            for key, cell in other.cells.items()
            if not cell.tuned and key in self.cells and self.cells[key].run_id != cell.run_id
        }
        tuned = [cell for cell in other.cells.values() if cell.tuned and cell.run_id]
        selected = {cell.study: other.specs[cell.run_id].hyperparameters for cell in tuned}
        doubtful = {*other.studies, *changed}
        for key, cell in list(self.cells.items()):
            if cell.tuned and cell.run_id and {cell.study, cell.group} & doubtful:
                values = selected.get(cell.study)
                if values is None or self._hyperparameters(cell.run_id) != values:
                    del self.cells[key]
        for group in changed:
            self.studies.pop(group, None)

    def _hyperparameters(self, run_id: str) -> Settings | None:
        try:
            return self.specs[run_id].hyperparameters
        except Damaged:
            return None


def _differences(ours: Mapping[str, Conditions], theirs: Mapping[str, Conditions]) -> Iterator[str]:
    for dataset, conditions in theirs.items():
        stored = ours.get(dataset, conditions)
        for name, value in conditions.items():
            if stored.get(name, value) != value:  # a condition that mattered to no run so far was not stored
                yield (
                    f"{dataset}: {name}={value}, but the experiment has {name}={stored[name]}. The numbers would "
                    "not be comparable; choose another --experiment."
                )


def _renamed(ours: Iterable[Cell], theirs: Iterable[Cell]) -> Iterator[str]:
    """Yield a problem for each name of a row that stands for another method in the other plan."""
    known = {cell.name: cell.method for cell in ours}
    for name, method in {cell.name: cell.method for cell in theirs}.items():
        if known.get(name, method) != method:
            yield f"row '{name}' is a variant of {known[name]} in the experiment, and of {method} here. Rename it."


def _mixed(conditions: Mapping[str, Conditions]) -> Iterator[str]:
    """Yield a problem if miniatures and real datasets would share an experiment."""
    fixtures = sorted(name for name, values in conditions.items() if values.get("fixture"))
    real = sorted(set(conditions) - set(fixtures))
    if fixtures and real:
        yield (
            f"fixtures ({', '.join(fixtures)}) and real datasets ({', '.join(real)}) cannot share an experiment, "
            "because their numbers are not comparable. Choose another --experiment for one of them."
        )
