"""The page's text, without a browser."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hostile import ERROR, METHOD, REASON, write_hostile
from PIL import Image
from typer.testing import CliRunner

from cmkd_bench.cli.app import app
from cmkd_bench.diagnostics.table import ROWS
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.page import figures
from cmkd_bench.report.page.embed import figure
from cmkd_bench.report.page.write import as_block, make_page, write_page

Build = Callable[..., Experiment]
PLACE = ("dataset", "teacher_modality", "student_modality", "method", "teacher_run", "student_run")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser's tests have them; they take most of the time."""
    monkeypatch.setattr(figures, "drawn", lambda source: [])


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


def unpacked(image: dict[str, str | None]) -> bytes:
    """The file behind a picture."""
    return gzip.decompress(base64.b64decode(str(image["data-packed"])))


def block(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return dict(json.loads(text))


def test_the_same_folder_gives_the_same_bytes_whoever_reads_it_first(hostile: Experiment) -> None:
    first = write_page(hostile).read_bytes()
    for name in ("outcomes.npz", "results.csv", "report.html"):
        (hostile.path / name).unlink()
    assert write_page(hostile).read_bytes() == first


def test_pictures_have_the_same_bytes_too(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    experiment = build({"none": 0.6, "kd": 0.7}, seeds=1, directions=1)
    for path in experiment.path.glob("runs/*/result.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"extra_parameters": 0}))
    page = make_page(experiment)
    pictures = [values for tag, values in Reader(page).tags if tag == "img"]
    assert len(pictures) >= 2
    for values in pictures:
        content = unpacked(values)
        (width, height) = re.findall(rb'<svg[^>]* width="([0-9.]+)pt" height="([0-9.]+)pt"', content)[0]
        shown = [int(str(values[name])) for name in ("width", "height")]
        assert shown == [pytest.approx(float(one) * 96 / 72, abs=0.5) for one in (width, height)]
    assert make_page(experiment) == page


def test_of_many_directions_few_pictures_are_drawn_and_the_page_says_so(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(figures, "MOST_DIRECTIONS", 1)
    page = make_page(build({"none": 0.6, "kd": 0.7}, seeds=1))
    assert "<img" not in page
    assert "With 2 directions most pictures are left out" in page
    assert "cmkd-bench plot made</code>" in page


def test_the_policy_allows_the_own_script_and_style_and_no_address(hostile: Experiment) -> None:
    page = make_page(hostile)
    (policy,) = [
        tag[1]["content"] for tag in Reader(page).tags if tag[1].get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "img-src blob:;" in policy
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
    assert f"non-finite loss: {ERROR}" in texts
    assert REASON in texts
    commands = [text for text in texts if text.startswith("cmkd-bench run ")]
    assert len(commands) == 2
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
    data = block(make_page(hostile))
    by_id = {run_id: i for i, run_id in enumerate(data["runs"]["id"])}
    assert len(by_id) == 27
    (cell,) = [one for one in data["cells"] if one[0] == "kd" and data["columns"][one[1]][1:] == ["audio", "video"]]
    assert [member[0] for member in cell[4]] == [0, 1, 2]
    states = [data["texts"][data["runs"]["state"][place]] for _, _, place, _, _ in cell[4]]
    assert states == ["done", "failed", "done"]
    for _, _, place, _, _ in cell[4][::2]:
        run_id = data["runs"]["id"][place]
        value = json.loads((hostile.path / "runs" / run_id / "result.json").read_text())["value"]
        assert data["runs"]["value"][place] == pytest.approx(value, abs=1e-4)
        spec = json.loads((hostile.path / "runs" / run_id / "spec.json").read_text())
        assert data["runs"]["teacher"][place] == by_id[spec["teacher"]]
        sections = [data["sections"][i] for i in data["settings"][data["runs"]["settings"][place]]]
        shown = {title: dict(pairs) for title, pairs in sections}
        assert shown["recipe"] == {"epochs": 15}
        assert shown["data"]["sha256"] == "m" * 64


def test_runs_that_differ_in_one_section_share_the_others(hostile: Experiment) -> None:
    data = block(make_page(hostile))
    titles = [title for title, _ in data["sections"]]
    assert titles.count("recipe") == 1
    assert titles.count("data") == 1
    used = {place for settings in data["settings"] for place in settings}
    assert used == set(range(len(data["sections"])))


def test_a_png_says_how_large_it_is_too(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (600, 150)).save(path)
    found = figure("a picture", path.read_bytes(), "png")
    assert (found.width, found.height) == (192, 48)  # two inches by half an inch, at 300 dots per inch
    assert figure("cut off", path.read_bytes()[:10], "png").width is None


def test_long_curves_are_thinned(build: Build) -> None:
    experiment = build({"none": 0.6, "kd": 0.7}, seeds=1, directions=1)
    run_ids = [path.parent.name for path in experiment.path.glob("runs/*/result.json")]
    epochs = [{"epoch": n, "phase": "train", "losses": {}, "logged": {}, "selection": n / 2} for n in range(1, 101)]
    for run_id in run_ids:
        experiment.run(run_id).history.write_text(json.dumps(epochs))
    curves = block(make_page(experiment))["runs"]["curve"]
    assert len(curves) == len(run_ids) == 3
    for step, *values in curves:
        assert step == 3  # 100 epochs in at most 40 points
        assert values == [pytest.approx(n / 2, abs=0.05) for n in range(1, 101, 3)]


def write_diagnosis(experiment: Experiment, runs: tuple[str, str]) -> None:
    names = [*PLACE, *ROWS]
    values = ["toy", "audio", "video", "none", *runs, *["0.25"] * len(ROWS)]
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
    assert unpacked(picture) == b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    assert "width" not in picture
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
    with pytest.raises(UserError, match=r"diagnosis-toy-audio-video\.csv cannot be read.*cmkd-bench diagnose"):
        make_page(experiment)


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
