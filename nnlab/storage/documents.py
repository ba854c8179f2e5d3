"""Documents of runs: frozen models, each with a `schema` number, validated when read.

A file that was edited, cut or comes from elsewhere is a CheckpointError with its place: `run.json: sessions: found 5,
expected a list`. A change that leaves it valid, such as another digit, is found by the SHA-256 that a file has of its
own content. Files written before there was a `schema` number or a `sha256` have the same keys and are read as well.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, StrictInt, ValidationError
from pydantic_core import CoreSchema, core_schema, from_json

from nnlab.errors import CheckpointError, Fault, printable
from nnlab.storage.files import read_plain

SCHEMA = 1
SEAL = "sha256"

_MOST_FAULTS, _MOST_LETTERS = 5, 60


@dataclass(frozen=True)
class _Finite:
    """Marks a finite int or float, kept as it is; text and booleans are refused."""

    least: int | None = None
    most: int | None = None

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        kinds: list[CoreSchema | tuple[CoreSchema, str]] = [
            core_schema.float_schema(strict=True, allow_inf_nan=False, ge=self.least, le=self.most),
            core_schema.int_schema(
                strict=True,
                ge=-_LARGEST if self.least is None else self.least,
                le=_LARGEST if self.most is None else self.most,
            ),
        ]
        expected = "a finite number" if self.least is None else f"a finite number from {self.least} to {self.most:g}"
        return core_schema.union_schema(kinds, custom_error_type="number", custom_error_message=expected)


_LARGEST = 2**64

Number = Annotated[int | float, _Finite()]
Seconds = Annotated[int | float, _Finite(least=0, most=10**12)]
Whole = Annotated[StrictInt, Field(ge=0, le=_LARGEST)]


def _plain(value: Any) -> Any:
    """A JSON value whose numbers are finite, nested as deep as the parser allows."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"found {value}, expected finite numbers")
    if isinstance(value, Mapping):
        for inner in value.values():
            _plain(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _plain(inner)
    return value


# A value without a schema of its own, such as a version or a list of libraries.
Plain = Annotated[Any, BeforeValidator(_plain)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z", strict=True)]


class DocumentPart(BaseModel):
    """A part of a document. Unknown keys are ignored: a later nnlab may write more of them."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, hide_input_in_errors=True)

    def document(self) -> dict[str, Any]:
        """The part as JSON values; keys that were not set are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class RunDocument(DocumentPart):
    """A whole document, with its schema number."""

    version: Annotated[StrictInt, Field(ge=1)] = Field(SCHEMA, alias="schema")

    def model_post_init(self, _context: Any, /) -> None:
        """Set the schema number, so that it is written even if a caller or an old file gives none."""
        self.__pydantic_fields_set__.add("version")

    @classmethod
    def of(cls, values: Any, shown: str) -> Self:
        """The document in `values`, which were read from the file `shown`. CheckpointError lists every fault."""
        try:
            return cls.model_validate(checked_schema(values, shown))
        except ValidationError as error:
            raise CheckpointError(_faults(error, values, shown)) from error

    @classmethod
    def at(cls, path: Path) -> Self | None:
        """The document in the file at a path; None if there is none. CheckpointError if it is invalid."""
        values = read_values(path)
        return None if values is None else cls.of(values, printable(str(path)))


class SealedDocument(RunDocument):
    """A document in a file of its own, with the SHA-256 of its content, however the file lays it out."""

    def document(self) -> dict[str, Any]:
        """The document as JSON values, with its seal."""
        content = super().document()
        return {**content, SEAL: _digest(content)}

    @classmethod
    def of(cls, values: Any, shown: str) -> Self:
        """As of any document; CheckpointError also if it was changed since it was sealed. One without a seal may be."""
        document = super().of(values, shown)
        content = {name: value for name, value in values.items() if name != SEAL}
        if SEAL in values and values[SEAL] != _digest(content):
            found = f"found other content than when it was written, expected that of its {SEAL}"
            raise CheckpointError(f"{shown}: {found}; without that key it is taken as it is")
        return document


def checked_schema(values: Any, shown: str) -> dict[str, Any]:
    """The values of a document. CheckpointError if they are no mapping, or their schema is newer than known."""
    if not isinstance(values, dict):
        raise CheckpointError(f"{shown}: found {_described(values)}, expected a mapping")
    schema = values.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        found = f"found {schema}, written by a newer nnlab, expected at most {SCHEMA}"
        raise CheckpointError(f"{shown}: schema: {found}")
    return values


def read_values(path: Path) -> dict[str, Any] | None:
    """The content of a JSON file of a run, not yet validated; None if there is no such file.

    Raises:
        CheckpointError: it is no plain file, no JSON in UTF-8, or no mapping.
        StorageError: it cannot be read.

    """
    shown = printable(str(path))
    try:
        content = read_plain(path)
    except FileNotFoundError:
        return None
    return checked_schema(parsed(content, shown), shown)


def parsed(content: bytes, shown: str) -> Any:
    """The value of a JSON text. CheckpointError if it is invalid or nested more than 200 levels deep."""
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise CheckpointError(
            f"{shown}: found no JSON ({printable(str(error))}), expected a document of nnlab"
        ) from error


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, allow_nan=False).encode()).hexdigest()


# --- faults -----------------------------------------------------------------------------------------------------------

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_pattern_mismatch": "text of the form {pattern}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "literal_error": "{expected}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
}


def _faults(error: ValidationError, values: Any, shown: str) -> list[Fault]:
    """The first few faults of a document, each with its place."""
    found = error.errors(include_url=False)
    return [Fault(f"{shown}: {_fault(dict(one), values)}") for one in found[:_MOST_FAULTS]]


def _fault(found: dict[str, Any], values: Any) -> str:
    place = _place(found["loc"], values)
    begin = f"{printable(place)}: " if place else ""
    if found["type"] == "missing":
        return f"{begin}found nothing, expected a value"
    context = found.get("ctx", {})
    if found["type"] == "value_error":
        return f"{begin}{context['error']}"
    expected = _EXPECTED.get(found["type"], printable(found["msg"])).format(**context)
    return f"{begin}found {_described(found['input'])}, expected {expected}"


def _place(path: tuple[int | str, ...], values: Any) -> str:
    """Keys and indexes joined by dots, without the labels that pydantic adds for union members."""
    names = []
    for name in path:
        inner = _inner(values, name)
        if inner is not None or name == path[-1]:
            names.append(str(name))
            values = inner
    return ".".join(names)


def _inner(values: Any, name: int | str) -> Any:
    """The value of a key or an index; None if there is none."""
    if isinstance(values, Mapping):
        return values.get(name)
    return values[name] if isinstance(values, list | tuple) and isinstance(name, int) and name < len(values) else None


_WORDS = {None: "null", True: "true", False: "false"}


def _described(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = _WORDS[value] if value is None or isinstance(value, bool) else repr(value)
    return printable(text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…")
