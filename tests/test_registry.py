"""Finding methods and datasets: in their folders, by entry points, in plug-in files."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.registry import Registry, datasets, families, load_plugin, methods, networks

ROOT = Path(__file__).parent.parent


def test_every_file_of_the_folders_is_an_item_under_its_name() -> None:
    folders = {"methods": methods, "datasets": datasets, "cmkd_bench/networks": networks}
    for folder, registry in {**folders, "cmkd_bench/networks/families": families}.items():
        files = {path.stem for path in (ROOT / folder).glob("[!_]*.py")}
        assert files
        assert files <= set(registry.names())
        for name in files:
            assert registry.get(name).registry_name == name
            assert registry.summary(name).endswith((".", "?"))


def test_a_wrong_name_gets_the_nearest_and_the_list() -> None:
    with pytest.raises(UnknownName, match=r"unknown method 'c2dk'. Did you mean 'c2kd'\? Available: .*kd_random.*"):
        methods.get("c2dk")


def test_a_name_is_taken_once() -> None:
    registry: Registry[type] = Registry("thing", "cmkd_bench.methods", "no.such.group")
    registry.register("one")(type("First", (), {}))
    with pytest.raises(UserError, match="registered twice"):
        registry.register("one")(type("Second", (), {}))


def test_the_name_of_a_built_in_item_is_taken_before_it_is_imported() -> None:
    registry: Registry[type] = Registry("method", "cmkd_bench.methods", "no.such.group")
    with pytest.raises(UserError, match=r"'kd' is registered twice: by cmkd_bench\.methods\.kd and by somewhere"):
        registry.register("kd")(type("KD", (), {"__module__": "somewhere"}))


def test_a_third_party_registers_by_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_method.py").write_text(
        '"""Their method in one line."""\n'
        "from cmkd_bench.methods.kd import KD\n"
        "from cmkd_bench.registry import register_method\n\n"
        '@register_method("theirs")\n'
        "class Theirs(KD): ...\n"
    )
    distribution = tmp_path / "their_package-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Name: their-package\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[cmkd_bench.methods]\ntheirs = their_method\n")
    methods.get("kd")  # imported now, it is registered where it belongs and not in the registry below
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    registry: Registry[type] = Registry("method", "cmkd_bench.methods", "cmkd_bench.methods")
    assert "theirs" in registry.names()
    assert registry.summary("theirs") == "Their method in one line."
    monkeypatch.setattr("cmkd_bench.registry.methods", registry)
    monkeypatch.setattr("cmkd_bench.registry.register_method", registry.register)
    assert registry.get("theirs").__name__ == "Theirs"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "nothing is registered"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def broken(:\n", "SyntaxError"),
    ],
)
def test_a_plugin_that_is_of_no_use_says_why(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / f"plugin_{abs(hash(text))}.py"
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        load_plugin(file)


def test_a_plugin_may_bring_a_network_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "only_a_network.py"
    file.write_text(
        "from cmkd_bench.registry import register_network\n\n"
        '@register_network("theirs_alone")\n'
        "def build(shape, classes): ...\n"
    )
    monkeypatch.setattr(networks, "_registered", dict(networks._registered))
    load_plugin(file)
    assert "theirs_alone" in networks.names()


def test_a_plugin_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_plugin(tmp_path / "nothing.py")


def test_every_built_in_method_has_a_category_and_controls_are_one() -> None:
    found = {name: methods.category(name) for name in methods.names()}
    assert found["kd"] == "logits"
    assert found["kd_random"] == "controls"  # although it subclasses a logit method
    assert methods.in_category("relations") == sorted(name for name, one in found.items() if one == "relations")
    built_in = {path.stem for path in (ROOT / "methods").glob("[!_]*.py")}
    assert not {name for name in built_in if found[name] == "other"}
