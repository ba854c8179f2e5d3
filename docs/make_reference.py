"""Write the reference pages, docs/reference/*.md, from the tables of the code.

    python docs/make_reference.py

The pages are committed, so that they can be read where they lie; tests/test_reference.py fails where they are not what
this script makes.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from nnlab import errors
from nnlab.cli.app import COMMANDS, app_of
from nnlab.comparison import pictures as of_comparisons
from nnlab.comparison import sweep_pictures as of_sweeps
from nnlab.comparison.benchmark.pictures import BENCHMARK_PICTURES
from nnlab.config.json_schema import experiment_schema
from nnlab.data.catalogue import CATALOGUE
from nnlab.experiments import catalogue
from nnlab.experiments import pictures as of_trainings
from nnlab.maths.activations import ACTIVATIONS, AnyActivation, RowActivation
from nnlab.maths.initializers import Fans, fair_fault, fair_variances
from nnlab.maths.literature import LITERATURE, Published
from nnlab.maths.metrics import METRICS, TRAINING_METRICS
from nnlab.maths.signal.moments import moments
from nnlab.maths.signal.normal import Moments

FOLDER = Path(__file__).resolve().parent
MADE = "<!-- Made by docs/make_reference.py from the tables of the code: change these, and run it again. -->"

Schema = dict[str, Any]


def pages() -> dict[str, str]:
    """Every reference page by its file name."""
    made = {
        "commands.md": _commands(),
        "keys.md": _keys(experiment_schema()),
        **{f"{kind}.md": _entries(kind) for kind in _TABLES},
        "gains.md": _gains(),
        "data-sets.md": _data_sets(),
        "figures.md": _figures(),
        "exceptions.md": _exceptions(),
        "gallery.md": _pictures(),
    }
    return {name: f"{MADE}\n\n" + "\n\n".join(parts).rstrip() + "\n" for name, parts in made.items()}


def made_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """The text of a cell; `|` would end it, and code with one is HTML, in which it can be escaped."""
    if "|" not in text:
        return text
    as_html = re.sub(r"`([^`]*\|[^`]*)`", lambda code: f"<code>{html.escape(code[1])}</code>", text)
    return as_html.replace("|", "&#124;")


def _code(text: str) -> str:
    return f"`{text}`"


def _plain(value: Any) -> str:
    """A value as an experiment file has it."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) and value.strip() else json.dumps(value)


# --- commands ---------------------------------------------------------------------------------------------------------


def _commands() -> Iterator[str]:
    yield "# Commands and their options"
    yield (
        "What `nnlab COMMAND --help` prints. [On the command line](../command-line.md) says how options work together."
    )
    for words, command in leaves(typer.main.get_command(app_of())):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        yield f"## nnlab {words}"
        yield _sentences(command.help or "")
        usage = " ".join(["nnlab", words, "[OPTIONS]", *(_shown_argument(one) for one in arguments)])
        yield f"Usage: `{usage}`"
        if arguments:
            yield made_table(
                ["argument", "what it is"], [[_code(p.metavar or p.name.upper()), _help(p)] for p in arguments]
            )
        yield made_table(["option", "what it does"], [[_option(p), _help(p) + _default(p)] for p in options])


