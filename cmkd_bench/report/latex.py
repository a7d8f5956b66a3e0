"""A leaderboard as a LaTeX document that compiles as it stands; the table in it can be copied into a paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cmkd_bench.report.entries import Entry
from cmkd_bench.report.leaderboard import Leaderboard
from cmkd_bench.report.tuning import TITLE
from cmkd_bench.report.wording import by_dataset, gain, legend, marks, number, sections, shortfall, title

_ESCAPES = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\n": " ",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    "`": r"\textasciigrave{}",
    "'": r"{'}",  # two of them would become a double quote
    "-": r"{-}",  # two of them would become a dash
    "±": r"\ensuremath{\pm}",
    "→": r"\ensuremath{\rightarrow}",
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
    "≈": r"\ensuremath{\approx}",
}
_HEAD = r"""\documentclass{article}
\usepackage[a4paper,landscape,margin=1.5cm]{geometry}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage{booktabs}
\usepackage{graphicx}
\usepackage{longtable}
\setcounter{LTchunksize}{1000} % columns of all pages alike at the first run; their heads join them at the second
\sloppy
\begin{document}
% ---- the table; it needs booktabs, graphicx and textcomp"""
_FOOT = r"""% ---- end of the table
\end{document}
"""


def as_latex(board: Leaderboard, with_gain: bool = False, further: str = "") -> str:
    """A document of one table: datasets and directions as columns, the average rank last.

    Args:
        board: the table.
        with_gain: whether it shows gains.
        further: a table that follows, as `latex_table` makes it.
    """
    columns = [column for _, group in by_dataset(board) for column in group]
    ranks = board.ranking.ranks if board.ranking else None
    lines = [rf"\begin{{tabular}}{{@{{}}l{'r' * (len(columns) + (ranks is not None))}@{{}}}}"]
    lines += [r"\toprule", *_header(board, with_rank=ranks is not None), r"\midrule"]
    for row, ends_section in sections(board):
        cells = [_entry(board, board.entries[row, column], with_gain) for column in columns]
        if ranks is not None:
            cells.append(f"{ranks[row]:.1f}" if row in ranks else "")
        lines.append(" & ".join([escape_latex(row), *cells]) + r" \\")
        lines += [r"\midrule"] if ends_section else []
    lines += [r"\bottomrule", r"\end{tabular}"]
    caption = legend(board, with_gain, list_ranks=False)
    return "\n".join(
        [_HEAD, *_float(lines, caption), *_list(board.notes), *_tuning(board), *filter(None, [further]), _FOOT]
    )


def latex_table(header: Sequence[str], rows: Sequence[Sequence[str]], lines_below: Sequence[str]) -> str:
    """A table of text that may be longer than a page, and what stands below."""
    if not rows:
        return "\n".join(_list(lines_below))
    titles = " & ".join(map(escape_latex, header)) + r" \\"
    lines = [r"{\footnotesize", rf"\begin{{longtable}}{{@{{}}{'l' * len(header)}@{{}}}}"]
    lines += [r"\toprule", titles, r"\midrule", r"\endhead"]
    lines += [" & ".join(map(escape_latex, row)) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{longtable}", "}", *_list(lines_below)])


def _tuning(board: Leaderboard) -> Iterator[str]:
    if board.tuning is not None:
        yield rf"\section*{{{TITLE}}}"
        yield latex_table(board.tuning.header, board.tuning.rows, board.tuning.lines)


def _float(tabular: Sequence[str], caption: Sequence[str]) -> Iterator[str]:
    """A table with its caption; one that is too wide is shrunk to the text, others keep the size of their letters."""
    yield "\\begin{table}[htbp]\n\\centering\n\\sbox0{%"
    yield "\n".join(tabular) + "}%"
    yield r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi"
    yield rf"\caption{{{' '.join(map(escape_latex, caption))}}}"
    yield r"\end{table}"


def _list(lines: Sequence[str]) -> Iterator[str]:
    """Notes as text of their own: TeX sets a caption in one box, which thousands of words do not fit into."""
    if lines:
        yield r"\begin{itemize}"
        yield from (rf"\item {{}}{escape_latex(line)}" for line in lines)
        yield r"\end{itemize}"


def _header(board: Leaderboard, with_rank: bool) -> Iterator[str]:
    groups = list(by_dataset(board))
    last = [""] if with_rank else []
    names = [rf"\multicolumn{{{len(columns)}}}{{c}}{{{escape_latex(title(board, name))}}}" for name, columns in groups]
    yield " & ".join(["", *names, *last]) + r" \\"
    start, rules = 2, []
    for _, columns in groups:
        rules.append(rf"\cmidrule(lr){{{start}-{start + len(columns) - 1}}}")
        start += len(columns)
    yield " ".join(rules)
    directions = [escape_latex(column.direction) for _, columns in groups for column in columns]
    yield " & ".join(["method", *directions, *(["rank"] if with_rank else [])]) + r" \\"


def _entry(board: Leaderboard, entry: Entry, with_gain: bool) -> str:
    if entry.mean is None:
        return rf"\textit{{{escape_latex(entry.problem)}}}"
    text = escape_latex(number(board, entry))
    if entry.is_best:
        # \textbf does not reach the sign, which is set in mathematics
        text = rf"{{\bfseries\boldmath {text}}}"
    elif entry.is_second:
        text = rf"\underline{{{text}}}"
    missing = shortfall(board, entry)
    gained = escape_latex(gain(board, entry)).replace("({-}", r"(\ensuremath{-}") if with_gain else ""
    behind = [gained, escape_latex(f"[{missing}]") if missing else ""]
    if not any(behind):
        raised = escape_latex(marks(entry))
        return rf"{text}\rlap{{\textsuperscript{{{raised}}}}}" if raised else text  # so that numbers stay aligned
    return " ".join([text + escape_latex(marks(entry)), *filter(None, behind)])


def escape_latex(text: str) -> str:
    """Text that LaTeX sets as it is; characters that its fonts may lack become question marks."""
    return "".join(_ESCAPES.get(character, character if _is_plain(character) else "?") for character in text)


def _is_plain(character: str) -> bool:
    """Printable ASCII, and the letters of Western Europe, which LaTeX knows."""
    return (character.isascii() and character.isprintable()) or (character.isalpha() and "\xc0" <= character <= "\xff")
