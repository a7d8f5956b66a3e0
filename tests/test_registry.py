"""Finding methods and datasets: in their folders, by entry points, in plug-in files."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cmkd_bench
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
    with pytest.raises(UserError, match=r"thing 'one' is defined twice: in .*test_registry\.py, by two definitions"):
        registry.register("one")(type("Second", (), {}))


def test_the_name_of_a_built_in_item_is_taken_before_it_is_imported() -> None:
    registry: Registry[type] = Registry("method", "cmkd_bench.methods", "no.such.group")
    with pytest.raises(
        UserError, match=r"'kd' is defined twice: in cmkd-bench \(cmkd_bench\.methods\.kd\) and in .*test_registry\.py"
    ):
        registry.register("kd")(type("KD", (), {"__module__": "somewhere"}))


def install(site: Path, package: str, entries: str) -> None:
    """Install a third party's package with entry points."""
    information = site / f"{package}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Name: {package}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(entries)


@pytest.fixture
def their_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Registry[type]]:
    """Return the registry as it is after third parties have installed their packages in `tmp_path`."""

    def registry() -> Registry[type]:
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        found: Registry[type] = Registry("method", "cmkd_bench.methods", "cmkd_bench.methods")
        monkeypatch.setattr("cmkd_bench.registry.methods", found)
        monkeypatch.setattr("cmkd_bench.registry.register_method", found.register)
        return found

    methods.get("kd")  # imported now, it is registered where it belongs
    return registry


def test_a_third_party_registers_by_an_entry_point(tmp_path: Path, their_methods: Callable[[], Registry[type]]) -> None:
    (tmp_path / "their_method.py").write_text(
        '"""Their method in one line."""\n'
        "from cmkd_bench.methods.kd import KD\n"
        "from cmkd_bench.registry import register_method\n\n"
        '@register_method("theirs")\n'
        "class Theirs(KD): ...\n"
    )
    install(tmp_path, "their-package", "[cmkd_bench.methods]\ntheirs = their_method\n")
    registry = their_methods()
    assert "theirs" in registry.names()
    assert registry.summary("theirs") == "Their method in one line."
    assert registry.get("theirs").__name__ == "Theirs"


def test_a_name_that_a_third_party_claims_too_is_refused(
    tmp_path: Path, their_methods: Callable[[], Registry[type]]
) -> None:
    install(tmp_path, "their-package", "[cmkd_bench.methods]\nkd = their_method\nnew = their_method\n")
    install(tmp_path, "another", "[cmkd_bench.methods]\nnew = another_method\n")
    registry = their_methods()
    for name, one, other in (
        ("kd", r"cmkd-bench \(cmkd_bench\.methods\.kd\)", r"their-package 1\.0 \(their_method\)"),
        ("new", r"1\.0 \(\w+_method\)", r"1\.0 \(\w+_method\)"),
    ):
        for use in (registry.get, registry.require):
            with pytest.raises(UserError, match=f"method '{name}' is defined twice: in .*{one} and in .*{other}"):
                use(name)
        assert "defined twice" in registry.summary(name)
    registry.require("dkd")


def test_a_plugin_that_claims_a_third_party_s_name_is_refused(
    tmp_path: Path, their_methods: Callable[[], Registry[type]]
) -> None:
    install(tmp_path, "their-package", "[cmkd_bench.methods]\ntheirs = their_method\n")
    registry = their_methods()
    with pytest.raises(UserError, match=r"in the package their-package 1\.0 \(their_method\) and in .*test_registry"):
        registry.register("theirs")(type("Mine", (), {}))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"bad.py": "def (:\n"}, r"SyntaxError: invalid syntax \(bad\.py, line 1\)"),
        ({"bad.py": "raise RuntimeError('no\\nluck')\n"}, "RuntimeError: no luck"),
        ({"bad.py": "raise SystemExit(1)\n"}, "SystemExit: 1"),
        ({"bad/__init__.py": "1 / 0\n"}, "ZeroDivisionError: division by zero"),
        ({"bad.py": "import no_such_module\n"}, "ModuleNotFoundError: No module named 'no_such_module'"),
        ({}, "ModuleNotFoundError: No module named 'bad'"),
        ({"bad.py": "\xff"}, "SyntaxError"),
    ],
)
def test_a_third_party_s_broken_module_is_named_in_one_line(
    tmp_path: Path, their_methods: Callable[[], Registry[type]], files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    install(tmp_path, "their-package", "[cmkd_bench.methods]\nbroken = bad\n")
    registry = their_methods()
    assert {name: registry.summary(name) for name in registry.names()}["broken"] is not None
    with pytest.raises(
        UserError, match=rf"^method 'broken' in the package their-package 1\.0 \(bad\) .*{said}"
    ) as error:
        registry.get("broken")
    assert "\n" not in str(error.value)


def test_the_commands_go_on_without_a_third_party_s_broken_module(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def (:\n")
    install(tmp_path, "theirs", "[cmkd_bench.methods]\nbroken = bad\n[cmkd_bench.datasets]\nbroken_set = bad\n")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}", "COLUMNS": "200"}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = [sys.executable, "-m", "cmkd_bench", *arguments]
        return subprocess.run(done, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)

    for arguments, others in ((["list"], "c2kd"), (["list", "datasets"], "watch")):
        listed = command(*arguments)
        assert (listed.returncode, listed.stderr) == (0, "")
        assert "in the package theirs 1.0 (bad) cannot be imported: SyntaxError" in listed.stdout
        assert others in listed.stdout
    for arguments in (["show", "broken"], ["show", "broken_set"], ["run", "--methods", "broken", "--dry-run"]):
        refused = command(*arguments)
        assert refused.returncode == 2
        assert refused.stderr.count("\n") == 1
        assert "cannot be imported: SyntaxError: invalid syntax (bad.py, line 1)" in refused.stderr


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


@pytest.mark.parametrize("first", ['@register_method("a_new_one")', '@register_method("kd")'])
def test_a_plugin_that_claims_a_built_in_name_registers_nothing(tmp_path: Path, first: str) -> None:
    file = tmp_path / "claims.py"
    file.write_text(
        "from cmkd_bench import Method, register_method\n\n"
        f"{first}\nclass First(Method): ...\n\n"
        '@register_method("kd")\nclass Second(Method): ...\n'
    )
    before = methods.get("kd")
    with pytest.raises(
        UserError, match=r"--plugin .*claims\.py: method 'kd' .* in cmkd-bench .*kd\) and in .*claims\.py"
    ):
        load_plugin(file)
    assert methods.get("kd") is before
    assert "a_new_one" not in methods.names()


def test_everything_that_a_plugin_s_author_imports_is_there() -> None:
    for name in cmkd_bench.__all__:
        assert getattr(cmkd_bench, name) is not None


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
