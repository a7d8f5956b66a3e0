"""docs/reproductions.md, made of the presets and of what was recorded in results/; nothing is run for it."""

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
    """Every reproduction of which a record is kept, judged anew; by name, then by the number of draws."""
    for name in preset_names():
        preset = load_preset(name)
        records = {int(path.name.split("-")[0]): path for path in (results / name).glob("*-draws.csv")}
        for draws in sorted(records):
            yield compare(preset, read_csv(records[draws].read_text(encoding="utf-8"), preset))


def as_markdown(results: Path) -> str:
    """The page.

    Args:
        results: the folder of the records and of the seconds that they took.
    """
    found = list(recorded(results))
    largest = {one.preset.name: one for one in found}
    lines = [
        "# Published experiments, run again",
        "",
        "`cmkd-bench reproduce NAME` runs a preset of [configs/reproduction](../configs/reproduction) as an ordinary",
        "grid and judges it by the rule in that file. This page is written by `python -m cmkd_bench.studies` from the",
        "records in [results](../results), which hold the numbers of every draw; a test judges them anew and compares.",
        "",
        RULE,
        "",
        *_summary(found, _seconds(results / TIMES)),
        "",
        "Seconds are wall-clock time on 2 cores; beside them is the machine's load when the command began.",
    ]
    for one in largest.values():
        lines += ["", *_section(one)]
    return "\n".join(lines) + "\n"


def _summary(found: Iterable[Reproduction], seconds: dict[tuple[str, int], str]) -> Iterator[str]:
    """One line per record and source."""
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
    """The record of an experiment with the most draws."""
    preset = found.preset
    yield from (f"## {preset.name}", "", f"{preset.title}.", "", preset.paper, "")
    yield from (f"    cmkd-bench reproduce {preset.name} --seeds {found.draws}", "")
    yield from (f"![{preset.title}](../results/{preset.name}/{stem(found.draws)}.svg)", "")
    yield from (f"- **{line}**" for line in verdicts(found))
    yield from ("", f"Claims, with the 95 % interval over {found.draws} draws that decides them:", "")
    yield from (f"- {line}" for line in sentences(found))
    yield from ("", "Test accuracy in percent, mean and its 95 % interval, beside the published numbers:", "")
    yield from markdown_table(found)
    yield from ("", "Tolerances:", "")
    yield from (f"- {one.source.name}: {one.source.tolerance:g}; {one.source.why}" for one in found.levels)
    yield from ("", "Not as published:", "")
    yield from (f"- {text}" for text in preset.deviations)


def _seconds(file: Path) -> dict[tuple[str, int], str]:
    """By experiment and draws: seconds, and the load at the start."""
    with file.open(encoding="utf-8", newline="") as lines:
        return {
            (line["experiment"], int(line["draws"])): f"{float(line['seconds']):.0f} (load {float(line['load']):.1f})"
            for line in csv.DictReader(lines)
        }
