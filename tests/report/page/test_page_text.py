"""The page's text, without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hostile import METHOD, REASON, SHOWN_ERROR, write_hostile
from typer.testing import CliRunner

from cmkd_bench.cli.app import app
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.diagnosis_table import ROWS
from cmkd_bench.report.page import figures
from cmkd_bench.report.page.report_page import as_block, make_page, write_page

Build = Callable[..., Experiment]
PLACE = ("dataset", "labels", "teacher_modality", "student_modality", "method", "teacher_run", "student_run")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser's tests have them; they take most of the time."""
    monkeypatch.setattr(figures, "plots", lambda data: [])


@pytest.fixture
def hostile(tmp_path: Path) -> Experiment:
    return write_hostile(tmp_path / "results")


class Reader(HTMLParser):
    """Tags, and the text of each part with an id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def content_of(image: dict[str, str | None]) -> bytes:
    """The file behind an image."""
    return base64.b64decode(str(image["src"]).removeprefix("data:image/svg+xml;base64,"), validate=True)


def block(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return dict(json.loads(text))


def test_the_same_folder_gives_the_same_bytes_whoever_reads_it_first(hostile: Experiment) -> None:
    first = write_page(hostile).read_bytes()
    for name in ("predictions-cache.safetensors", "results.csv", "report.html"):
        (hostile.path / name).unlink()
    assert write_page(hostile).read_bytes() == first


def test_plots_have_the_same_bytes_too(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    experiment = build({"none": 0.6, "kd": 0.7}, seeds=1, directions=1)
    for path in experiment.path.glob("runs/*/result.json"):
        folder = experiment.run(path.parent.name)
        folder.write_result(folder.read_result() | {"extra_parameters": 0})
    page = make_page(experiment)
    images = [values for tag, values in Reader(page).tags if tag == "img"]
    assert len(images) >= 2
    assert all(b"<svg" in content_of(values) for values in images)
    assert make_page(experiment) == page


def test_of_many_directions_few_plots_are_drawn_and_the_page_says_so(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(figures, "MOST_DIRECTIONS", 1)
    page = make_page(build({"none": 0.6, "kd": 0.7}, seeds=1))
    assert "<img" not in page
    assert "With 2 directions most plots are omitted" in page
    assert "cmkd-bench plot made</code>" in page


def test_the_policy_allows_the_own_script_and_style_and_no_address(hostile: Experiment) -> None:
    page = make_page(hostile)
    (policy,) = [
        tag[1]["content"] for tag in Reader(page).tags if tag[1].get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "img-src data:;" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    links = [value for _, values in Reader(page).tags for name in ("href", "src") if (value := values.get(name))]
    assert [one for one in links if not one.startswith("#")] == []


def test_no_name_becomes_a_tag(hostile: Experiment) -> None:
    reader = Reader(make_page(hostile))
    assert {"img", "b"} & {tag for tag, _ in reader.tags} == set()
    assert [values for tag, values in reader.tags if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
    ]
    assert METHOD in reader.texts


def test_a_block_holds_what_it_was_given_and_cannot_be_left() -> None:
    given = {"a": ["</script>", "<!--", "&amp;", "\u2028\u2029", "é"]}
    text = str(as_block(given))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == given


def test_runs_are_counted_by_state_and_what_is_missing_is_listed(hostile: Experiment) -> None:
    page = make_page(hostile)
    # 2 directions x 3 seeds x 5 rows, a teacher being the other direction's student, without 3 that are not defined
    counted = dict(re.findall(r'<li class="([a-z-]+)(?: zero)?"><strong>(\d+)</strong>', page))
    assert counted == {"done": "25", "failed": "1", "blocked": "0", "pending": "1", "not-defined": "3"}
    texts = Reader(page).texts
    assert f"non-finite loss: {SHOWN_ERROR}" in texts
    assert REASON in texts
    commands = [text for text in texts if text.startswith("cmkd-bench run ")]
    assert len(commands) == 3, "and the one that makes the whole grid again"
    (failed,) = [one for one in commands if "--methods kd " in one]
    (pending,) = [one for one in commands if "--methods aside " in one]
    assert " --seeds 1, --experiment made --retry-failed" in failed
    assert " --seeds 0, --experiment made" in pending
    assert "--retry-failed" not in pending


def test_a_complete_experiment_misses_nothing(build: Build) -> None:
    page = make_page(build({"none": 0.6, "kd": 0.7}, seeds=1))
    assert "What is missing" not in page
    assert 'id="results"' in page


def test_the_block_leads_from_each_number_to_its_runs(hostile: Experiment) -> None:
    page = make_page(hostile)
    data = block(page)
    links = {value for tag, values in Reader(page).tags if tag == "a" and (value := values["href"] or "")}
    assert {f"#{address}" for address in data["cells"]} == {link for link in links if link.startswith("#cell/")}
    (cell,) = [one for address, one in data["cells"].items() if re.fullmatch(r"cell/kd/[^/]+/1/audio/video", address)]
    assert [run["seed"] for run in cell["runs"]] == [0, 1, 2]
    assert [run["state"] for run in cell["runs"]] == ["done", "failed", "done"]
    for run in cell["runs"][::2]:
        folder = hostile.path / "runs" / run["id"]
        value = json.loads((folder / "result.json").read_text())["value"]
        assert float(run["values"][0]) == pytest.approx(value, abs=0.005)
        assert run["teachers"] == [["teacher", json.loads((folder / "spec.json").read_text())["teacher"]]]
        shown = {title: dict(pairs) for title, pairs in data["settings"][run["settings"]]}
        assert shown["recipe"] == {"epochs": 15}
        assert shown["data"]["sha256"] == "m" * 64


def test_runs_with_the_same_settings_share_them(hostile: Experiment) -> None:
    data = block(make_page(hostile))
    used = {run["settings"] for cell in data["cells"].values() for run in cell["runs"] if run["id"]}
    assert used == set(range(len(data["settings"])))
    assert len(used) < 27, "runs that differ in their seed alone have the same settings"


def test_a_curve_has_the_value_of_each_epoch(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7}, seeds=1, directions=1)
    epochs = [{"epoch": n, "phase": "train", "losses": {}, "logged": {}, "selection": n / 2} for n in range(1, 101)]
    for path in experiment.path.glob("runs/*/result.json"):
        path.with_name("history.json").write_text(json.dumps(epochs))
    cells = block(make_page(experiment))["cells"].values()
    assert len(cells) == 3
    for cell in cells:
        assert cell["runs"][0]["curve"] == [n / 2 for n in range(1, 101)]


def write_diagnosis(experiment: Experiment, runs: tuple[str, str]) -> None:
    names = [*PLACE, *ROWS]
    values = ["toy", "1", "audio", "video", "none", *runs, *["0.25"] * len(ROWS)]
    folder = experiment.path / "plots"
    folder.mkdir(exist_ok=True)
    (folder / "diagnosis-toy-audio-video.csv").write_text(f"{','.join(names)}\n{','.join(values)}\n")
    (folder / "diagnosis-toy-audio-video.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")


def test_a_saved_diagnosis_is_shown_and_one_of_other_runs_is_marked(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7}, seeds=1, directions=1)
    assert "cmkd-bench diagnose toy --experiment made" in make_page(experiment)
    run_ids = sorted(path.parent.name for path in experiment.path.glob("runs/*/result.json"))
    write_diagnosis(experiment, (run_ids[0], run_ids[1]))
    page = make_page(experiment)
    assert "linear CKA" in page
    assert "0.250" in page
    (picture,) = [values for tag, values in Reader(page).tags if tag == "img"]
    assert content_of(picture) == b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    assert "no longer in the tables" not in page
    write_diagnosis(experiment, (run_ids[0], "0123456789ab"))
    assert "no longer in the tables" in make_page(experiment)


def test_a_diagnosis_that_leads_out_of_the_folder_is_not_read(build: Build, tmp_path: Path) -> None:
    experiment = build({"none": 0.6, "kd": 0.7}, seeds=1, directions=1)
    write_diagnosis(experiment, ("a", "b"))
    for path in (experiment.path / "plots").iterdir():
        path.rename(tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    assert "linear CKA" not in make_page(experiment)


def test_a_damaged_diagnosis_is_named(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7}, seeds=1, directions=1)
    write_diagnosis(experiment, ("a", "b"))
    (experiment.path / "plots" / "diagnosis-toy-audio-video.csv").write_text("dataset\ntoy\n")
    assert "linear CKA" not in make_page(experiment)
    (damage,) = experiment.damaged.values()
    assert str(damage).partition("plots/")[2].startswith("diagnosis-toy-audio-video.csv is not a table")
    assert "cmkd-bench diagnose" in damage.repair


def test_the_command_writes_where_it_is_told(build: Build, tmp_path: Path) -> None:
    experiment = build({"none": 0.6, "kd": 0.7}, seeds=1, directions=1)
    place = ["report", "made", "--results", str(experiment.root)]
    assert CliRunner().invoke(app, place).exit_code == 0
    written = experiment.path / "report.html"
    assert CliRunner().invoke(app, [*place, "--out", str(tmp_path / "page.html")]).exit_code == 0
    assert (tmp_path / "page.html").read_bytes() == written.read_bytes()
    refused = CliRunner().invoke(app, [*place, "--out", str(tmp_path / "nowhere" / "page.html")])
    assert isinstance(refused.exception, UserError)
    assert "nowhere/, which does not exist" in str(refused.exception)
