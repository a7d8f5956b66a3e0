"""The version of each built-in file: a number that changes whenever what the file computes changes.

code_versions.json has the number of each file and the digest of its syntax tree. A test compares the digests, so after
each change one command records what it means for results:

    python -m cmkd_bench.experiment.code_versions --raise FILE...   # other numbers: the runs that use it are run again
    python -m cmkd_bench.experiment.code_versions --same FILE...    # the same numbers: finished runs stay valid

Without files, it records all files that have changed; without options, it lists them.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cmkd_bench.errors import UserError, nearest_match
from cmkd_bench.experiment.files import write_text
from cmkd_bench.experiment.syntax import SourceFile, read_source

PACKAGE = Path(__file__).parent.parent
TABLE = Path(__file__).with_name("code_versions.json")
COMMAND = "python -m cmkd_bench.experiment.code_versions"

# The code of methods, datasets and networks: a run depends on the files that it uses.
ITEMS = ("methods/*.py", "datasets/*.py", "losses/*.py", "networks/*.py", "networks/families/*.py")
# Every run depends on these. What prepares data is not among them, because a run's id contains the data's hash.
ENGINE = (
    *(
        "batch.py",
        "composite.py",
        "declaration.py",
        "dataset.py",
        "fusion.py",
        "method.py",
        "network.py",
        "outputs.py",
        "parameters.py",
        "weights.py",
    ),
    *("config/augmentation.py", "config/recipe.py", "networks/__init__.py", "statistics/metrics.py"),
    *("data/*.py", "data/media/*.py", "data/tokenizers/*.py", "training/*.py"),
)
Table = Mapping[str, tuple[int, str]]

ADDED = "0"  # version of a file that was added without a change of any result
_UNKNOWN = (0, "")
_sources: dict[str, SourceFile] = {}
_checked: set[str] = set()


def files(patterns: Iterable[str]) -> list[str]:
    """Return the files of the package that match, relative to it and sorted; an `__init__` only if it is named."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for pattern in patterns
        for path in PACKAGE.glob(pattern)
        if path.stem != "__init__" or pattern.endswith("__init__.py")
    }
    return sorted(found)


def module_of(file: str) -> str:
    """Return the name of the module in a file of the package."""
    return f"cmkd_bench.{file.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"


def source_of(file: str) -> SourceFile:
    """Return a file of the package as it was when it was first asked for, which is the code that this process runs."""
    if file not in _sources:
        _sources[file] = read_source(PACKAGE / file, module_of(file))
    return _sources[file]


def edited_while_imported() -> list[str]:
    """Return the files that were edited between the first call of `source_of` and the import; each is checked once."""
    files = [file for file in _sources if module_of(file) in sys.modules and file not in _checked]
    _checked.update(files)
    return [file for file in files if read_source(PACKAGE / file, module_of(file)).digest != _sources[file].digest]


def version_of(file: str) -> str:
    """Return the version of a file, or its digest if it was edited without recording what that means."""
    return source_of(file).digest if is_edited(file) else str(read_table()[file][0])


def is_edited(file: str) -> bool:
    """Return whether a file differs from the recorded one."""
    return read_table().get(file, _UNKNOWN)[1] != source_of(file).digest


@functools.cache
def read_table() -> Table:
    """Return the version and the digest of each recorded file."""
    return {file: (int(version), str(digest)) for file, (version, digest) in json.loads(TABLE.read_bytes()).items()}


def changed(table: Table) -> list[str]:
    """Return the files that differ from the recorded ones, are new, or are gone."""
    known = files((*ITEMS, *ENGINE))
    differing = {file for file in known if table.get(file, _UNKNOWN)[1] != source_of(file).digest}
    return sorted(differing | table.keys() - set(known))


def updated(table: Table, chosen: Iterable[str], step: int) -> Table:
    """Return a table with the present digests of some files, and their versions raised by a step.

    A new file has version 1 if it changes results. Otherwise it has 0, and does not count yet: code may be moved to
    new files, and the engine may learn something new, while finished runs stay valid.
    """
    known, values = files((*ITEMS, *ENGINE)), dict(table)
    for file in chosen:
        if file in known:
            values[file] = (values.get(file, _UNKNOWN)[0] + step, source_of(file).digest)
        else:
            values.pop(file, None)
    return values


def main(argv: Sequence[str] | None = None) -> int:
    """Record the meaning of changes, or list the changed files; returns 1 if any are listed."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Record the versions of built-in files.")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--raise", dest="step", action="store_const", const=1, help="results change")
    group.add_argument("--same", dest="step", action="store_const", const=0, help="results stay the same")
    parser.add_argument("files", nargs="*", metavar="FILE", help="changed files (default: all that have changed)")
    given = parser.parse_args(argv)
    table = read_table()
    try:
        chosen = [_relative(file) for file in given.files] or changed(table)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if given.step is None:
        print("".join(f"{file}\n" for file in chosen if file in changed(table)), end="")
        return 1 if chosen else 0
    write_text(TABLE, as_text(updated(table, chosen, given.step)))
    return 0


def as_text(table: Table) -> str:
    """Return the table as JSON with one line per file, so that changes of two files can be merged."""
    lines = (f"{json.dumps(file)}: {json.dumps(entry)}" for file, entry in sorted(table.items()))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _relative(file: str) -> str:
    """Return a file relative to the package, however it is given."""
    known = {*files((*ITEMS, *ENGINE)), *read_table()}
    name = Path(file).as_posix().removeprefix("cmkd_bench/")
    if name not in known and Path(file).is_absolute():
        name = next((one for one in known if (PACKAGE / one).resolve() == Path(file).resolve()), name)
    if name not in known:
        near = nearest_match(name, known)
        raise UserError(f"{file}: no file with a version.{f' Did you mean {near}?' if near else ''} See: {COMMAND}")
    return name


if __name__ == "__main__":
    raise SystemExit(main())
