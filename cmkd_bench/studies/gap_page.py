"""Make the tables and pictures of docs/gap.md from records; the text between them is written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from cmkd_bench.report.plots.picture import Picture
from cmkd_bench.studies.claims import Record, SweepClaim, answer, read_record
from cmkd_bench.studies.figure import as_picture
from cmkd_bench.studies.intervals import mean_interval, slope_interval
from cmkd_bench.studies.knob import Knob
from cmkd_bench.studies.measured import GAP, QUANTITIES
from cmkd_bench.studies.page_tables import LINK, TABLE, cells_of, markdown, p_value
from cmkd_bench.studies.reproduction_table import show
from cmkd_bench.studies.sweep_table import Sweep, picture

_GAINS = re.compile(rf"(?m)^(From {LINK}(?: minus {LINK})?:\n\n)(\|.*\|)\n{TABLE}")
_MEASURED = re.compile(rf"(?m)^(Measured, from {LINK}:\n\n){TABLE}")
_CLAIMS = re.compile(rf"(?m)^(Claims, from the records in {LINK}:\n\n)({TABLE})")
BASELINE = "none"
PLACE = "gapped, 10 % of labels, image → sequence"


def refreshed(text: str, folder: Path) -> str:
    """Return the page with all tables made anew.

    Args:
        text: the page. A table of gains keeps its columns, and that of claims what is claimed.
        folder: the page's own, to which its links are relative.
    """

    def gains(found: re.Match[str]) -> str:
        return found[1] + _gains(found[4], folder / found[2], folder / found[3] if found[3] else None)

    text = _GAINS.sub(gains, text)
    text = _MEASURED.sub(lambda found: found[1] + _measured(read_record(folder / found[2])), text)
    return _CLAIMS.sub(lambda found: found[1] + _claims(found[3], folder / found[2]), text)


def pictures(folder: Path) -> Iterator[Picture]:
    """Plot each record that has diagnostics, which the variants of a method have not."""
    for file in sorted(folder.glob("*-measured.csv")):
        stem = file.stem.removesuffix("-measured")
        gains, measured = read_record(folder / f"{stem}.csv"), read_record(file)
        found = Sweep(PLACE, Knob(gains.knob, gains.values), BASELINE, gains.curves, measured.curves)
        yield as_picture(picture(found), stem)


def _gains(header: str, file: Path, less: Path | None) -> str:
    """Return rows of a record minus the student alone, or minus the same rows of another record."""
    one, other = read_record(file), read_record(less) if less else None
    alone = one.curves[BASELINE]
    rows = cells_of(header)[1:]
    return _lines(one, {row: one.curves[row] - (other.curves[row] if other else alone) for row in rows}, 2)


def _measured(record: Record) -> str:
    return _lines(record, {QUANTITIES[name]: curve for name, curve in record.curves.items() if name != GAP}, 3)


def _lines(record: Record, curves: Mapping[str, np.ndarray], decimals: int) -> str:
    x = [float(value) for value in record.values]
    rows = [
        [value, *(show(mean_interval(curve[place]), "+", decimals) for curve in curves.values())]
        for place, value in enumerate(record.values)
    ]
    slopes = ["slope", *(show(slope_interval(x, curve), "+", decimals) for curve in curves.values())]
    return markdown((record.knob, *curves), [*rows, slopes], 0)


def _claims(table: str, folder: Path) -> str:
    claims = [SweepClaim(*cells_of(line)[:5]) for line in table.splitlines()[2:]]
    rows = [
        [
            claim.says,
            claim.of,
            claim.less,
            claim.number,
            claim.expected,
            show(one.interval, "+"),
            p_value(one.p),
            one.says,
        ]
        for claim, one in zip(claims, answer(claims, folder), strict=True)
    ]
    header = ("claim", "of", "less", "number", "expected", "measured", "Holm's p", "answer")
    return markdown(header, rows, 5)
