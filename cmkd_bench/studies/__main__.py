"""`python -m cmkd_bench.studies`: write docs/reproductions.md, the tables of the other studies, and their plots."""

from __future__ import annotations

from pathlib import Path

from cmkd_bench.experiment.files import write_text
from cmkd_bench.report.plots.save import save
from cmkd_bench.studies.figure import draw
from cmkd_bench.studies.gap_page import pictures, refreshed
from cmkd_bench.studies.page import as_markdown, recorded
from cmkd_bench.studies.reproduction import picture
from cmkd_bench.studies.reproduction_table import stem
from cmkd_bench.studies.runs_page import pairing_picture, refreshed_runs

ROOT = Path(__file__).parent.parent.parent
DOCS, RESULTS, SWEEPS = ROOT / "docs", ROOT / "results", ROOT / "results/gapped"

if __name__ == "__main__":
    for name, refresh in {"gap": refreshed, "teachers": refreshed_runs, "pairs": refreshed_runs}.items():
        page = DOCS / f"{name}.md"
        write_text(page, refresh(page.read_text(encoding="utf-8"), DOCS))
    for picture_of_gaps in pictures(SWEEPS):
        save(picture_of_gaps, SWEEPS, ("svg",))
    save(pairing_picture((DOCS / "pairs.md").read_text(encoding="utf-8"), DOCS), RESULTS / "pairs", ("svg",))
    write_text(DOCS / "reproductions.md", as_markdown(RESULTS))
    for one in recorded(RESULTS):
        draw(picture(one), RESULTS / one.preset.name / stem(one.draws))
