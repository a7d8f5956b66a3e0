"""Collect the tests that compare a method or a loss with something computed independently.

Such a test has a mark, `@pytest.mark.oracle("kd_loss", "a case of two classes by hand")`, with the subject (a method or
a public function of `cmkd_bench.losses`) and what it is compared with. The marks are read from the syntax trees of the
test files, so nothing is imported, and are stored beside this file because a wheel contains no tests.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cmkd_bench.errors import UserError

SHIPPED = Path(__file__).parent / "oracles.json"
MARK = "pytest.mark.oracle"


@dataclass(frozen=True)
class Oracle:
    """One test that compares its subject with something independent."""

    subject: str  # the method or loss
    statement: str  # what it is compared with
    test: str  # `FILE::NAME`, relative to the root of the repository


def shipped() -> list[Oracle]:
    """Return the oracles as they were last collected."""
    return [Oracle(**one) for one in json.loads(SHIPPED.read_text(encoding="utf-8"))]


def as_json(oracles: Sequence[Oracle]) -> str:
    """Return the text of the file that is shipped."""
    return json.dumps([asdict(one) for one in oracles], indent=1, ensure_ascii=False) + "\n"


def collect(root: Path) -> list[Oracle]:
    """Collect the oracles of all tests, ordered by file and line.

    Raises:
        UserError: if a mark does not have two strings.
    """
    files = sorted((root / "tests").rglob("test_*.py"))
    return [oracle for file in files for oracle in _oracles_of(file, file.relative_to(root).as_posix())]


def _oracles_of(file: Path, name: str) -> Iterator[Oracle]:
    for test in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(test, ast.FunctionDef):
            continue
        for mark in test.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == MARK:
                values = [getattr(argument, "value", None) for argument in mark.args]
                if mark.keywords or len(values) != 2 or not all(isinstance(value, str) and value for value in values):
                    raise UserError(
                        f"{name}:{mark.lineno}: expected a subject and a statement, got {ast.unparse(mark)}. Write "
                        f'@{MARK}("kd_loss", "what it is compared with").'
                    )
                yield Oracle(str(values[0]), str(values[1]), f"{name}::{test.name}")
