"""The versions of built-in files: every change is recorded, as one that changes results or as one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmkd_bench.experiment import code_versions
from cmkd_bench.experiment.code_versions import COMMAND, ENGINE, ITEMS, changed, files, main, read_table, updated


def test_every_change_of_a_built_in_file_is_recorded() -> None:
    differing = changed(read_table())
    assert not differing, (
        f"{', '.join(differing)}: changed since the versions were recorded. If results change, run\n"
        f"    {COMMAND} --raise {' '.join(differing)}\n"
        f"and if all numbers stay the same,\n"
        f"    {COMMAND} --same {' '.join(differing)}"
    )


def test_all_that_a_run_computes_with_has_a_version() -> None:
    known = set(files((*ITEMS, *ENGINE)))
    wanted = ("methods/kd.py", "datasets/ave.py", "losses/_checks.py", "networks/mlp.py", "networks/families/_text.py")
    assert known >= {*wanted, "training/loop.py", "data/loading.py", "data/tokenizers/words.py", "method.py"}
    assert known == set(read_table())
    assert not [file for file in known if file.startswith(("report/", "launch/", "cli/"))]


def test_a_change_is_recorded_as_one_or_the_other() -> None:
    table = {**read_table(), "methods/kd.py": (3, "before"), "methods/gone.py": (1, "gone")}
    del table["losses/hint.py"]
    assert changed(table) == ["losses/hint.py", "methods/gone.py", "methods/kd.py"]
    digest = read_table()["methods/kd.py"][1]
    raised, same = (updated(table, changed(table), step) for step in (1, 0))
    assert (raised["methods/kd.py"], same["methods/kd.py"]) == ((4, digest), (3, digest))
    for new, version in ((raised, 1), (same, 0)):
        assert changed(new) == []
        assert new["losses/hint.py"][0] == version
        assert "methods/gone.py" not in new


def test_the_command_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = {**read_table(), "methods/kd.py": (3, "before")}
    monkeypatch.setattr(code_versions, "TABLE", tmp_path / "table.json")
    monkeypatch.setattr(code_versions, "read_table", read_table.__wrapped__)
    (tmp_path / "table.json").write_text(code_versions.as_text(table))
    assert main([]) == 1
    assert capsys.readouterr().out == "methods/kd.py\n"
    assert main(["--same", "metods/kd.py"]) == 2
    assert "Did you mean methods/kd.py?" in capsys.readouterr().err
    assert main(["--same", str(code_versions.PACKAGE.parent / "methods" / "kd.py")]) == 0
    assert code_versions.read_table()["methods/kd.py"] == (3, read_table()["methods/kd.py"][1])
    assert main([]) == 0
    assert main(["--raise", "methods/kd.py"]) == 0, "numbers may change without the file, with a package say"
    assert code_versions.read_table()["methods/kd.py"][0] == 4
