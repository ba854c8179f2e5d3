"""A traced step as a fragment of LaTeX, with its formulas and matrices."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.experiments.trace.quantities import Trace, TracedQuantity
from nnlab.experiments.trace.tables import BLANK, DIGITS, matrices, shown

Array = NDArray[Any]

_MOST_COLUMNS_OF_PMATRIX = 10


def latex(trace: Trace, digits: int = DIGITS) -> str:
    """The trace as a fragment of a LaTeX document, which needs the package amsmath."""
    return "\n".join(_latex_lines(trace, digits)) + "\n"


def _latex_lines(trace: Trace, digits: int) -> Iterator[str]:
    yield "% needs \\usepackage{amsmath}"
    widest = max(one.values.shape[-1] for one in trace.quantities.values() if one.labels)
    if widest > _MOST_COLUMNS_OF_PMATRIX:
        yield f"\\setcounter{{MaxMatrixCols}}{{{widest}}}"
    yield f"\\section*{{{_plain_latex(trace.title)}}}"
    for section in trace.sections:
        yield f"\\subsection*{{{_plain_latex(section.title)}}}"
        yield from _latex_notes(section.notes)
        for one in section.quantities:
            yield from _latex_quantity(one, digits, in_a_list=section.in_a_list)


def _latex_notes(notes: Sequence[str]) -> Iterator[str]:
    """Notes line by line: words as text, formulas as such."""
    for note in notes:
        parts = groupby(note.split(" "), key=lambda word: bool(re.fullmatch(r"(a|[A-Za-z]{2,})[,;:.]?", word)))
        words = (" ".join(group) if is_text else f"${_in_math(' '.join(group))}$" for is_text, group in parts)
        yield f"\\noindent {' '.join(words)}\\\\"


def _latex_quantity(quantity: TracedQuantity, digits: int, *, in_a_list: bool) -> Iterator[str]:
    """The equation symbol = formula = matrix; a vector is a row."""
    word = f"\\text{{{_plain_latex(quantity.heading)}: }}" if in_a_list else ""
    formula = f" = {_in_math(quantity.formula)}" if quantity.formula and not in_a_list else ""
    if quantity.values.ndim > 2:
        for words, texts in matrices(quantity, digits):
            of = f"{word}{_in_math(quantity.symbol)} \\text{{ {words}}}"
            yield f"\\[ {of} = {_pmatrix(texts)} \\]"
        return
    texts = shown(quantity, digits)
    values = _tex_number(str(texts[()])) if not quantity.labels else _pmatrix(np.atleast_2d(texts))
    yield f"\\[ {word}{_in_math(quantity.symbol)}{formula} = {values} \\]"


def _pmatrix(texts: Array) -> str:
    lines = r" \\ ".join(" & ".join(map(_tex_number, line)) for line in texts.tolist())
    return rf"\begin{{pmatrix}} {lines} \end{{pmatrix}}"


def _tex_number(text: str) -> str:
    if text == BLANK:
        return r"\underline{\hspace{3em}}"
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


_TEXT_ESCAPES = {ord(c): f"\\{c}" for c in "#$%&_{}"} | {
    ord(c): f"\\text{word}{{}}" for c, word in {"\\": "backslash", "~": "asciitilde", "^": "asciicircum", "<": "less",
                                               ">": "greater"}.items()
}  # fmt: skip

_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉ᵢⱼₖ", "0123456789ijk", strict=True))
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "θ": "theta", "λ": "lambda", "μ": "mu",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "ω": "omega", "Δ": "Delta", "Π": "Pi", "Σ": "sum",
}  # fmt: skip
_SIGNS = {
    "·": r"\cdot ", "∗": r"\ast ", "×": r"\times ", "∂": r"\partial ", "←": r"\leftarrow ", "≤": r"\le ", "≥": r"\ge ",
    "∞": r"\infty ", "−": "-", "′": "'", "ᵀ": r"^{\top}", "±": r"\pm ", "…": r"\dots ", "√": r"\surd ",
    "{": r"\{", "}": r"\}", "\\": r"\backslash ", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "~": r"\sim ",
    "^": "{}^",
}  # fmt: skip
_TOKEN = re.compile(
    r"(?P<derivative>[d∂](?P<over>[A-Za-z]?\w?[₀-₉]*)/[d∂](?P<under>[^\W\d_][₀-₉]*))"
    r"|(?P<root>√(?:\((?P<inner>[^()]*)\)|(?P<letter>\w\u0302?)))"
    r"|(?P<indexed>[A-Za-z]_[a-z](?![a-z]))"
    r"|(?P<power>\*\*)"
    r"|(?P<word>[A-Za-zÀ-ÖØ-öø-ž][A-Za-zÀ-ÖØ-öø-ž0-9_]+)"
    r"|(?P<hat>[A-Za-z]\u0302|[âêîôûŵŷ])"
    r"|(?P<space>(?<=[\w,;:)]) (?=[A-Za-z]{2}))"
    r"|(?P<low>[₀-₉ᵢⱼₖ]+)|(?P<high>[⁰¹²³⁴-⁹⁻]+)"
    r"|(?P<other>.)",
    re.DOTALL,
)


def _plain_latex(text: str) -> str:
    """Text with the characters escaped that mean something in LaTeX; signs of formulas as formulas."""
    escaped = text.translate(_TEXT_ESCAPES)
    return re.sub("|".join(_GREEK), lambda found: f"$\\{_GREEK[found[0]]}$", escaped)


def _in_math(formula: str) -> str:
    """A formula of Unicode in LaTeX's math mode: words upright, derivatives as fractions."""
    return "".join(map(_tex_token, _TOKEN.finditer(formula)))


def _tex_token(found: re.Match[str]) -> str:
    return _TEX[found.lastgroup or ""](found)


_TEX: dict[str, Callable[[re.Match[str]], str]] = {
    "derivative": lambda found: rf"\frac{{\partial {_in_math(found['over'])}}}{{\partial {_in_math(found['under'])}}}",
    "root": lambda found: rf"\sqrt{{{_in_math(found['inner'] or found['letter'])}}}",
    "indexed": lambda found: f"{found[0][0]}_{{{found[0][2]}}}",
    "power": lambda _found: "{}^",
    "hat": lambda found: rf"\hat{{{unicodedata.normalize('NFD', found[0])[0]}}}",
    "word": lambda found: rf"\mathrm{{{_plain_latex(found[0])}}}",
    "space": lambda _found: r"\ ",
    "low": lambda found: f"_{{{''.join(_SUBSCRIPTS[c] for c in found[0])}}}",
    "high": lambda found: f"^{{{''.join(_SUPERSCRIPTS[c] for c in found[0])}}}",
    "other": lambda found: _tex_sign(found[0]),
}


def _tex_sign(sign: str) -> str:
    if sign in _GREEK:
        return rf"\{_GREEK[sign]} "
    if sign in _SIGNS or sign.isascii():
        return _SIGNS.get(sign, sign)
    return rf"\text{{{sign}}}"
