"""`python -m cmkd_bench.fidelity`: collect the oracles of the tests, and write the pages of docs/methods."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cmkd_bench import losses
from cmkd_bench.errors import UnknownName
from cmkd_bench.experiment.files import write_text
from cmkd_bench.fidelity.oracles import SHIPPED, Oracle, as_json, collect
from cmkd_bench.fidelity.page import as_markdown
from cmkd_bench.registry import methods

ROOT = Path(__file__).parent.parent.parent


def contents(root: Path = ROOT) -> dict[Path, str]:
    """Everything that the command writes: the oracles, a page for each built-in method, and their list.

    Raises:
        UserError: for an oracle of something that does not exist.
    """
    oracles = collect(root)
    _check(oracles)
    built_in = sorted(path.stem for path in (root / "methods").glob("[!_]*.py"))
    pages = {f"{name}.md": as_markdown(name, oracles) for name in built_in}
    pages["README.md"] = _list(built_in)
    return {SHIPPED: as_json(oracles), **{root / "docs" / "methods" / name: text for name, text in pages.items()}}


def _check(oracles: Iterable[Oracle]) -> None:
    allowed = [*methods.names(), *losses.__all__]
    for one in oracles:
        if one.subject not in allowed:
            raise UnknownName(f"subject of an oracle ({one.test}):", one.subject, allowed)


def _list(names: Iterable[str]) -> str:
    lines = [
        "# The methods, held to their papers",
        "",
        "One page each: equations, defaults and their sources, departures, how other implementations differ, and the",
        "tests that compare with something independent. `cmkd-bench show NAME --fidelity` prints one, a plug-in's too.",
        "The pages are written by `python -m cmkd_bench.fidelity`; a test says when they are not current.",
        "",
        "Implementations were read at the commit that is named. Not all papers could be read in full: what they ask",
        "for is partly taken from published notes on them and from released code. Check it before you cite it.",
        "",
        *(f"- [{name}]({name}.md): {methods.summary(name)}" for name in names),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for path, text in contents().items():
        write_text(path, text)
        print(path.relative_to(ROOT))
