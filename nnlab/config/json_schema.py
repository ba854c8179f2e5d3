"""The JSON Schema (draft-07) of the experiment file, with which editors complete, explain and check it.

It is made of what validates an experiment: the models of `nnlab.config.schema`, the strings behind their fields as
descriptions, and the tables of activations, losses, optimizers, initialisers and schedules. What a validator accepts in
place of a model's own form, such as a name for a mapping, stands in `SHORTHANDS`. All that nnlab accepts is valid; what
depends on several keys, or on the data, only nnlab finds.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from nnlab.config import schema as models
from nnlab.config.choices import ALL_SCHEDULES, Choice
from nnlab.maths.activations import AnyActivation
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.literature import ALL_ACTIVATIONS, ALL_ALIASES, listed_entries
from nnlab.maths.losses import LOSSES
from nnlab.maths.optimizers import OPTIMIZERS, Optimizer
from nnlab.maths.parameters import Entry, Parameter

Schema = dict[str, Any]

TITLE = "An experiment of nnlab"
FILE_NAME = "nnlab.schema.json"

_TABLE = "$table"
_NULL, _BOOLEAN, _STRING, _NUMBER = ({"type": kind} for kind in ("null", "boolean", "string", "number"))


def experiment_schema(activations: Mapping[str, AnyActivation] = ALL_ACTIVATIONS) -> Schema:
    """The schema of an experiment file; `activations` are those that may be named."""
    found = models.Experiment.model_json_schema(schema_generator=_Generator, ref_template="#/definitions/{model}")
    definitions = {**found.pop("$defs"), **_choices(activations)}
    for name, texts in _descriptions().items():
        model = definitions.get(name, found)
        model["description"] = model["description"].partition("\n\n")[0]
        for key, text in texts.items():
            model["properties"][key]["description"] = text
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": TITLE, "type": found.pop("type")}
    schema: Schema = _as_draft_7({**head, **found, "title": TITLE, "definitions": definitions})
    return schema


def file_content(schema: Schema) -> bytes:
    """What a file of the schema holds."""
    return f"{json.dumps(schema, indent=1, ensure_ascii=False)}\n".encode()


def is_schema(path: Path) -> bool:
    """Whether a file is such a schema, perhaps of another version."""
    with contextlib.suppress(OSError):
        return path.is_file() and TITLE.encode() in path.read_bytes()
    return False


class _Generator(GenerateJsonSchema):
    """Pydantic's own generator, which knows what the validators of nnlab accept beside a model's form."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> Schema:
        """What a validator accepts that runs before a model's own. KeyError for one that has no entry."""
        accepted = SHORTHANDS[schema["function"]["function"].__name__]
        return accepted(self, self.generate_inner(schema["schema"])) if callable(accepted) else {**accepted}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        """A value with its default, as an experiment file has it."""
        inner, default = self.generate_inner(schema["schema"]), schema.get("default")
        if default is None or isinstance(default, BaseModel):
            return {**inner, "default": default.name} if isinstance(default, Choice) else inner
        return {**inner, "default": default}

    def field_title_should_be_set(self, _schema: Any) -> bool:
        """No titles: they would repeat the keys."""
        return False

    def name_of(self, model: Schema) -> Schema:
        """The schema of a model's `name`."""
        definition: Any = self.get_schema_from_definitions(model["$ref"])
        return {**definition["properties"]["name"]}


def _any_of(*schemas: Schema) -> Schema:
    inner = (schema["anyOf"] if list(schema) == ["anyOf"] else [schema] for schema in schemas)
    return {"anyOf": [one for several in inner for one in several]}


def _chosen_from(table: str) -> Schema:
    """A reference to a definition of `_choices`; under this name, since pydantic looks each `$ref` up."""
    return {_TABLE: table}


