"""A traced step as a fragment of LaTeX, with its formulas and matrices."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.experiments.trace.quantities import Trace, TracedQuantity
from nnlab.experiments.trace.tables import BLANK, DIGITS, matrices, notes, shown
from nnlab.report.tables import escaped

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
        yield from _latex_notes(notes(section))
        for one in section.quantities:
            yield from _latex_quantity(one, digits, in_a_list=section.in_a_list)


def _latex_notes(lines: Sequence[str]) -> Iterator[str]:
    """Notes line by line: words as text, formulas as such."""
    for line in lines:
        yield f"\\noindent {' '.join(_latex_runs(line.split(' ')))}\\\\"


def _latex_runs(words: Sequence[str]) -> Iterator[str]:
    """The words of a note, and between them its formulas in math mode; punctuation behind a formula is text."""
    run: list[str] = []
    for word, following in pairwise([*words, ""]):
        if _goes_on(run) or _begins_formula(word, following):
            run.append(word)
            if not word.endswith((",", ";", ":", ".")) or _is_open(run):
                continue
            yield _inline(run)
        else:
            yield from [_inline(run)] * bool(run)
            yield _code(word) if _CODE.match(word) else _plain_latex(word)
        run = []
    yield from [_inline(run)] * bool(run)


def _code(word: str) -> str:
    """A word as one types it, such as the name of a cell."""
    own = word.rstrip(",;:.")
    return rf"\texttt{{{_plain_latex(own).replace('--', '-{}-')}}}{word[len(own) :]}"


def _inline(run: Sequence[str]) -> str:
    formula = " ".join(run)
    own = formula.rstrip(",;:.")
    return f"${_in_math(own)}$" + _plain_latex(formula[len(own) :])


def _goes_on(run: Sequence[str]) -> bool:
    """Whether a formula cannot end here: in brackets, or behind the sign of an operation."""
    return bool(run) and (_is_open(run) or run[-1] in _OPERATIONS)


def _is_open(run: Sequence[str]) -> bool:
    text = "".join(run)
    return text.count("(") > text.count(")")


def _begins_formula(word: str, following: str) -> bool:
    """Whether a word of a note belongs to a formula: by its signs, or by the operation that follows it."""
    if _CODE.match(word):
        return False
    if following in _OPERATIONS - {"±"} or (word in _FUNCTIONS and _begins_formula(following, "")):
        return not word.endswith((",", ";", ":", "."))
    if word in _OPERATIONS:
        return True
    plain = word.strip('()[],;:."')
    return bool(plain or word.startswith("[")) and plain != "a" and not _WORD_OR_NUMBER.fullmatch(plain)


_OPERATIONS = {*"=+-−·∗×/←≤≥<>±", "<=", ">="}
_WORD_OR_NUMBER = re.compile(r"[A-Za-z][A-Za-z'’]*[A-Za-z][0-9]?([-/][A-Za-z]+)*|[a-z]-th|[\d.,]+°?")
_CODE = re.compile(r"--[a-z]|[a-z]{3,}\w*[./][a-z]")  # options, and names of cells
_FUNCTIONS = {
    name: f"\\{name}" for name in ("arctan", "cos", "cosh", "exp", "log", "max", "min", "sin", "sinh", "tan", "tanh")
} | {"atan": r"\arctan"}


def _latex_quantity(quantity: TracedQuantity, digits: int, *, in_a_list: bool) -> Iterator[str]:
    """The equation symbol = formula = matrix; a vector is a row."""
    word = f"\\text{{{_plain_latex(quantity.heading)}: }}" if in_a_list else ""
    formula = f" = {_in_math(quantity.formula)}" if quantity.formula and not in_a_list else ""
    name = rf" \tag*{{\texttt{{{_plain_latex(quantity.name)}}}}}"
    if quantity.values.ndim > 2:
        for words, texts in matrices(quantity, digits):
            of = f"{word}{_in_math(quantity.symbol)} \\text{{ {words}}}"
            yield f"\\[ {of} = {_pmatrix(texts)}{name} \\]"
        return
    texts = shown(quantity, digits)
    values = _tex_number(str(texts[()])) if not quantity.labels else _pmatrix(np.atleast_2d(texts))
    yield f"\\[ {word}{_in_math(quantity.symbol)}{formula} = {values}{name} \\]"


def _pmatrix(texts: Array) -> str:
    lines = r" \\ ".join(" & ".join(map(_tex_number, line)) for line in texts.tolist())
    return rf"\begin{{pmatrix}} {lines} \end{{pmatrix}}"


def _tex_number(text: str) -> str:
    if text == BLANK:
        return r"\underline{\hspace{3em}}"
    mantissa, _, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉ᵢⱼₖ", "0123456789ijk", strict=True))
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "θ": "theta", "λ": "lambda", "μ": "mu",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "ω": "omega", "Δ": "Delta", "Π": "Pi", "Σ": "sum",
}  # fmt: skip
_SIGNS = {
    "·": r"\cdot ", "∗": r"\ast ", "×": r"\times ", "∂": r"\partial ", "←": r"\leftarrow ", "≤": r"\le ", "≥": r"\ge ",
    "∞": r"\infty ", "−": "-", "′": "'", "ᵀ": r"^{\top}", "±": r"\pm ", "…": r"\dots ", "√": r"\surd ",
    "°": r"^{\circ}",
    "{": r"\{", "}": r"\}", "\\": r"\backslash ", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "~": r"\sim ",
    "^": "{}^",
}  # fmt: skip
_DERIVATIVE = r"[d∂](?P<over>[A-Za-z]?\w?[₀-₉]*)/[d∂](?P<under>[^\W\d_][₀-₉]*)"
_FUNCTION = rf"(?:{'|'.join(sorted(_FUNCTIONS, reverse=True))})(?![A-Za-z0-9_])"
_OPERATOR = r"[A-Za-z][A-Za-z0-9_]+(?=\()"
_PLAIN = rf"(?!{_FUNCTION}|{_OPERATOR}|[d∂]\w*/[d∂])[A-Za-zÀ-ÖØ-öø-ž][A-Za-zÀ-ÖØ-öø-ž0-9_]+"
_TOKEN = re.compile(
    rf"(?P<derivative>{_DERIVATIVE})"
    r"|(?P<root>√(?:\((?P<inner>[^()]*)\)|(?P<letter>\w\u0302?)))"
    r"|(?P<indexed>[A-Za-z]_[a-z](?![a-z]))"
    r"|(?P<power>\*\*)|(?P<raised>\^(?:\((?P<several>[^()]*)\)|(?P<single>\w)))|(?P<number>[\d.]+e-?\d+)"
    rf"|(?P<function>{_FUNCTION})|(?P<operator>{_OPERATOR})"
    rf"|(?P<words>(?:(?<=[,;:)]|[^\WΣ]) )?{_PLAIN}(?: (?:a(?= [a-z]{{2}})|{_PLAIN}))*(?: (?=[\w(∂|]))?)"
    r"|(?P<hat>[A-Za-z]\u0302|[âêîôûŵŷ])"
    r"|(?P<low>[₀-₉ᵢⱼₖ]+)|(?P<high>[⁰¹²³⁴-⁹⁻]+)"
    r"|(?P<other>.)",
    re.DOTALL,
)


def _plain_latex(text: str) -> str:
    """Text with the characters escaped that mean something in LaTeX; signs of formulas as formulas."""
    return re.sub("|".join(_GREEK), lambda found: f"$\\{_GREEK[found[0]]}$", escaped(text))


def _in_math(formula: str) -> str:
    """A formula of Unicode in LaTeX's math mode: words upright, derivatives as fractions."""
    text = "".join(map(_tex_token, _TOKEN.finditer(formula)))
    return re.sub(r"(\\[A-Za-z]+) (?=[ ()^_,;:]|$)", r"\1", text)  # whose names no letter follows


def _tex_token(found: re.Match[str]) -> str:
    return _TEX[found.lastgroup or ""](found)


_TEX: dict[str, Callable[[re.Match[str]], str]] = {
    "derivative": lambda found: rf"\frac{{\partial {_in_math(found['over'])}}}{{\partial {_in_math(found['under'])}}}",
    "root": lambda found: rf"\sqrt{{{_in_math(found['inner'] or found['letter'])}}}",
    "indexed": lambda found: f"{found[0][0]}_{{{found[0][2]}}}",
    "power": lambda _found: "{}^",
    "raised": lambda found: f"^{{{_in_math(found['several'] or found['single'])}}}",
    "number": lambda found: _tex_number(found[0]),
    "hat": lambda found: rf"\hat{{{unicodedata.normalize('NFD', found[0])[0]}}}",
    "function": lambda found: f"{_FUNCTIONS[found[0]]} ",
    "operator": lambda found: rf"\operatorname{{{_plain_latex(found[0])}}}",
    "words": lambda found: rf"\text{{{_plain_latex(found[0])}}}",
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
