"""`python -m cmkd_bench.studies`: write docs/reproductions.md and the tables of docs/gap.md, with their plots."""

from __future__ import annotations

from pathlib import Path

from cmkd_bench.experiment.files import write_text
from cmkd_bench.report.plots.save import save
from cmkd_bench.studies.figure import draw
from cmkd_bench.studies.gap_page import pictures, refreshed
from cmkd_bench.studies.page import as_markdown, recorded
from cmkd_bench.studies.reproduction import picture
from cmkd_bench.studies.reproduction_table import stem

ROOT = Path(__file__).parent.parent.parent

if __name__ == "__main__":
    gap, records = ROOT / "docs" / "gap.md", ROOT / "results/gapped"
    write_text(gap, refreshed(gap.read_text(encoding="utf-8"), gap.parent))
    for picture_of_gaps in pictures(records):
        save(picture_of_gaps, records, ("svg",))
    write_text(ROOT / "docs" / "reproductions.md", as_markdown(ROOT / "results"))
    for one in recorded(ROOT / "results"):
        draw(picture(one), ROOT / "results" / one.preset.name / stem(one.draws))
