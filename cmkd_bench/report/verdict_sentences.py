"""One sentence per dataset: which methods gain and lose significantly, where, by how much, and whether controls do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from cmkd_bench.experiment.label_budget import LabelBudget, per_class
from cmkd_bench.report.cells import Column
from cmkd_bench.report.scores import MeanScore

MOST = 3  # clauses, and directions in a clause; more are counted
RANGE = 3  # as many numbers of labels in sequence are named by the first and the last
NEVER = ("not defined", "not run")  # what a cell without a test is called if it will stay so
AS_FAR = " as far as tested"
VERBS = {1: ("gains", "gain"), -1: ("loses", "lose")}  # by sign of the difference, for one row and for several

Direction = tuple[str, str]  # modalities of teacher and student
Scores = Mapping[tuple[str, Column], MeanScore]
Claims = dict[tuple[tuple[str, ...], tuple[LabelBudget, ...]], list[Direction]]


def sentence(scores: Scores, columns: Sequence[Column], methods: Sequence[str], controls: Sequence[str]) -> str:
    """Say in one sentence what is significant in the columns of a dataset.

    Args:
        scores: by row and column.
        columns: of one dataset, one or several for a direction, the fewest labels first.
        methods: rows.
        controls: rows.
    """
    dataset = _Dataset(scores, columns)
    gains = dataset.clauses(methods, 1)
    losses = dataset.clauses(methods, -1)
    control = dataset.of_controls(controls, has_gains=bool(gains))
    return (
        "; ".join([*gains, *dataset.quiet(methods), *losses, *control, *dataset.untested([*methods, *controls])]) + "."
    )


class _Dataset:
    """The columns of a dataset."""

    def __init__(self, scores: Scores, columns: Sequence[Column]) -> None:
        self.scores = scores
        self.columns = columns
        self.budgets = tuple(dict.fromkeys(column.labels for column in columns))
        self.directions: dict[Direction, list[Column]] = {}
        for column in columns:
            self.directions.setdefault((column.teacher_modality, column.student_modality), []).append(column)

    def clauses(self, rows: Sequence[str], sign: int) -> list[str]:
        """Tell which rows gain, or lose, where and by how much; where this takes many clauses, how often."""
        claims = self._claims(rows, sign)
        if len(claims) > MOST or any(len(directions) > MOST for directions in claims.values()):
            return [self._counted(rows, sign)]
        return [self._clause(names, budgets, found, sign) for (names, budgets), found in claims.items()]

    def quiet(self, methods: Sequence[str]) -> list[str]:
        """Tell in which directions no method gains, whatever the number of labels."""
        tested = [one for one, here in self.directions.items() if self._cells(methods, here, is_tested)]
        quiet = [one for one in tested if not self._cells(methods, self.directions[one], is_gain)]
        if not quiet:
            return []
        nobody = "no method gains" if len(methods) > 1 else f"{methods[0]} does not gain"
        where = "in any direction" if 1 < len(quiet) == len(tested) else _where(quiet, "or", len(tested))
        columns = [column for one in quiet for column in self.directions[one]]
        return [f"{nobody} significantly {where}{self._so_far(methods, columns)}"]

    def of_controls(self, controls: Sequence[str], has_gains: bool) -> list[str]:
        """Tell which controls gain, or that none does, which gives the gains of methods their meaning."""
        if found := self.clauses(controls, 1):
            contrast = "but " if has_gains else ""
            return [f"{contrast}among the controls, {found[0]}", *found[1:]]
        if not has_gains or not self._cells(controls, self.columns, is_tested):
            return []
        return [f"no control gains significantly{self._so_far(controls, self.columns)}"]

    def untested(self, rows: Sequence[str]) -> list[str]:
        """Tell in which directions nothing is tested."""
        missing = [one for one, here in self.directions.items() if not self._cells(rows, here, is_tested)]
        return [f"nothing is tested {_where(missing, 'or', len(self.directions))}"] if missing else []

    def _claims(self, rows: Sequence[str], sign: int) -> Claims:
        """Return the directions of each group of rows and numbers of labels that belong together."""
        claims: Claims = {}
        for direction, here in self.directions.items():
            found: dict[tuple[LabelBudget, ...], list[str]] = {}
            for row in rows:
                budgets = tuple(c.labels for c in here if self.scores[row, c].direction == sign)
                found.setdefault(budgets, []).append(row)
            for budgets, names in found.items():
                if budgets:
                    claims.setdefault((tuple(names), budgets), []).append(direction)
        return claims

    def _clause(
        self, rows: Sequence[str], budgets: tuple[LabelBudget, ...], directions: Sequence[Direction], sign: int
    ) -> str:
        columns = [c for one in directions for c in self.directions[one] if c.labels in budgets]
        labels = f" with {self._labels(budgets)}" if len(self.budgets) > 1 else ""
        verb, where = VERBS[sign][len(rows) > 1], _where(directions, "and")
        return f"{listed(rows)} {verb} {self._points(rows, columns)} points {where}{labels}"

    def _counted(self, rows: Sequence[str], sign: int) -> str:
        """Tell how often each row gains or loses."""
        parts: list[str] = []
        for row in rows:
            if columns := [column for column in self.columns if self.scores[row, column].direction == sign]:
                verb = "" if parts else f" {VERBS[sign][0]}"
                parts.append(f"{row}{verb} {self._points([row], columns)}{' points' * (not parts)} in {len(columns)}")
        what = "combinations of direction and labels" if len(self.budgets) > 1 else "directions"
        return f"of {len(self.columns)} {what}, {listed(parts)}"

    def _points(self, rows: Iterable[str], columns: Sequence[Column]) -> str:
        """Return the smallest and the largest difference; both with the digits that the smallest needs."""
        sizes = sorted(abs(self.scores[row, column].gain or 0.0) for row in rows for column in columns)
        digits = 0 if sizes[0] >= 9.5 else 1 if sizes[0] >= 0.95 else 2
        return " to ".join(dict.fromkeys(f"{size:.{digits}f}" for size in (sizes[0], sizes[-1])))

    def _labels(self, budgets: tuple[LabelBudget, ...]) -> str:
        """Return numbers of labels in words; several in sequence by the first and the last."""
        counts = [one for one in budgets if per_class(one) is not None]
        shares = [one for one in budgets if per_class(one) is None]
        parts = []
        for found, noun in ((counts, "labels per class"), (shares, "% of the labels")):
            numbers = [in_short(one).split()[0] for one in found]
            if len(found) >= RANGE and self._are_neighbours(found):
                parts.append(f"{numbers[0]} to {numbers[-1]} {noun}")
            elif found:
                parts.append(f"{listed(numbers)} {noun}")
        return listed(parts)

    def _are_neighbours(self, budgets: Sequence[LabelBudget]) -> bool:
        first = self.budgets.index(budgets[0])
        return self.budgets[first : first + len(budgets)] == tuple(budgets)

    def _cells(self, rows: Iterable[str], columns: Sequence[Column], has: Callable[[MeanScore], bool]) -> bool:
        """Whether any of the cells has a property."""
        return any(has(self.scores[row, column]) for row in rows for column in columns)

    def _so_far(self, rows: Sequence[str], columns: Sequence[Column]) -> str:
        return AS_FAR if self._cells(rows, columns, is_open) else ""


def is_tested(score: MeanScore) -> bool:
    """Whether a gain was tested, or is of the very runs of the student alone."""
    test = score.comparison
    return test is not None and (test.p_gain is not None or (test.p is not None and test.runs[0] == test.runs[1]))


def is_gain(score: MeanScore) -> bool:
    """Whether a gain is significant."""
    return score.direction == 1


def is_open(score: MeanScore) -> bool:
    """Whether a gain was not tested, but may be when more runs have ended."""
    return not is_tested(score) and score.problem not in NEVER


def in_short(budget: LabelBudget) -> str:
    """Return a number of labels for the head of a column."""
    return f"{100 * float(budget):.6g} %" if (number := per_class(budget)) is None else f"{number} per class"


def listed(names: Sequence[str], word: str = "and") -> str:
    """Join names as a sentence does: `a`, `a and b`, `a, b, and c`."""
    if len(names) < 3:
        return f" {word} ".join(names)
    return f"{', '.join(names[:-1])}, {word} {names[-1]}"


def _where(directions: Sequence[Direction], word: str, total: int = 0) -> str:
    """Name directions, or count them where they are many."""
    if len(directions) > MOST:
        return f"in {len(directions)} of {total} directions"
    return listed([f"from {teacher} to {student}" for teacher, student in directions], word)
