"""Write docs/reproductions.md from the presets and the records in results/, without running anything."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from cmkd_bench.studies.preset import load_preset, preset_names
from cmkd_bench.studies.reproduction import compare
from cmkd_bench.studies.reproduction_table import (
    RULE,
    Reproduction,
    markdown_table,
    read_csv,
    sentences,
    stem,
    verdicts,
)

TIMES = "reproduction-times.csv"


def recorded(results: Path) -> Iterator[Reproduction]:
    """Yield every recorded reproduction, judged again by today's rule, ordered by name and number of draws."""
    for name in preset_names():
        preset = load_preset(name)
        records = {int(path.name.split("-")[0]): path for path in (results / name).glob("*-draws.csv")}
        for draws in sorted(records):
            yield compare(preset, read_csv(records[draws].read_text(encoding="utf-8"), preset))


def as_markdown(results: Path) -> str:
    """Return the page as Markdown."""
    found = list(recorded(results))
    largest = {one.preset.name: one for one in found}
    lines = [
        "# Reproductions of published experiments",
        "",
        "`cmkd-bench reproduce NAME` runs a preset from [configs/reproduction](../configs/reproduction) as an ordinary",
        "grid and judges the results by the rule in that file. `python -m cmkd_bench.studies` generates this page from",
        "the records in [results](../results), which contain the numbers of every draw. A test judges the records",
        "again and fails if this page differs.",
        "",
        RULE,
        "",
        *_summary(found, _seconds(results / TIMES)),
        "",
        "Seconds are wall-clock time on 2 cores; the load is that of the machine when the command started.",
    ]
    for one in largest.values():
        lines += ["", *_section(one)]
    return "\n".join(lines) + "\n"


def _summary(found: Iterable[Reproduction], seconds: dict[tuple[str, int], str]) -> Iterator[str]:
    """Yield the rows of the summary, one per record and source."""
    yield "| experiment | draws | compared with | numbers within tolerance | claims that hold | verdict | seconds |"
    yield "|---|---:|---|---:|---:|---|---:|"
    for one in found:
        name, record = one.preset.name, f"../results/{one.preset.name}/{stem(one.draws)}.md"
        for level in one.levels:
            first = level is one.levels[0]
            cells = [
                f"[{name}]({record})" if first else "",
                f"{one.draws}" if first else "",
                level.source.name,
                f"{level.within} of {level.count}",
                f"{sum(judged.outcome == 'holds' for judged in level.claims)} of {len(level.claims)}",
                f"**{level.verdict}**",
                seconds.get((name, one.draws), "") if first else "",
            ]
            yield f"| {' | '.join(cells)} |"


def _section(found: Reproduction) -> Iterator[str]:
    """Yield the section of one reproduction."""
    preset = found.preset
    yield from (f"## {preset.name}", "", f"{preset.title}.", "", preset.paper, "")
    yield from (f"    cmkd-bench reproduce {preset.name} --seeds {found.draws}", "")
    yield from (f"![{preset.title}](../results/{preset.name}/{stem(found.draws)}.svg)", "")
    yield from (f"- **{line}**" for line in verdicts(found))
    yield from ("", f"Claims, each decided by its 95 % interval over {found.draws} draws:", "")
    yield from (f"- {line}" for line in sentences(found))
    yield from ("", "Test accuracy in percent (mean and 95 % interval), next to the published numbers:", "")
    yield from markdown_table(found)
    yield from ("", "Tolerances:", "")
    yield from (f"- {one.source.name}: {one.source.tolerance:g}; {one.source.why}" for one in found.levels)
    yield from ("", "Differences from the published setup:", "")
    yield from (f"- {text}" for text in preset.deviations)


def _seconds(file: Path) -> dict[tuple[str, int], str]:
    """Read the running time and the load at the start, by experiment and number of draws."""
    with file.open(encoding="utf-8", newline="") as lines:
        return {
            (line["experiment"], int(line["draws"])): f"{float(line['seconds']):.0f} (load {float(line['load']):.1f})"
            for line in csv.DictReader(lines)
        }
