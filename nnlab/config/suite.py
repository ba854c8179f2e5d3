"""The suite file of a benchmark: which experiments, which arms, and how they are compared; frozen models.

    name: tables
    experiments:
      - iris.yaml
      - {config: digits.yaml, name: digits-deep, family: digits, set: {network.layers: [32, 32]}}
    arms: [relu, tanh, "x * sigmoid(x)"]
    seeds: 10

Every fault is a ConfigError with its place, as of an experiment file. What the arms and the experiments hold is read by
`nnlab.comparison.benchmark.sets`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr, ValidationError

from nnlab.config.choices import inner_faults, shown
from nnlab.config.document import Document, folder_of, of_values, read_file, shown_path
from nnlab.config.experiment import Finding, findings_of, is_suite, refusal_at
from nnlab.config.overrides import Setting, override_all
from nnlab.config.schema import Count, FrozenModel, NotNegative
from nnlab.errors import ConfigError, Fault, printable
from nnlab.maths.statistics.across import EQUIVALENCE

DEFAULT_NAME = "benchmark"
ERROR = "error"  # the metric by which arms are compared unless another is named

Label = Annotated[StrictStr, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]


def _entry(value: Any) -> Any:
    """A path alone stands for an entry without more."""
    if isinstance(value, str):
        return {"config": value}
    if isinstance(value, dict | SuiteEntry):
        return value
    raise inner_faults([((), f"found {shown(value)}, expected a path, or a mapping such as {{config: iris.yaml}}")])


class SuiteEntry(FrozenModel):
    """An experiment of a suite: a data set, with the network that is trained on it."""

    config: Annotated[StrictStr, Field(min_length=1)]
    """Path of the experiment file, seen from the suite's folder."""
    name: Label | None = None
    """Its name in tables; by default the experiment's own."""
    family: Annotated[StrictStr, Field(min_length=1)] | None = None
    """Sets of one family, such as mnist and a tenth of it, are counted once."""
    set: dict[StrictStr, Any] = Field(default_factory=dict)
    """Keys of the experiment with other values, such as {training.epochs: 5}."""


def _values(value: Any) -> Any:
    """The values of a tuned key, as texts: a list of them, or a range."""
    if isinstance(value, str) and ".." in value:
        return (value,)
    if not isinstance(value, list | tuple) or not value or any(isinstance(one, dict) for one in value):
        raise inner_faults([((), f"found {shown(value)}, expected a list of values, or a range LOW..HIGH[:log]")])
    return tuple(value)


def _arms(arms: list[str]) -> list[str]:
    if len(arms) < 2:
        raise inner_faults([((), f"found {len(arms)} of them, expected at least two to compare")])
    return arms


def _repeated_arms(values: Any) -> Iterator[Finding]:
    """Arms that a suite with other faults has twice; of one without, they are found as its activations are."""
    arms = values.get("arms") if isinstance(values, Mapping) else None
    if not isinstance(arms, list):
        return
    for index, arm in enumerate(arms):
        if isinstance(arm, str) and arm in arms[:index]:
            yield ("arms", index), f"found {shown(arm)} a second time, expected it once"


def _experiments(entries: list[SuiteEntry]) -> list[SuiteEntry]:
    if not entries:
        raise inner_faults([((), "found [], expected at least one experiment")])
    return entries