def _whole(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def _pair(of: Schema) -> Schema:
    return {"type": "array", "items": of, "minItems": 2, "maxItems": 2}


def _widths(low: int) -> tuple[Schema, Schema]:
    return _whole(low, models.WIDEST), _pair(_whole(low, models.WIDEST))


def _one_or_more(_generator: _Generator, inner: Schema) -> Schema:
    return _any_of(inner["items"], inner)


def _source_or_files(_generator: _Generator, inner: Schema) -> Schema:
    """Data whose `source` may be left out beside `files`."""
    required = [key for key in inner["required"] if key != "source"]
    either = [{"required": [key]} for key in ("source", "files")]
    return {**inner, "required": required, "anyOf": either}


_SHARE_OR_COUNT = (
    _NULL,
    {"type": "integer", "minimum": 1},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
)
_STEPS = _whole(1, models.MOST_STEPS)

# By the name of a validator what it accepts: a schema, or a function of the one that it hands on to.
SHORTHANDS: dict[str, Schema | Callable[[_Generator, Schema], Schema]] = {
    "_number": lambda _, number: number,
    "_two": lambda _, numbers: numbers | {"minItems": 2, "maxItems": 2},
    "_batch_size": _any_of(_STEPS, {"const": "all"}),
    "_share_or_count": _any_of(*_SHARE_OR_COUNT),
    "_share_count_or_own": _any_of(*_SHARE_OR_COUNT, {"const": "own"}),
    "_share_count_or_whole": _any_of(*_SHARE_OR_COUNT, {"const": 1.0}),
    "_named": lambda generator, model: _any_of(generator.name_of(model), model),
    "_word": _any_of(_STRING, _BOOLEAN),
    "_listed": _one_or_more,
    "_words_for_a_blank": _one_or_more,
    "_column_kind": lambda _, kind: kind,
    "_init": lambda _, init: _any_of(_chosen_from("weights"), init),
    "_switched": lambda _, model: _any_of({"const": True}, model),
    "pair": _any_of(*_widths(1)),
    "_padding": _any_of({"enum": ["valid", "same"]}, *_widths(0)),
    "_layer": lambda _, model: _any_of({"type": "integer", "minimum": 1}, {"enum": [*models.LAYERS_BY_NAME]}, model),
    "_saving": lambda _, saving: _any_of(_STEPS, *saving["anyOf"][1:]),
    "_activation": _chosen_from("activation"),
    "_initializer": _chosen_from("initializer"),
    "_weights": _chosen_from("weights"),
    "_loss": _chosen_from("loss"),
    "_optimizer": _chosen_from("optimizer"),
    "_first_of_files": _source_or_files,
    "_central_alone": lambda _, model: model,
}


# --- tables -----------------------------------------------------------------------------------------------------------


def _choices(activations: Mapping[str, AnyActivation]) -> dict[str, Schema]:
    """The definitions of what is chosen from tables."""
    initializers = [_entry(entry) for entry in INITIALIZERS.values()]
    trained = [entry for entry in listed_entries(activations) if not entry.untrainable]
    return {
        "activation": _choice([_entry(entry, *_aliases(entry.name)) for entry in trained], _FORMULA),
        "initializer": _choice(initializers),
        "weights": _choice(initializers, {"const": "recommended", "description": "what suits the activation"}),
        "loss": _choice([_entry(entry) for entry in LOSSES.values()]),
        "optimizer": _choice([_optimizer(entry) for entry in OPTIMIZERS.values()]),
        "schedule": _choice([_schedule(entry) for entry in ALL_SCHEDULES.values()]),
    }


def _choice(entries: Sequence[Schema], *others: Schema) -> Schema:
    """One of these entries: as a mapping, or as its name where that is enough."""
    alone = [name for entry in entries if entry["required"] in (["name"], []) for name in _names(entry)]
    return _any_of({"enum": alone}, *others, *entries)


def _names(entry: Schema) -> list[str]:
    name: Schema = entry["properties"]["name"]
    return [*name["enum"]] if "enum" in name else [name["const"]]


def _aliases(name: str) -> list[str]:
    return [alias for alias, meant in ALL_ALIASES.items() if meant == name]


def _entry(entry: Entry, *aliases: str) -> Schema:
    """The mapping that chooses an entry, with all that it may set."""
    parameters = {parameter.name: _parameter(parameter) for parameter in entry.parameters}
    learnable = [parameter.name for parameter in entry.parameters if parameter.learnable]
    more = _learned({"enum": learnable}) if learnable else {}
    if getattr(entry, "weighted", False):
        more["class_weights"] = _CLASS_WEIGHTS
    needed = [parameter.name for parameter in entry.parameters if parameter.default is None]
    name = {"enum": [entry.name, *aliases]} if aliases else {"const": entry.name}
    return _mapping({"name": name, **parameters, **more}, ["name", *needed], entry)


def _mapping(properties: Mapping[str, Schema], required: Iterable[str], entry: Any) -> Schema:
    """A mapping of these keys alone, described by the entry's formula and source."""
    about = f"{entry.formula} ({entry.source})" if entry.source else f"{entry.formula}"
    keys = {"properties": {**properties}, "required": [*required], "additionalProperties": False}
    return {"type": "object", "description": about, **keys}


def _parameter(parameter: Parameter) -> Schema:
    """The values of a parameter, with its description and its default."""
    default = parameter.default
    about: Schema = {"description": parameter.description}
    if default is not None and not (isinstance(default, float) and math.isinf(default)):
        about["default"] = default
    if parameter.choices:
        return {"enum": [*parameter.choices], **about}
    if isinstance(default, bool):
        return {**_BOOLEAN, **about}
    return {"type": "integer" if parameter.whole else "number", **_range(parameter), **about}


def _range(parameter: Parameter) -> Schema:
    """The range of a number; bounds in `open_` do not belong to it."""
    found: Schema = {}
    for word, bound in (("inimum", parameter.low), ("aximum", parameter.high)):
        if math.isfinite(bound):
            found[f"exclusiveM{word}" if bound in parameter.open_ else f"m{word}"] = bound
    return found


def _learned(names: Schema) -> dict[str, Schema]:
    """The keys that say which parameters are learned."""
    learn = {"type": "array", "items": names, "uniqueItems": True, "description": "parameters that are learned"}
    return {"learn": learn, "per_unit": {**_BOOLEAN, "description": "whether each unit learns its own"}}


_FORMULA: Schema = {
    "type": "object",
    "description": "A formula in x; each other key is the value of a name in it.",
    "properties": {"formula": {**_STRING, "description": "such as x * sigmoid(beta * x)"}, **_learned(_STRING)},
    "required": ["formula"],
    "additionalProperties": _NUMBER,
}
_WEIGHT: Schema = {"type": "number", "minimum": 0}
_CLASS_WEIGHTS: Schema = {
    "description": "how much a row of each class counts",
    **_any_of(
        {"const": "balanced"},
        {"type": "object", "additionalProperties": _WEIGHT, "minProperties": 1},
        {"type": "array", "items": _WEIGHT, "minItems": 1},
    ),
}


def _optimizer(entry: Optimizer) -> Schema:
    """An optimizer, whose rate may follow a schedule; Adam needs no name."""
    schema = _entry(entry)
    if entry.name == "adam":
        schema["required"] = []
    if entry.follows_rate:
        rate = schema["properties"]["learning_rate"]
        about = {key: rate.pop(key) for key in ("description", "default")}
        schema["properties"]["learning_rate"] = {**about, **_any_of(rate, _chosen_from("schedule"))}
    return schema


def _schedule(entry: Entry) -> Schema:
    schema = _entry(entry)
    schema["properties"]["base"] = {"type": "number", "exclusiveMinimum": 0, "description": "the rate that it varies"}
    return schema


# --- descriptions -----------------------------------------------------------------------------------------------------


def _descriptions() -> dict[str, dict[str, str]]:
    """By model and key, the string that stands behind the field; inherited fields are included."""
    classes = [node for node in ast.parse(inspect.getsource(models)).body if isinstance(node, ast.ClassDef)]
    own = {node.name: _described(node) for node in classes}
    return {name: _inherited(getattr(models, name), own) for name in own if _is_model(getattr(models, name))}


def _is_model(found: Any) -> bool:
    return issubclass(found, BaseModel) and bool(found.model_fields)


def _described(node: ast.ClassDef) -> dict[str, str]:
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(node.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _inherited(model: type[BaseModel], own: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """By key in the file."""
    texts = {name: text for base in reversed(model.__mro__) for name, text in own.get(base.__name__, {}).items()}
    return {model.model_fields[name].alias or name: text for name, text in texts.items() if name in model.model_fields}


_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def _as_draft_7(value: Any) -> Any:
    """The same in draft-07: bounds by its names, and each reference alone, for it ignores what stands beside one."""
    if isinstance(value, list):
        return [_as_draft_7(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {_BOUNDS.get(key, key): _as_draft_7(item) for key, item in value.items()}
    if _TABLE in inner:
        inner["$ref"] = f"#/definitions/{inner.pop(_TABLE)}"
    if "$ref" in inner and len(inner) > 1:
        inner["allOf"] = [{"$ref": inner.pop("$ref")}]
    return inner
