"""Text as Markdown and LaTeX show it unchanged, whatever characters it has."""

from __future__ import annotations

from cmkd_bench.terminal import visible

_LATEX = {
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


def escape_markdown(text: str) -> str:
    """Escape text for Markdown; control characters are shown."""
    text = visible(text)
    for character in "\\|*_<>`[]":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", " ")


def escape_latex(text: str) -> str:
    """Escape text for LaTeX; characters that its fonts may lack become question marks."""
    return "".join(_LATEX.get(character, character if _is_plain(character) else "?") for character in text)


def _is_plain(character: str) -> bool:
    """Whether LaTeX knows a character: printable ASCII and the letters of Western Europe."""
    return (character.isascii() and character.isprintable()) or (character.isalpha() and "\xc0" <= character <= "\xff")
