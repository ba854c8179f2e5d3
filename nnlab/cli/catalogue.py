"""The commands that list the tables: `nnlab activations list`, `nnlab optimizers list` and so on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from nnlab.cli import completion
from nnlab.cli import options as o
from nnlab.cli.groups import BareOutput, Debugging, command_of
from nnlab.cli.output import written
from nnlab.errors import ConfigError, listed, printable

Text = Annotated[
    str,
    typer.Argument(
        autocompletion=completion.entries("activations"),
        metavar="NAME|FORMULA",
        help='A name, or a formula in x such as "x * sigmoid(x)".',
        show_default=False,
    ),
]
Texts = Annotated[
    list[str],
    typer.Argument(
        autocompletion=completion.entries("activations"),
        metavar="NAME|FORMULA …",
        help='Names, or formulas in x such as "x * sigmoid(x)"; several are drawn over each other.',
        show_default=False,
    ),
]

All = Annotated[
    bool, typer.Option("--all", help="Add the functions of the literature, each with how certain its formula is.")
]
Values = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=NUMBER", help="A parameter of the activation, or of the formula. Repeatable."),
]

PassportFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        parser=o.picture,
        metavar="FILE",
        help="Draw the passport, too: a name that ends in .png, .svg or .pdf.",
        show_default=False,
    ),
]

KINDS = {
    "activations": "activation functions",
    "losses": "losses",
    "optimizers": "optimizers",
    "initializers": "initialisers",
    "schedules": "learning-rate schedules",
}


def catalogues() -> dict[str, typer.Typer]:
    """A group of commands for each table."""
    groups = {kind: _group(kind, words) for kind, words in KINDS.items()}
    for kind in KINDS:
        groups[kind].command("show")(command_of(show if kind == "activations" else _shower(kind)))
    groups["activations"].command("plot")(command_of(plot))
    return groups


def _group(kind: str, words: str) -> typer.Typer:
    group = typer.Typer(help=f"Show the {words} there are.", no_args_is_help=True, rich_markup_mode=None)
    lister = list_activations if kind == "activations" else _lister(kind)
    group.command("list", help=f"List the {words} with formula, parameters and source.")(command_of(lister))
    return group


def list_activations(*, everything: All = False, plugin: o.Plugin = None, output: BareOutput) -> None:
    """List the activations; at the end how many more `--all` lists, or what its letters mean."""
    from nnlab import api
    from nnlab.maths.literature import CERTAINTIES, LITERATURE

    found = api.entries("activations", plugin or (), everything=everything)
    legend = [f"[{letter}] {words}" for letter, words in CERTAINTIES.items()]
    more = [f"{len(LITERATURE)} more, of the literature: nnlab activations list --all"]
    output.result(found, *map(printable, [*_listed(found), "", *(legend if everything else more)]))


def _lister(kind: str) -> Callable[..., None]:
    def listing(*, plugin: o.Plugin = None, output: BareOutput) -> None:
        from nnlab import api

        found = api.entries(kind, plugin or ())
        output.result(found, *map(printable, _listed(found)))

    return listing


def _shower(kind: str) -> Callable[..., None]:
    name_of_one = Annotated[
        str,
        typer.Argument(
            autocompletion=completion.entries(kind), metavar="NAME", help="A name of the list.", show_default=False
        ),
    ]

    def showing(name: str, *, plugin: o.Plugin = None, output: BareOutput) -> None:
        """Show one of them: formula, parameters, source, and lines of an experiment file."""
        from nnlab import api

        found = api.entry(kind, name, plugin or ())
        output.result(found, *map(printable, _entry_lines(found)))

    showing.__annotations__["name"] = name_of_one  # each table has its own names to complete
    return showing


def _entry_lines(entry: dict[str, Any]) -> Iterator[str]:
    """The lines that describe an entry."""
    yield from (entry["name"], f"  {entry['formula']}")
    if "tasks" in entry:
        yield f"  for {', '.join(entry['tasks'])}"
    yield from (f"  parameter {_parameter(parameter)}" for parameter in entry["parameters"])
    yield f"  source: {entry['source']}"
    yield from _example_lines(entry)


def _example_lines(about: dict[str, Any]) -> list[str]:
    lines = about.get("example", "").splitlines()
    return ["  in an experiment file:", *(f"    {line}" for line in lines)] if lines else []


def _listed(found: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each entry and for each of its parameters."""
    width = max(len(entry["name"]) for entry in found)
    for entry in found:
        certainty = f"  [{entry['certainty']}]" if "certainty" in entry else ""
        yield f"{entry['name']:{width}}  {entry['formula']}{certainty}"
        yield from (f"{'':{width}}    {_parameter(parameter)}" for parameter in entry["parameters"])