class Suite(FrozenModel):
    """A whole suite file."""

    name: Label = DEFAULT_NAME
    """The name of the run's folder."""
    experiments: Annotated[list[Annotated[SuiteEntry, BeforeValidator(_entry)]], AfterValidator(_experiments)]
    """Paths of experiment files, or mappings {config: …, name: …, family: …, set: …}."""
    arms: Annotated[list[StrictStr], AfterValidator(_arms)]
    """The activations: names, names with parameters such as leaky_relu:negative_slope=0.1, or formulas in x."""
    seeds: Annotated[StrictInt, Field(ge=1, lt=1_000_000)] = 10
    """Seeds for each arm on each set: the experiment's and the next."""
    metric: Annotated[StrictStr, Field(min_length=1)] = ERROR
    """error, or a figure such as balanced_accuracy or val/rmse; what is better when larger counts as 1 minus it."""
    baseline: StrictStr | None = None
    """The arm that the others are compared with; by default every pair is compared."""
    equivalence: NotNegative = EQUIVALENCE
    """Errors of which neither is larger by more than this share are the same."""
    tune: dict[StrictStr, Annotated[tuple[Any, ...], BeforeValidator(_values)]] = Field(default_factory=dict)
    """Values or a range LOW..HIGH[:log] of each key to tune, arm by arm, on seeds and rows apart from the others."""
    budget: Count | None = None
    """Settings to draw of what is tuned, the same for every arm; by default every combination of values."""
    tuning_seeds: Count = 3
    """Seeds on which each setting is tried."""

    @property
    def tuned(self) -> list[str]:
        """What is tuned as the command line has it: `KEY=V1,V2` or `KEY=LOW..HIGH[:log]`."""
        return [f"{key}={','.join(map(_text, values))}" for key, values in self.tune.items()]


def _text(value: Any) -> str:
    """A value as `--set` reads it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, list | tuple) else str(value)


@dataclass(frozen=True)
class SuiteFile:
    """A validated suite and its origin: relative paths are seen from `folder`."""

    suite: Suite
    document: Document
    folder: Path
    path: str = ""

    @classmethod
    def of(cls, document: Document, folder: Path, path: str = "") -> SuiteFile:
        """Validate the suite in a document."""
        try:
            suite = Suite.model_validate(document.values)
        except ValidationError as error:
            found = [*findings_of(error, document.values, Suite), *_repeated_arms(document.values)]
            raise refusal_at(document, [finding for finding in found if finding[1]]) from error
        return cls(suite, document, folder, path)

    def refuse(self, findings: list[Finding]) -> None:
        """ConfigError for findings about the suite, each with its place; nothing if there are none."""
        if findings:
            raise refusal_at(self.document, findings)


def suite_of(
    configs: Sequence[str | Path],
    given: Mapping[str, Any],
    activations: Sequence[str] = (),
    tune: Sequence[str] = (),
    default_arms: Sequence[str] = (),
) -> SuiteFile:
    """The suite of a suite file, or of experiment files; `given` are the options, None for those that are not.

    `activations` are arms and `tune` texts such as `KEY=V1,V2`, both in place of the file's. ConfigError lists every
    fault of the suite.
    """
    if not configs:
        raise ConfigError("found no CONFIG, expected a suite, or the experiments of one")
    documents = {path: read_file(path) for path in dict.fromkeys(configs)}
    suites = [path for path, document in documents.items() if is_suite(document)]
    if suites and len(configs) > 1:
        found = f"found a suite among {len(configs)} files, expected it alone, or experiments"
        raise ConfigError(Fault(found, shown_path(suites[0])))
    if suites:
        document, path = documents[suites[0]], suites[0]
        folder, shown_as = folder_of(path), shown_path(path)
    else:
        arms: dict[str, Any] = {"experiments": [str(path) for path in configs], "arms": list(default_arms)}
        document, folder, shown_as = of_values(arms), Path(), ""
    settings = [Setting(key, value, f"--{key.replace('_', '-')}") for key, value in given.items() if value is not None]
    settings += [Setting("arms", list(activations), "--activation")] if activations else []
    settings += [Setting("tune", _tuned(tune), "--tune")] if tune else []
    return SuiteFile.of(override_all(document, settings), folder, shown_as)


def _tuned(texts: Sequence[str]) -> dict[str, Any]:
    """What is tuned, as a suite file has it. ConfigError for a text without a value, and for a key given twice."""
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        if not equals or not values:
            raise ConfigError(Fault("expected KEY=V1,V2,… or KEY=LOW..HIGH[:log]", f"--tune {printable(text)}"))
        if key in found:
            raise ConfigError(Fault("found it again, expected all its values at once", f"--tune {printable(key)}"))
        found[key] = [values]
    return found
