"""Templates in which every value is escaped for the language of the template, unless it is markup already."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cmkd_bench.report.escaping import escape_latex, escape_markdown
from cmkd_bench.report.wording import by_dataset, cell_text, p_value, sections
from cmkd_bench.terminal import visible

TEMPLATES = Path(__file__).with_name("templates")
_ESCAPES: dict[str, Callable[[str], str]] = {".md": escape_markdown, ".tex": escape_latex}
_LATEX_DELIMITERS: dict[str, Any] = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
}


def render_template(template: str, **context: Any) -> str:
    """Render a template; its suffix decides how values are escaped."""
    return _environment(Path(template).suffix).get_template(template).render(context)


@cache
def _environment(suffix: str) -> Environment:
    escape = _ESCAPES.get(suffix)

    def finalize(value: Any) -> Any:
        if isinstance(value, Markup):
            return value
        if escape is None:  # Jinja escapes for HTML
            return visible(value) if isinstance(value, str) else value
        return Markup(escape(str(value)))  # noqa: S704 (escaped for the template's language)

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        **(_LATEX_DELIMITERS if suffix == ".tex" else {}),
    )
    environment.globals |= {"by_dataset": by_dataset, "cell_text": cell_text, "p_value": p_value, "sections": sections}
    return environment
