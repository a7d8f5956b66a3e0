"""BibTeX of what an experiment compares: the suite, the papers of its methods, and its datasets."""

from __future__ import annotations

import importlib.metadata
import re
import unicodedata
from collections.abc import Iterator, Mapping

from cmkd_bench.registry import datasets, methods
from cmkd_bench.report.experiment_data import ExperimentData

SUITE = "cmkd_bench"
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_ESCAPED = str.maketrans({character: f"\\{character}" for character in "&%$#_{}"} | {"\\": r"\textbackslash{}"})


def bibliography(data: ExperimentData) -> str:
    """Return the entries: the suite's, then one per paper, with the names of what it is the source of."""
    found: dict[str, tuple[Mapping[str, str], list[str]]] = {}
    for name, fields in [*_of_methods(data), *_of_datasets(data)]:
        found.setdefault(str(fields), (fields, []))[1].append(name)
    entries, keys = [_suite()], {SUITE}
    for fields, names in found.values():
        key = _key(fields, names[0])
        while key in keys:
            key += "_"
        keys.add(key)
        entries.append(entry("misc", key, {**fields, "note": f"Used for: {', '.join(names)}"}))
    return "\n\n".join(entries)


def entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    """Write an entry; fields without a value are left out, and the capitals of a title are kept."""
    lines = []
    for name, value in fields.items():
        text = value if name in ("url", "author") else value.translate(_ESCAPED)  # authors have braces on purpose
        if text:
            lines.append(f"  {name} = {{{{{text}}}}}" if name == "title" else f"  {name} = {{{text}}}")
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def cited(citation: str) -> dict[str, str]:
    """Return the fields of a dataset's citation, `Authors: Title. Where, year`; only a title where it has another form.

    >>> cited("Tian, Shi: Events: a study. ECCV 2018")["howpublished"]
    'ECCV 2018'
    """
    authors, colon, rest = citation.partition(": ")
    title, dot, where = rest.rpartition(". ") if rest.count(". ") == 1 else rest.partition(". ")
    if not (colon and dot) or ";" in citation:
        return {"title": citation, "year": _year(citation)}
    return {"author": _authors(authors), "title": title, "howpublished": where, "year": _year(where)}


def _suite() -> str:
    about = importlib.metadata.metadata("cmkd-bench")
    title, version = f"{about['Name']}: {about['Summary']}", about["Version"]
    return entry("software", SUITE, {"author": "The cmkd-bench authors", "title": title, "version": version})


def _of_methods(data: ExperimentData) -> Iterator[tuple[str, Mapping[str, str]]]:
    for name in sorted({cell.method for cell in data.record.cells.values()}):
        if name in methods.names() and (paper := methods.declared(name).paper) is not None:
            yield (
                name,
                {
                    "author": _authors(paper.authors),
                    "title": paper.title,
                    "howpublished": paper.venue,
                    "year": _year(paper.venue),
                    "url": paper.url,
                },
            )


def _of_datasets(data: ExperimentData) -> Iterator[tuple[str, Mapping[str, str]]]:
    for name in data.record.conditions:
        if name in datasets.names():
            for source in datasets.get(name).sources:
                if source.citation and source.citation != "none":
                    yield name, cited(source.citation)


def _authors(names: str) -> str:
    """Join authors as BibTeX does; a surname of several words is one name."""
    parts = re.sub(r"\s+et al\.?$", ", others", names).translate(_ESCAPED).split(", ")
    return " and ".join(f"{{{one}}}" if " " in one else one for one in parts)


def _year(text: str) -> str:
    found = _YEAR.findall(text)
    return found[-1] if found and text.rstrip().endswith(found[-1]) else found[0] if found else ""


def _key(fields: Mapping[str, str], name: str) -> str:
    """Return the first author and the year, or the name of what the entry is the source of."""
    author = fields.get("author", "").split(" and ")[0].split()[-1:] or [name]
    plain = unicodedata.normalize("NFKD", author[0] + fields.get("year", "") + name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]", "", plain).lower()
