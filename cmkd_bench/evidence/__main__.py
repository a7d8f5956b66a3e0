"""`python -m cmkd_bench.evidence`: write docs/reproductions.md from the records in results/."""

from __future__ import annotations

from pathlib import Path

from cmkd_bench.evidence.page import as_markdown
from cmkd_bench.files import write_text

ROOT = Path(__file__).parent.parent.parent

if __name__ == "__main__":
    write_text(ROOT / "docs" / "reproductions.md", as_markdown(ROOT / "results"))