def leaves(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that start it: those of `nnlab --help` first, in its order."""
    order = {name: place for place, name in enumerate(COMMANDS)}
    for name, command in sorted(group.commands.items(), key=lambda item: order.get(item[0], len(order))):
        words = f"{before} {name}".strip()
        if hasattr(command, "commands"):
            yield from leaves(command, words)
        else:
            yield words, command


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _shown_argument(argument: Any) -> str:
    return _name(argument) if argument.required else f"[{_name(argument)}]"


def _option(option: Any) -> str:
    names = ", ".join(
        sorted([*option.opts, *option.secondary_opts], key=lambda name: (not name.startswith("--"), name))
    )
    return _code(names if option.is_flag else f"{names} {option.metavar or 'TEXT'}")


def _default(option: Any) -> str:
    if option.default in (None, (), False, "") or option.is_flag or option.show_default is False:
        return ""
    return f" Default: {_code(str(option.default))}."


def _help(parameter: Any) -> str:
    return _sentences(parameter.help or "")


def _sentences(text: str) -> str:
    """The text of a docstring or a help in one paragraph for each of its own."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


# --- keys of the experiment file --------------------------------------------------------------------------------------

_SECTIONS = {
    "Experiment": "The file",
    "Data": "data",
    "Source": "data.source, as a mapping",
    "Files": "data.files",
    "DateFormat": "data.columns: a date",
    "Scale": "data.scale",
    "NetworkSpec": "network",
    "LayerSpec": "network.layers: a layer",
    "Augmentation": "augment",
    "BatchNorm": "batch_norm",
    "Norm": "layer_norm",
    "Init": "init",
    "HeadSpec": "network.head",
    "TrainingSpec": "training",
    "EarlyStopping": "training.early_stopping",
    "GradientCheck": "training.gradcheck",
    "Duration": "training.checkpoint_every, in seconds",
}
_CHOSEN = {
    "activation": "[an activation](activations.md) or a formula",
    "initializer": "[an initialiser](initializers.md)",
    "weights": "[an initialiser](initializers.md) or `recommended`",
    "loss": "[a loss](losses.md)",
    "optimizer": "[an optimizer](optimizers.md)",
    "schedule": "[a schedule](schedules.md)",
}


def _keys(schema: Schema) -> Iterator[str]:
    models = {"Experiment": schema, **{k: v for k, v in schema["definitions"].items() if k not in _CHOSEN}}
    assert set(models) == set(_SECTIONS), set(models) ^ set(_SECTIONS)
    yield "# Keys of the experiment file"
    yield (
        "Every key with its values. A key without a default may be left out unless it is required; `null` stands for "
        "that. `nnlab config schema` gives the same to an editor, and [An experiment file](../experiment-file.md) "
        "says how keys work together."
    )
    for name, title in _SECTIONS.items():
        model = models[name]
        yield f"## {title}"
        if name != "Experiment":
            yield _sentences(model["description"])
        required = model.get("required", [])
        rows = [_key_row(key, value, required=key in required) for key, value in model["properties"].items()]
        yield made_table(["key", "values", "default", "what it is"], rows)


def _key_row(key: str, value: Schema, *, required: bool) -> list[str]:
    default = "required" if required else _code(_plain(value["default"])) if "default" in value else ""
    return [_code(key), _values(value), default, _sentences(value["description"])]


def _values(part: Schema) -> str:
    """The values that a part of the schema allows, in words."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return _CHOSEN.get(name) or f"[{_SECTIONS[name]}](#{_anchor(_SECTIONS[name])})"
    if "allOf" in part:
        return _values(part["allOf"][0])
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(map(_values, _worth_naming(part["anyOf"]))))
    if "const" in part or "enum" in part:
        return ", ".join(_code(_plain(one)) for one in part.get("enum", [part.get("const")]))
    return _KINDS[part.get("type", "object")](part)


def _anchor(title: str) -> str:
    """The anchor that MkDocs, and GitHub, give a heading."""
    return re.sub(r"[^\w\s-]", "", title).lower().replace(" ", "-")


def _worth_naming(forms: Sequence[Schema]) -> Iterator[Schema]:
    """The forms without null, and without booleans where names are wanted: YAML reads the name `yes` as one."""
    kinds = {form.get("type") for form in forms}
    left_out = {"null", "boolean"} if "string" in kinds else {"null"}
    return (form for form in forms if form.get("type") not in left_out)


def _number(part: Schema, word: str) -> str:
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {part[bound]:,}" for bound, sign in bounds.items() if abs(part.get(bound, 10**9)) < 10**9]
    return " ".join([word, ", ".join(found)]).strip()


def _array(part: Schema) -> str:
    pair = part.get("minItems") == part.get("maxItems") == 2
    return f"{'two' if pair else 'a list'} of: {_values(part['items'])}"


_KINDS: dict[str, Callable[[Schema], str]] = {
    "integer": lambda part: _number(part, "whole number"),
    "number": lambda part: _number(part, "number"),
    "string": lambda _: "text",
    "boolean": lambda _: "`true`, `false`",
    "array": _array,
    "object": lambda part: f"a mapping from names to {_values(part['additionalProperties'])}",
}


# --- catalogues -------------------------------------------------------------------------------------------------------

_TABLES = {
    "activations": "Activations",
    "losses": "Losses",
    "optimizers": "Optimizers",
    "initializers": "Initialisers",
    "schedules": "Schedules of the learning rate",
}
_WHERE = {
    "activations": "[Activations and formulas](../activations.md) says how to choose one, and write a formula.",
    "losses": "[The head and the loss](../experiment-file.md#the-head-and-the-loss) says how one is chosen.",
    "optimizers": "[Optimizer and schedule](../experiment-file.md#optimizer-and-schedule) says how one is chosen.",
    "initializers": "[Layers and initial weights](../experiment-file.md#layers-and-initial-weights) says where.",
    "schedules": "One stands where a learning rate may, with the rate that it varies as `base`.",
}


def _entries(kind: str) -> Iterator[str]:
    yield f"# {_TABLES[kind]}"
    yield f"`nnlab {kind} list` and `nnlab {kind} show NAME` print the same. {_WHERE[kind]}"
    for name in catalogue.TABLES[kind]:
        about = catalogue.entry(kind, name)
        yield f"## {about['name']}"
        yield "\n".join(_facts(about))
        if about["parameters"]:
            yield made_table(["parameter", "values", "default", "what it is"], map(_parameter, about["parameters"]))
        if "example" in about:
            yield f"```yaml\n{about['example'].rstrip()}\n```"
    if kind == "activations":
        yield from _literature()


def _literature() -> Iterator[str]:
    """The published functions, which have no sections of their own."""
    yield "## The literature"
    yield (
        "`nnlab activations list --all` and `nnlab activations show NAME` print the same. [Activations and "
        "formulas](../activations.md#functions-of-the-literature) says what letters and numbers of sections mean."
    )
    heads = ["name", "formula", "defaults", "source", "certainty", "looked up again", "note"]
    yield made_table(heads, map(_published, LITERATURE.values()))


def _published(entry: Published) -> list[str]:
    seconds = f", also {', '.join(map(_code, entry.also))}" if entry.also else ""
    learned = " (can be learned)" if entry.learnable else ""
    defaults = ", ".join(f"{name} = {value:g}" for name, value in entry.defaults.items())
    certain = [entry.source, entry.certainty, entry.seen_again, entry.note]
    return [_code(entry.name) + seconds, _code(entry.formula), defaults + learned, *certain]


def _facts(about: Mapping[str, Any]) -> Iterator[str]:
    """The facts of an entry as a list."""
    names = {"formula": "value" if "slope_formula" in about else "formula", "slope_formula": "slope"}
    for key, word in names.items():
        if key in about:
            yield f"- {word}: {_code(about[key])}"
    if "range" in about:
        yield f"- range: {about['range']}"
    if "initializer" in about:
        yield f"- `init: recommended` is {_code(about['initializer'])}"
    if "tasks" in about:
        yield f"- for: {', '.join(about['tasks'])}"
    if about["source"]:
        yield f"- source: {about['source']}"


def _parameter(parameter: Mapping[str, Any]) -> list[str]:
    default = "" if parameter["default"] is None else _code(_plain(parameter["default"]))
    learnable = "; can be learned" if parameter["learnable"] else ""
    return [_code(parameter["name"]), parameter["expected"] + learnable, default, parameter["description"]]


def _gains() -> Iterator[str]:
    yield "# Gains of fair starts"
    yield (
        "What `init: fair` makes of each activation f with its default parameters, for pre-activations z ~ N(0, 1): the"
        " gain of the layer above it under each aim, with the standard deviation of the biases where it is not 0, and "
        "what is to be expected under `aim: forward`. [Fair starts](../starts.md) says what follows from the columns. "
        "A dash stands where there is no such start, or where nothing is known."
    )
    rows = [[name, *_gain_cells(found)] for name, entry in ACTIVATIONS.items() if (found := _moments_of(entry))]
    yield made_table(
        [
            *("activation", "forward", "gradient", "critical", "centred"),
            *("same for every input", "gradient a layer", "differences a layer", "± 10 % from"),
        ],
        [[_code(name), *cells] for name, *cells in rows],
    )
    facts = {
        "forward": "1 / √E[f²]",
        "gradient": "1 / √E[f′²]",
        "critical": "the same with biases, for functions with E[f′²] ≥ E[f²]",
        "centred": "1 / √Var f",
        "same for every input": "E[f]² / E[f²]",
        "gradient a layer": "√χ = √(E[f′²] / E[f²]), by what the norm of the gradient is multiplied",
        "differences a layer": (
            "d log E[f²] / d log q for z ~ N(0, q), by what a small relative difference of two signals is multiplied"
        ),
        "± 10 % from": (
            "100 (κ - 1) inputs with κ = E[f⁴] / E[f²]²: from there on the variance of a layer scatters by 10 % or less"
        ),
    }
    yield "\n".join(f"- *{column}*: {what}." for column, what in facts.items())


def _moments_of(entry: AnyActivation) -> Moments | None:
    chosen = {parameter.name: parameter.default for parameter in entry.parameters}
    if isinstance(entry, RowActivation):
        return entry.moments and entry.moments(**chosen)
    return moments(entry, chosen)


def _gain_cells(f: Moments) -> Iterator[str]:
    """The cells of a row of the table of gains."""
    for aim in ("forward", "gradient", "critical", "centred"):
        fans = Fans(2, 2, f)
        start = None if fair_fault(fans, aim=aim) else fair_variances(fans, aim=aim)
        bias = f", biases {_short(math.sqrt(start.bias))}" if start and start.bias > _NO_BIAS else ""
        yield _short(math.sqrt(start.weights)) + bias if start else "–"
    yield f"{100 * f.mean_share:.0f} %"
    yield f"× {_short(math.sqrt(f.chi))}" if f.chi >= 0 else "–"
    yield f"× {_short(f.log_slope)}" if math.isfinite(f.log_slope) else "–"
    yield f"{math.ceil(round(100 * (f.kurtosis - 1), 6)):,}" if math.isfinite(f.kurtosis) else "–"


_NO_BIAS = 1e-6


def _short(number: float) -> str:
    return f"{round(number, 3):g}"


def _data_sets() -> Iterator[str]:
    yield "# Data sets"
    yield (
        "`data: {source: NAME}` in an experiment file takes one of these. `nnlab data show NAME` prints each column of "
        "a table as nnlab reads it, and `nnlab init NAME` writes a starter. Those with a file ship in the folder "
        "`data/`, whose README holds their licences."
    )
    yield made_table(
        ["name", "what it is", "task", "file", "predicted", "source"],
        [
            [
                _code(name),
                entry.description,
                entry.task,
                _code(entry.file) if entry.file else "computed",
                ", ".join(map(_code, entry.target)),
                "" if entry.make else entry.source,
            ]
            for name, entry in CATALOGUE.items()
        ],
    )


def _figures() -> Iterator[str]:
    yield "# Figures of merit"
    yield (
        "A figure has the name of its part before it: `train/loss`, `val/accuracy`, `test/f1/setosa`. Those of one "
        "class or label end with its name. Definitions, and the conventions for undefined cases, are scikit-learn's, "
        "with which the tests compare every figure."
    )
    quick = {name for table in TRAINING_METRICS.values() for name in table} | {"loss"}
    yield made_table(
        ["figure", "for", "formula", "better", "during training", "what it is"],
        [
            [
                _code(name),
                ", ".join(metric.tasks),
                metric.formula,
                metric.better,
                "yes" if name in quick else "if asked for",
                metric.description,
            ]
            for name, metric in METRICS.items()
        ],
    )
    yield (
        "*During training*: `yes` is a column of `metrics.csv` in every run of such a task. The others are in the "
        "final report and `eval`; `training.figures: [NAME]`, or early stopping that watches one, makes them columns "
        "as well."
    )


# --- exceptions -------------------------------------------------------------------------------------------------------


def _exceptions() -> Iterator[str]:
    yield "# Exceptions and exit codes"
    yield (
        "A command that fails prints one line and ends with an exit code; the [library](../python.md) raises an "
        "exception with the same words. `except nnlab.NnlabError` catches them all. [Exit codes](../exit-codes.md) "
        "says what a script does with them."
    )
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.NnlabError)]
    codes = {errors.InterruptedRunError: "129, 130, 143"}
    yield made_table(
        ["exception", "is a", "exit code", "raised where"],
        [[_code(c.__name__), c.__bases__[0].__name__, codes.get(c, str(c.exit_code)), _told(c)] for c in classes],
    )


def _told(found: type) -> str:
    return _sentences(found.__doc__ or "").replace("\n\n", " ")


# --- pictures ---------------------------------------------------------------------------------------------------------

# The pictures of no table, with the command that draws each.
OF_COMMANDS = {
    "activation": (
        "An activation and its slope, by `nnlab activations plot NAME`. Look where the slope is nearly 0, in the grey: "
        "a unit there learns little."
    ),
    "functions": (
        "Up to eight activations and their slopes, by `nnlab activations plot NAME NAME …`. Look where they differ: "
        "for large inputs, and around 0."
    ),
    "passport": (
        "The passport of an activation, by `nnlab activations show NAME -o FILE`: what a wide network that starts with "
        "it does to signals and gradients. [The page on passports](../passport.md) explains each panel."
    ),
    "operations": (
        "A forward pass operation by operation, and beside each the derivative that flows back, by `nnlab draw CONFIG "
        "--operations`. Read it from the inputs to the loss, and the derivatives the other way."
    ),
    "runs": (
        "A figure of several trainings over the steps, by `nnlab runs compare RUN RUN …`. Look which falls sooner, and "
        "which further."
    ),
    "answers": (
        "What a network says of new images, by `nnlab eval RUN --data FOLDER`. Look at wrong answers it is sure of."
    ),
}


def _pictures() -> Iterator[str]:
    yield "# Gallery of pictures"
    yield (
        "Every kind of picture that nnlab draws, and how to read it. A run draws those that suit its task into "
        "`plots/`; [Pictures for a page or a paper](../pictures.md) says how to draw one again, as PDF or SVG. "
        "The images are drawn by `docs/make_gallery.py`, which also says of which experiment each is."
    )
    tables = {
        "training": ("A training", _captions(of_trainings.PICTURES)),
        "comparison": ("A comparison of activations", _captions(of_comparisons.PICTURES)),
        "sweep": ("A sweep", _captions(of_sweeps.PICTURES)),
        "benchmark": ("A benchmark over data sets", _captions(BENCHMARK_PICTURES)),
        "command": ("Drawn by a command of their own", OF_COMMANDS),
    }
    for folder, (title, table) in tables.items():
        yield f"## {title}"
        for name, caption in table.items():
            yield f"### {name if name != 'metric' else 'metric: the figure that is compared'}"
            yield f"![{_alternative(caption)}](../images/gallery/{folder}-{name}.png)"
            yield caption


def _captions(table: Mapping[str, Any]) -> dict[str, str]:
    return {name: drawing.caption for name, drawing in table.items()}


def _alternative(caption: str) -> str:
    """What an image shows, for who cannot see it: a caption's first sentence, without Markdown's own signs."""
    return re.split(r"(?<=[.?!:]) ", caption)[0].rstrip(":").translate(str.maketrans("[]", "()", "`"))


def write() -> None:
    """Write every page, and remove those that are made no more."""
    folder = FOLDER / "reference"
    folder.mkdir(exist_ok=True)
    made = pages()
    for path in folder.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
