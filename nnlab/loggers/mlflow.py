"""MLflow: a run of MLflow for each run folder, with a nested one for each arm. Needs `nnlab[mlflow]`.

Where runs go is what MLflow is set to, such as by MLFLOW_TRACKING_URI, or its own default. mlflow.json in the run
folder remembers which runs of MLflow they are, so that a resumed training goes on with its own.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlflow import MlflowClient, get_tracking_uri
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from nnlab.errors import ConfigError, NnlabError, StorageError, told
from nnlab.loggers.logged import LoggedRun
from nnlab.storage.files import write_json
from nnlab.storage.folder import MLFLOW
from nnlab.storage.run import MlflowRuns

_STATUS = {"completed": "FINISHED", "stopped": "FINISHED", "interrupted": "KILLED"}  # of any other: FAILED

# Limits of MLflow: characters of a key, a parameter's value and a tag's; metrics, and others, in one request.
_KEY, _PARAM, _TAG = 250, 6000, 8000
_METRICS_AT_ONCE, _OTHERS_AT_ONCE = 1000, 100


class MlflowLogger:
    """Writes to the store that MLflow is set to."""

    name = "mlflow"

    def __init__(self) -> None:
        """Open the store; nothing is asked of a server. ConfigError if MLflow cannot use its address."""
        uri = get_tracking_uri()
        self.secret = urlsplit(uri).netloc.rpartition("@")[0]
        self.server = self._public(uri)
        try:
            self.client = MlflowClient(tracking_uri=uri)
        except Exception as error:
            found = f"found {self.server}, where MLflow cannot keep runs ({self._public(told(error))})"
            expected = "expected MLFLOW_TRACKING_URI with a place where it can, such as http://localhost:5000"
            raise ConfigError(f"--log-to mlflow: {found}, {expected}") from error

    def write(self, folder: Path, run: LoggedRun) -> None:
        """Log a run and its arms. StorageError, without the password of a server, if anything fails."""
        try:
            self._write(folder, run)
        except Exception as error:
            text = str(error) if isinstance(error, NnlabError) else told(error)
            raise StorageError(self._public(text)) from error

    def _public(self, text: str) -> str:
        """A text without the name and the password that the address of a server may hold."""
        return text.replace(f"{self.secret}@", "") if self.secret else text

    def _write(self, folder: Path, run: LoggedRun) -> None:
        """Go on with the runs of MLflow that a run and its arms have, or begin them; "" is the name of the run."""
        runs = self._kept(folder / MLFLOW)
        for name, one in {"": run, **run.arms}.items():
            if name not in runs:
                runs[name] = self._begun(one, runs.get(""))
                write_json(folder / MLFLOW, MlflowRuns(server=self.server, runs=runs).document())
            self._log(runs[name], one)

    def _kept(self, path: Path) -> dict[str, str]:
        """The runs in mlflow.json that the store still has."""
        document = MlflowRuns.at(path)
        if document is None or document.server != self.server:
            return {}
        return {name: run_id for name, run_id in document.runs.items() if self._has(run_id)}

    def _has(self, run_id: str) -> bool:
        try:
            return bool(self.client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException:
            return False

    def _begun(self, run: LoggedRun, parent: str | None) -> str:
        """A new run of MLflow, below the `parent`."""
        tags = {} if parent is None else {"mlflow.parentRunId": parent}
        about: dict[str, Any] = {"start_time": _milliseconds(run.begun), "run_name": run.name, "tags": tags}
        return str(self.client.create_run(self._experiment(run.experiment), **about).info.run_id)

    def _experiment(self, name: str) -> str:
        """The experiment of MLflow that the environment names, or the one called like ours, made if need be."""
        if given := os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return given
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or name
        found = self.client.get_experiment_by_name(name)
        return str(self.client.create_experiment(name) if found is None else found.experiment_id)

    def _log(self, run_id: str, run: LoggedRun) -> None:
        """Log what the run of MLflow does not have yet, for it forgets no metric and changes no parameter.

        A parameter with another value, as of a training that was made longer, becomes a tag `changed.KEY`.
        """
        there = self.client.get_run(run_id).data
        params = {_key(name).replace("/", "_"): _cut(_shown(value), _PARAM) for name, value in run.config.items()}
        changed = {f"changed.{key}": value for key, value in params.items() if there.params.get(key, value) != value}
        new = [Param(key, value) for key, value in params.items() if key not in there.params]
        tags = [RunTag(key[:_KEY], _cut(value, _TAG)) for key, value in {**_tags(run), **changed}.items()]
        self._log_all(run_id, "metrics", [*self._new_metrics(run_id, run, there.metrics)], _METRICS_AT_ONCE)
        self._log_all(run_id, "params", new, _OTHERS_AT_ONCE)
        self._log_all(run_id, "tags", tags, _OTHERS_AT_ONCE)
        self._log_files(run_id, run.files)
        self.client.set_terminated(run_id, _STATUS.get(run.status, "FAILED"), _milliseconds(run.ended))

    def _new_metrics(self, run_id: str, run: LoggedRun, there: Mapping[str, float]) -> Iterator[Any]:
        """The metrics that are not there yet, at their steps."""
        known = {
            (name, metric.step, metric.value)
            for name in there
            for metric in self.client.get_metric_history(run_id, name)
        }
        for step, figures in (*run.rows, (run.steps, run.final)):
            for figure, value in figures.items():
                if (name := _key(figure), step, value) not in known:
                    yield Metric(name, value, _milliseconds(run.begun), step)

    def _log_all(self, run_id: str, kind: str, entries: list[Any], at_once: int) -> None:
        for begin in range(0, len(entries), at_once):
            self.client.log_batch(run_id, **{kind: entries[begin : begin + at_once]})

    def _log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Log the files as artifacts, from copies: MLflow would follow links in the run folder."""
        with tempfile.TemporaryDirectory() as copies:
            for name, content in files.items():
                path = Path(copies, name)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            self.client.log_artifacts(run_id, copies)


def _tags(run: LoggedRun) -> dict[str, str]:
    tags = {f"nnlab.{name}": value for name, value in run.facts.items()}
    return tags | ({"mlflow.note.content": "\n\n".join(run.notes)} if run.notes else {})


def _key(name: str) -> str:
    """A name as MLflow allows it: letters, digits and a few signs, no longer than it may be."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:_KEY]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
