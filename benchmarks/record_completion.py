"""Record the words that TAB completes: nnlab/cli/words.json.

    python benchmarks/record_completion.py

They are the names in the tables, the figures, and the keys of the experiment file with their values. A shell waits for
them, so that they are read from a file and not from the tables; tests/cli/test_completion.py compares both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nnlab.config.json_schema import experiment_schema
from nnlab.data.catalogue import CATALOGUE
from nnlab.experiments.catalogue import TABLES
from nnlab.experiments.pictures import PICTURES
from nnlab.maths.literature import ALL_ACTIVATIONS
from nnlab.maths.metrics import METRICS

FILE = Path(__file__).resolve().parents[1] / "nnlab" / "cli" / "words.json"

Schema = dict[str, Any]


def words() -> dict[str, Any]:
    """All words that are completed."""
    keys = keys_of(experiment_schema())
    keys["data.source"] = list(CATALOGUE)
    keys["training.early_stopping.monitor"] = [f"{part}/{name}" for part in ("val", "train") for name in METRICS]
    tables = {kind: list(table) for kind, table in TABLES.items()} | {"activations": list(ALL_ACTIVATIONS)}
    others = ["batch/loss", "batch/running_loss", "gradcheck/error", "optimizer/learning_rate"]
    known = {"figures": list(METRICS), "other_figures": others, "pictures": list(PICTURES)}
    return {**tables, "data": list(CATALOGUE), **known, "keys": keys}


def keys_of(schema: Schema) -> dict[str, list[str]]:
    """The keys that may be set, each with some of its values: words, true and false, and its default."""
    found: dict[str, dict[str, None]] = {}
    _collect(schema, schema, "", found)
    return {key: list(values) for key, values in sorted(found.items())}


def _collect(schema: Schema, part: Schema, before: str, found: dict[str, dict[str, None]]) -> None:
    for key, value in part.get("properties", {}).items():
        path = f"{before}{key}"
        if key == "name" and before:
            continue  # KEY=NAME says the same
        forms = list(_forms(schema, value))
        if any("properties" not in form for form in forms):
            found.setdefault(path, {}).update(dict.fromkeys(_values(value, forms)))
        for form in forms:
            _collect(schema, form, f"{path}.", found)


def _forms(schema: Schema, part: Schema) -> Iterator[Schema]:
    """The forms that a value may have, references followed."""
    if "$ref" in part:
        yield from _forms(schema, schema["definitions"][part["$ref"].rpartition("/")[2]])
        return
    inner = [*part.get("anyOf", ()), *part.get("allOf", ())]
    if not inner or "properties" in part:
        yield part
        return
    for one in inner:
        yield from _forms(schema, one)


def _values(value: Schema, forms: list[Schema]) -> Iterator[str]:
    """The default of a value and the words of its forms, as they are typed; none that a shell would break."""
    is_any_text = any(form.get("type") == "string" and "enum" not in form for form in forms)
    kinds = {"boolean": [] if is_any_text else [True, False], "null": [None]}
    known = [value["default"]] if isinstance(value.get("default"), int | float | str) else []
    for form in forms:
        known += form.get("enum", [form["const"]] if "const" in form else kinds.get(form.get("type", ""), []))
    for one in known:
        word = one if isinstance(one, str) else json.dumps(one)
        if word.isprintable() and not set(word) & set(" ;|'"):
            yield word


if __name__ == "__main__":
    FILE.write_text(json.dumps(words(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