def _parameter(parameter: dict[str, Any]) -> str:
    default = "" if parameter["default"] is None else f" = {_plain(parameter['default'])}"
    learnable = ", learnable" if parameter["learnable"] else ""
    return f"{parameter['name']}{default}: {parameter['description']} ({parameter['expected']}{learnable})"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float | int) and not isinstance(value, bool) else str(value).lower()


def show(
    text: Text, *, out: PassportFile = None, sets: Values = None, plugin: o.Plugin = None, output: BareOutput
) -> None:
    """Show the passport of an activation, or of a formula with its derived slope: what it is, does and costs."""
    o.use_threads(1)
    from nnlab import api
    from nnlab.experiments.passport import document
    from nnlab.experiments.passport_text import passport_lines
    from nnlab.storage.outputs import is_stdout

    if out is not None and is_stdout(out):
        raise ConfigError("--out: found stdout, which takes the passport in words, expected a file")
    passport = api.activation_passport(text, out, values=_values(sets or ()), plugins=plugin or ())
    about = passport.description.about
    lines = [*_lines(about, with_range=passport.facts is None), *passport_lines(passport)]
    lines += [] if out is None else [str(out)]
    output.result({**about, "passport": document(passport)}, *map(printable, lines))


def _values(words: Sequence[str]) -> dict[str, float]:
    """Parse `NAME=NUMBER` arguments; ConfigError for anything else."""
    found: dict[str, float] = {}
    for word in words:
        name, _, number = word.partition("=")
        readable = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", number, re.IGNORECASE | re.ASCII)
        if not readable or not isfinite(float(number)):
            raise ConfigError(f"--set: found '{printable(word)}', expected NAME=NUMBER such as beta=1.5")
        if name in found:
            raise ConfigError(f"--set: found {printable(name)} twice, expected it once")
        found[name] = float(number) if re.search("[.e]", number, re.IGNORECASE) else int(number)
    return found


def _lines(about: dict[str, Any], *, with_range: bool) -> list[str]:
    """The lines that describe an activation; its range only where its passport has none."""
    lines = [f"{about['name']}", f"  f(x)  = {about['formula']}", f"  f'(x) = {about['slope_formula']}"]
    known = f"range {about['range']}; " if with_range and about["range"] != "unknown" else ""
    lines += [f"  {known}{_start(about)}", f"  source: {about['source']}"]
    lines += [f"  parameter {_parameter(parameter)}" for parameter in about["parameters"]]
    lines += [
        f"  kink at x = {kink['x']:g}: slope {kink['left']:g} on the left, {kink['right']:g} on the right, "
        f"{kink['taken']:g} is taken"
        for kink in about.get("kinks", [])
    ]
    lines += [f"  cannot be trained: {about['untrainable']}" for _ in range("untrainable" in about)]
    return [*lines, *_literature_lines(about), *_example_lines(about)]


def _literature_lines(about: dict[str, Any]) -> Iterator[str]:
    """What is known of a published function: other names, where libraries disagree, and how certain the formula is."""
    if "certainty" not in about:
        return
    from nnlab.maths.literature import CERTAINTIES

    if about["also"]:
        yield f"  also called {', '.join(map(_second_name, about['also']))}"
    if "note" in about:
        yield f"  note: {about['note']}"
    yield f"  certainty {about['certainty']}: {CERTAINTIES[about['certainty']]}"
    yield f"  looked up again: {about['seen_again']}"


def _second_name(second: str) -> str:
    """A second name, which may be that of several functions."""
    from nnlab.maths.literature import entries_called

    names = entries_called(second)
    return f"{second} (a name of {listed(names)})" if len(names) > 1 else second


def _start(about: dict[str, Any]) -> str:
    """The initialiser that `init: recommended` takes for the layer before an activation, in words."""
    return f"init: recommended is {about['initializer']}"


def plot(
    texts: Texts,
    *,
    out: o.PictureFile = Path("activation.png"),
    sets: Values = None,
    plugin: o.Plugin = None,
    _errors: Debugging,
) -> None:
    """Draw an activation or a formula and its slope, with kinks and saturation marked; or several in one picture."""
    from nnlab import api

    api.draw_activations(texts, out, values=_values(sets or ()), plugins=plugin or ())
    written(out)
