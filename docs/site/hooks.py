"""Let the site contain what the pages in docs/ link to elsewhere in the repository.

README.md is the home page, and CONTRIBUTING.md a page. Any other file that is linked, directly or from such a page, is
copied below `repository/`: Markdown and code as pages, pictures and tables as they are. A folder leads to its
README.md; a link to one without is shown as text. So the pages keep links that work where the repository is read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent.parent
MOVED = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"}
BACK = {uri: path for path, uri in MOVED.items()}
COPIES = "repository/"
CODE = {".py": "python", ".yaml": "yaml"}
LINK = re.compile(
    r"\[(?P<text>[^][]*(?:\[[^]]*\][^][]*)*)\]\((?!https?://|mailto:|#)(?P<target>[^)\s#]+)(?P<anchor>#[^)]*)?\)"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/ that are linked from the site, until no link leads out of it."""
    waiting = [*MOVED, *(f"docs/{file.src_uri}" for file in files.documentation_pages())]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        if not path.startswith("docs/"):
            files.append(_copy(path, config))
        if path.endswith(".md"):
            linked = {found for target in _targets(_read(path)) if (found := _linked(path, target)) is not None}
            waiting += sorted(one for one in linked - seen if not one.startswith("docs/"))
            seen |= linked
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead each link to the place of its target in the site."""
    own = page.file.src_uri
    path = _path_of(own)
    if own.startswith(COPIES):
        page.meta["search"] = {"exclude": True}
    if not path.endswith(".md"):
        return markdown

    def lead(link: re.Match[str]) -> str:
        found = _linked(path, link["target"])
        if found is None:
            outside = not posixpath.normpath(posixpath.join(posixpath.dirname(path), link["target"])).startswith(
                "docs/"
            )
            return link["text"] if outside else link[0]
        to = posixpath.relpath(_uri_of(found), posixpath.dirname(own) or ".")
        return f"[{link['text']}]({to}{link['anchor'] or ''})"

    return LINK.sub(lead, markdown)


def _targets(markdown: str) -> Iterator[str]:
    return (link["target"] for link in LINK.finditer(markdown))


def _linked(path: str, target: str) -> str | None:
    """Return the file of the repository that a link leads to, or None if there is none."""
    found = _joined(path, target)
    if (ROOT / found).is_dir():
        found = f"{found}/README.md"
    return found if not found.startswith("..") and (ROOT / found).is_file() else None


def _joined(path: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def _uri_of(path: str) -> str:
    """Return where a file of the repository is in the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return MOVED.get(path) or f"{COPIES}{path}{'.md' if Path(path).suffix in CODE else ''}"


def _path_of(uri: str) -> str:
    """Return the file of the repository that is at a place of the site."""
    if not uri.startswith(COPIES):
        return BACK.get(uri) or f"docs/{uri}"
    path = uri.removeprefix(COPIES)
    return path.removesuffix(".md") if Path(path.removesuffix(".md")).suffix in CODE else path


def _copy(path: str, config: MkDocsConfig) -> File:
    uri, language = _uri_of(path), CODE.get(Path(path).suffix)
    if language is None:
        return File.generated(config, uri, abs_src_path=str(ROOT / path))
    return File.generated(config, uri, content=f"# {path}\n\n```{language}\n{_read(path).rstrip()}\n```\n")


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
