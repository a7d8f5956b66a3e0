"""The published numbers: spot checks against the papers' tables, and names that the registry or the README knows."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from cmkd_bench.registry import datasets, methods

FOLDER = Path(__file__).parent.parent.parent / "results"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
PUBLISHED = pd.read_csv(FOLDER / "published.csv", dtype=str, keep_default_na=False)
PRIMARY = {
    "UCMKD",
    "MFH",
    "XKD",
    "COMODO",
    "CMKD-MINDS",
    "VeCAS",
    "Extreme-edge (TonyXsx)",
    "Sign-Language-Recognition (Eldoardo26)",
}
CHOICES = {
    "task": {"classification", "segmentation", "detection", "transcription"},
    "role": {"proposed", "ablation", "baseline", "alone", "difference", "unknown"},
    "pairing": {"", "paired", "unpaired", "weak"},
    "metric": {"accuracy", "miou", "map50", "dice", "cldice", "wer", "accuracy_difference", "miou_difference"},
    "runs": {"", "5"},
    "trust": {"primary", "secondary"},
}


def rows(**wanted: str) -> pd.DataFrame:
    found = PUBLISHED
    for column, value in wanted.items():
        found = found[found[column] == value]
    return found


def documented(heading: str) -> set[str]:
    """What stands in backticks in the README below a line that starts so, up to the next such line or heading."""
    section = README.split(f"\n{heading}", 1)[1].split("\n#")[0].split("\nMethods that")[0]
    return set(re.findall(r"`([a-z0-9_]+)`", section))


def test_there_are_534_rows_and_none_is_there_twice() -> None:
    assert len(PUBLISHED) == 534
    assert not PUBLISHED.duplicated().any()


def test_a_row_that_two_tables_print_has_one_value() -> None:
    key = [name for name in PUBLISHED.columns if name not in ("value", "std", "runs", "note")]
    assert (PUBLISHED.groupby(key)["value"].nunique() == 1).all()


@pytest.mark.parametrize(
    ("paper", "dataset", "method", "student_modality", "note", "value", "std"),
    [
        ("UCMKD", "cremad", "kd", "video", "Tables 1 and 2", "72.18", "1.15"),
        ("UCMKD", "ave", "dkd", "audio", "Table 2", "34.08", "1.66"),
        ("UCMKD", "ravdess", "c2kd", "audio", "Table 2", "82.78", "0.41"),
        ("UCMKD", "cremad", "fitnet", "audio", "Table 2", "65.01", "0.01"),
        ("UCMKD", "ravdess", "ucmkd", "video", "Table 2", "76.06", "2.28"),
        ("UCMKD", "ave", "ucmkd", "audio", "Table 1, UNPAIRED", "52.24", "1.08"),
        ("UCMKD", "cremad", "none", "video", "Table 1;", "71.51", "0.88"),
        ("UCMKD", "vggsound", "teacher", "video", "Table 1 row Teacher", "44.43", ""),
        ("FD-CMKD", "ave", "fd_cmkd", "video", "Table 1", "47.8", ""),
        ("FD-CMKD", "crisismmd", "dkd", "text", "Table 1", "79.0", ""),
        ("FD-CMKD", "crisismmd", "none", "image", "Table 1", "70.2", ""),
        ("FD-CMKD", "vggsound", "c2kd", "audio", "Table 1", "67.0", ""),
        ("FD-CMKD", "cremad", "fd_cmkd_ablation_freq", "audio", "Table 2 of the note", "60.8", ""),
        ("FD-CMKD", "nyudv2", "dist", "rgb", "secondary", "34.9", ""),
        ("C2KD", "ave", "c2kd", "audio", "fragment", "54.9", ""),
        ("MFH", "gaussian", "modality_general_kd", "x2", "= 0.5", "70.25", ""),
        ("MFH", "ravdess", "modality_general_kd_minus_regular_kd", "video", "difference", "1.06", ""),
        ("G2D", "cremad", "none", "video", "secondary", "76.48", ""),
        ("FreqKD", "kaist", "response_kd", "infrared", "secondary", "58.8", ""),
        ("COMODO", "ego4d", "imu2clip", "imu", "entry videomae-base-finetuned-kinetics_Mantis-8M_ego4d", "54.43", ""),
        ("COMODO", "egoexo4d", "comodo", "imu", "entry egoexo4d_concat_512qs", "84.74", ""),
        ("CMKD-MINDS", "semg_aus", "kd", "semg", "0.0156", "75.48", "6.9"),
        ("Extreme-edge (TonyXsx)", "fluent_speech_commands", "kd", "audio", "multimodal teacher", "96.84", ""),
    ],
)
def test_numbers_are_those_of_the_tables(
    paper: str, dataset: str, method: str, student_modality: str, note: str, value: str, std: str
) -> None:
    found = rows(paper=paper, dataset=dataset, method=method, student_modality=student_modality)
    (row,) = found[found["note"].str.contains(note, regex=False)].to_dict("records")
    assert (float(row["value"]), row["std"]) == (float(value), std)


def test_where_a_number_was_read_says_how_far_it_is_trusted() -> None:
    counts = PUBLISHED.groupby(["paper", "trust"]).size().to_dict()
    assert {paper for paper, trust in counts if trust == "primary"} == PRIMARY
    assert (counts["MFH", "primary"], counts["MFH", "secondary"]) == (25, 11)
    assert counts["UCMKD", "primary"] == 226
    assert counts["COMODO", "primary"] == 68


def test_pairing_and_variant_are_those_of_the_tables() -> None:
    third = PUBLISHED[PUBLISHED["note"].str.startswith("Table 3:")]
    assert set(third["variant"]) == {"50 % of the training data"}
    assert set(zip(third["method"], third["pairing"], strict=True)) == {
        ("none", ""),
        ("kd", "paired"),
        ("feature_kd", "unpaired"),
        ("ucmkd", "unpaired"),
    }
    assert set(rows(dataset="gaussian")["variant"]) == {
        f"modality-general, gamma {gamma}" for gamma in ("0.25", "0.33", "0.5", "0.66", "0.75")
    }
    assert set(rows(method="cmcd")["published_method"]) == {"CMCD (CMD loss)", "CMCD (CMC loss)"}


def test_every_group_of_added_rows_has_a_student_alone() -> None:
    same = ["paper", "dataset", "student", "student_modality", "metric"]
    alone = set(map(tuple, rows(role="alone")[same].to_numpy().tolist()))
    added = PUBLISHED[PUBLISHED["paper"].isin(PRIMARY - {"UCMKD", "MFH", "XKD"}) & (PUBLISHED["role"] != "alone")]
    assert len(added) == 78
    assert set(map(tuple, added[same].to_numpy().tolist())) <= alone


def test_a_failure_to_transfer_is_kept() -> None:
    signs = rows(dataset="phoenix2014t", variant="test part")
    errors = {row["published_method"]: float(row["value"]) for row in signs.to_dict("records")}
    assert errors["FD-CMKD, warm start"] > errors["matched control, warm (teacher off)"], "a higher error is worse"
    dice = rows(dataset="xray_angiography", metric="dice").set_index("method")["value"].astype(float)
    assert (dice[["kd_net", "pmkl", "protokd", "crodino_kd"]] < 51.29).all()


def test_numbers_parse_and_are_percent() -> None:
    values = PUBLISHED["value"].astype(float)
    differences = PUBLISHED["metric"].str.endswith("_difference")
    assert values[~differences].between(1, 100).all()
    assert values[differences].between(-10, 10).all()
    assert (differences == (PUBLISHED["role"] == "difference")).all()
    assert PUBLISHED.loc[PUBLISHED["std"] != "", "std"].astype(float).between(0, 10).all()
    assert set(PUBLISHED["year"]) <= {"2022", "2023", "2024", "2025", "2026"}


@pytest.mark.parametrize("column", CHOICES)
def test_columns_hold_what_the_readme_says(column: str) -> None:
    assert set(PUBLISHED[column]) == CHOICES[column]


def test_every_column_is_documented() -> None:
    cells = " ".join(re.findall(r"^\| ([^|]+) \|", README.replace("\\", ""), re.MULTILINE))
    for column in PUBLISHED.columns:
        assert re.search(rf"\b{column}\b", cells), column


def test_every_source_is_named() -> None:
    assert (PUBLISHED["source"].str.len() > 10).all()
    assert (rows(trust="secondary")["source"].str.contains("note|Notes|OpenReview")).all()


def test_datasets_are_those_of_the_readme() -> None:
    assert set(PUBLISHED["dataset"]) == documented("| dataset | published as")


def test_methods_are_in_the_registry_or_in_the_readme() -> None:
    used = set(PUBLISHED["method"])
    assert {"none", "kd", "dkd", "fitnet", "cmcd", "c2kd"} <= used & set(methods.names())
    assert used - set(methods.names()) - documented("Methods that") == set()


@pytest.mark.parametrize(("column", "registered"), [("dataset", datasets.names()), ("method", methods.names())])
def test_no_name_is_another_spelling_of_a_registered_one(column: str, registered: list[str]) -> None:
    plain = {name.replace("_", ""): name for name in registered}
    for name in set(PUBLISHED[column]):
        assert plain.get(name.replace("_", ""), name) == name


def test_modalities_are_those_of_the_registered_datasets() -> None:
    checked = [name for name in sorted(set(PUBLISHED["dataset"])) if name in datasets.names()]
    assert {"crisismmd", "gaussian", "sketchy"} <= set(checked)
    for name in checked:
        own = rows(dataset=name)
        used = {
            part
            for column in ("teacher_modality", "student_modality")
            for both in own[column]
            for part in both.split("+")
        }
        assert used - {""} <= {modality.name for modality in datasets.get(name).modalities}, name


def test_only_rows_with_a_teacher_have_a_pairing() -> None:
    assert (PUBLISHED.loc[PUBLISHED["pairing"] != "", "teacher_modality"] != "").all()
    assert (rows(role="alone")["teacher_modality"] == "").all()
