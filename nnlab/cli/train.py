"""`nnlab train`: one experiment in, one run folder out."""

from __future__ import annotations

from typing import Any

from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.cli.output import command_line, result


def train(
    config: o.OptionalConfig = None,
    *,
    resume: o.Resume = None,
    steps: o.Steps = None,
    epochs: o.Epochs = None,
    max_seconds: o.MaxSeconds = None,
    dry_run: o.DryRun = False,
    print_config: o.PrintConfig = False,
    file: g.FileOptions,
    gates: g.BaselineOptions,
    output: g.Output,
) -> None:
    """Train one network and leave a run folder with metrics, curves and pictures."""
    from nnlab import api
    from nnlab.cli import show

    path = api.config_or_own(config, resume, file.runs_dir)
    experiment = api.resolve(path, steps=steps, epochs=epochs, gates=gates.gates, **file.reading)
    if print_config:
        result(experiment.to_yaml().rstrip("\n"))
    elif dry_run:
        show.cost(output, *api.dry_run(experiment))
    else:
        held, output = {"runs_dir": file.runs_dir, **gates.compared}, output.beside(gates.junit)
        about: dict[str, Any] = {**held, "command": command_line(), "watcher": output.screen}
        about["max_seconds"] = max_seconds
        trained = api.resume(resume, experiment, **about) if resume else api.train(experiment, **about)
        show.training(output, trained)
