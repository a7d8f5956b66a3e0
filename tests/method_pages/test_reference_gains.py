"""The gains on a method's page are those of the recorded leaderboard."""

from __future__ import annotations

from pathlib import Path

from cmkd_bench.method_pages.reference_gains import as_section, read

HEADING = "dataset,labels,teacher_modality,student_modality,row,role,mean,gain,seeds,problem,gain_p_holm"
CELLS = """\
mfeat,0.05,pixels,fourier,none,baseline,62.44,,5,,
mfeat,0.05,pixels,fourier,kd,method,76.5,14.06,5,,0.04
mfeat,0.05,pixels,fourier,kd (tuned),method,77.5,15.06,5,,0.06
mfeat,0.05,pixels,fourier,kd_random (tuned),control,55.0,-7.44,5,,0.01
mfeat,1.0,pixels,fourier,none,baseline,80.0,,5,,
mfeat,1.0,pixels,fourier,kd,method,79.0,-1.0,5,,0.5
mfeat,1.0,pixels,fourier,simkd,method,,,0,not defined,
"""


def lines(tmp_path: Path, name: str) -> list[str]:
    (tmp_path / "results" / "reference").mkdir(parents=True)
    (tmp_path / "results" / "reference" / "leaderboard.csv").write_text(f"{HEADING}\n{CELLS}")
    section = as_section(name, read(tmp_path))
    return [line for line in section.splitlines() if "→" in line]


def test_gains_stand_beside_the_student_alone_with_marks_below_the_level(tmp_path: Path) -> None:
    assert lines(tmp_path, "kd") == [
        "| mfeat: pixels → fourier | 5 % of labels | 62.4 | +14.1 ↑ | +15.1 |",
        "| mfeat: pixels → fourier | all labels | 80.0 | -1.0 |  |",
    ]


def test_a_tuned_control_has_no_defaults(tmp_path: Path) -> None:
    assert lines(tmp_path, "kd_random") == ["| mfeat: pixels → fourier | 5 % of labels | 62.4 |  | -7.4 ↓ |"]


def test_a_cell_without_a_number_says_why(tmp_path: Path) -> None:
    assert lines(tmp_path, "simkd") == ["| mfeat: pixels → fourier | all labels | 80.0 | not defined |  |"]


def test_the_student_alone_has_no_gain(tmp_path: Path) -> None:
    assert not lines(tmp_path, "none")


def test_without_a_reference_there_is_no_section(tmp_path: Path) -> None:
    assert as_section("kd", read(tmp_path)) == ""
