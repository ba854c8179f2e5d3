"""`nnlab train`: one experiment in, one run folder out."""

from __future__ import annotations

import shlex
from typing import Any

from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.cli.output import command_line, result


def train(
    config: o.OptionalConfig = None,
    *,
    resume: o.Resume = None,
    dry_run: o.DryRun = False,
    print_config: o.PrintConfig = False,
    length: g.LengthOptions,
    file: g.FileOptions,
    gates: g.BaselineOptions,
    output: g.Output,
) -> None:
    """Train one network and leave a run folder with metrics, curves and pictures."""
    from nnlab import api
    from nnlab.cli import show

    held: dict[str, Any] = {**length.chosen, **gates.compared}
    path = api.config_or_own(config, resume, file.runs_dir)
    experiment = api.resolve(path, gates=gates.gates, **length.settings, **file.reading)
    if print_config:
        result(experiment.to_yaml().rstrip("\n"))
    elif dry_run:
        show.cost(output, *api.dry_run(experiment), _to_draw(path, file))
    else:
        output = output.beside(gates.junit)
        about = {"runs_dir": file.runs_dir, "command": command_line(), "watcher": output.screen, **held}
        trained = api.resume(resume, experiment, **about) if resume else api.train(experiment, **about)
        show.training(output, trained)


def _to_draw(path: str, file: g.FileOptions) -> str:
    """The command that draws the network of this experiment."""
    chosen = {"--set": file.sets or (), "--plugin": file.plugins}
    options = [word for option, values in chosen.items() for value in values for word in (option, str(value))]
    return shlex.join(["nnlab", "draw", path, *options, "-o", "architecture.png"])
