"""docs/reproductions.md says what the records in results/ hold, judged anew by the rule of today."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

from cmkd_bench.studies.page import TIMES, as_markdown, recorded
from cmkd_bench.studies.preset import load_preset, preset_names
from cmkd_bench.studies.reproduction_table import as_csv, read_csv, stem
from cmkd_bench.studies.reproduction_table import as_markdown as record_as_markdown

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "results"
RECORDS = sorted(path for name in preset_names() for path in (RESULTS / name).glob("*-draws.csv"))


def test_the_page_is_what_the_records_say() -> None:
    written = (ROOT / "docs" / "reproductions.md").read_text(encoding="utf-8")
    assert written == as_markdown(RESULTS), "docs/reproductions.md is not current: python -m cmkd_bench.studies"


def test_every_preset_was_run_with_the_draws_of_its_paper_and_timed() -> None:
    found = {(one.preset.name, one.draws) for one in recorded(RESULTS)}
    assert {(name, load_preset(name).draws) for name in preset_names()} <= found
    assert len(found) == len(RECORDS)
    with (RESULTS / TIMES).open(encoding="utf-8") as file:
        assert {(line["experiment"], int(line["draws"])) for line in csv.DictReader(file)} == found


def test_each_record_says_of_itself_what_the_rule_says_today() -> None:
    for one in recorded(RESULTS):
        folder = RESULTS / one.preset.name
        assert (folder / f"{stem(one.draws)}.md").read_text(encoding="utf-8") == record_as_markdown(one)
        assert (folder / f"{stem(one.draws)}.csv").read_text(encoding="utf-8") == as_csv(one)
        assert (folder / f"{stem(one.draws)}.svg").exists()


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_means_of_a_record_are_those_of_its_draws(path: Path) -> None:
    with path.open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            values = np.array([float(value) for name, value in line.items() if name.startswith("draw ")])
            assert len(values) == int(line["draws"]) == int(path.name.split("-")[0])
            assert values.mean() == pytest.approx(float(line["mean"]))
            assert values.std(ddof=1) == pytest.approx(float(line["std"]))
            assert ((values >= 0) & (values <= 100)).all()


def test_the_sign_change_of_figure_2_is_told_from_zero_by_a_paired_t_test() -> None:
    preset = load_preset("mfh-gamma")
    curves = read_csv((RESULTS / "mfh-gamma" / "100-draws.csv").read_text(encoding="utf-8"), preset)
    for place, sign in ((0, -1), (-1, 1)):
        test = ttest_rel(curves["kd"][place], curves["none"][place])
        assert test.statistic * sign > 0
        assert test.pvalue < 1e-6


@pytest.mark.parametrize("name", preset_names())
def test_every_source_is_held_to_a_claim(name: str) -> None:
    preset = load_preset(name)
    for source in preset.sources:
        known = [
            point.label
            for place, point in enumerate(preset.points)
            if any(values[place] is not None for values in source.values.values())
        ]
        assert [claim for claim in preset.claims if claim.at in ("", *known)], f"{source.name} has a vacuous verdict"
