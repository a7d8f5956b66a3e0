"""`python -m cmkd_bench.method_pages`: write docs/methods from declarations, the tests, and the reference results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cmkd_bench import losses
from cmkd_bench.errors import UnknownName
from cmkd_bench.experiment.files import write_text
from cmkd_bench.method_pages.oracles import SHIPPED, Oracle, as_json, collect
from cmkd_bench.method_pages.reference_gains import as_section, read
from cmkd_bench.method_pages.render import as_markdown
from cmkd_bench.registry import methods

ROOT = Path(__file__).parent.parent.parent


def contents(root: Path = ROOT) -> dict[Path, str]:
    """Return everything that the command writes: the oracles, a page for each built-in method, and their list.

    Raises:
        UserError: if an oracle's subject does not exist.
    """
    oracles = collect(root)
    _check(oracles)
    built_in = sorted(path.stem for path in (root / "methods").glob("[!_]*.py"))
    reference = read(root)
    pages = {f"{name}.md": as_markdown(name, oracles) + as_section(name, reference) for name in built_in}
    pages["README.md"] = _list(built_in)
    return {SHIPPED: as_json(oracles), **{root / "docs" / "methods" / name: text for name, text in pages.items()}}


def _check(oracles: Iterable[Oracle]) -> None:
    allowed = [*methods.names(), *losses.__all__]
    for one in oracles:
        if one.subject not in allowed:
            raise UnknownName(f"subject of an oracle ({one.test}):", one.subject, allowed)


def _list(names: Iterable[str]) -> str:
    lines = [
        "# The methods compared with their papers",
        "",
        "Each page lists a method's equations, its defaults and their sources, its deviations from the paper, how",
        "other implementations differ (from `implementations/NAME.yaml`), the tests that compare it with something",
        "independent, and what it gained in `results/reference`. Without the gains, `cmkd-bench show NAME --fidelity`",
        "prints the page of any method, including a plug-in's.",
        "`python -m cmkd_bench.method_pages` generates the pages; a test fails when they are out of date.",
        "",
        "Implementations were read at the commit or release given. Not every paper was available in full;",
        "some requirements come from published notes and released code, so check them before citing.",
        "",
        *(f"- [{name}]({name}.md): {methods.summary(name)}" for name in names),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for path, text in contents().items():
        write_text(path, text)
        print(path.relative_to(ROOT))
