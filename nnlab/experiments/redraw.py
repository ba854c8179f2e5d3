"""Pictures of a finished run, drawn again from what is kept of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from nnlab.errors import CheckpointError, ConfigError, listed, printable, suggestion
from nnlab.experiments.evaluate import PICTURE, require_one_network
from nnlab.experiments.parameter_table import PARAMETERS, parameter_way
from nnlab.experiments.pictures import FROM_METRICS, PICTURES, RunPlotData
from nnlab.experiments.results import curves_of, figure_names, plot_data_of
from nnlab.experiments.resume import refuse_another
from nnlab.experiments.saving import newest, restore
from nnlab.experiments.unchanged import beside
from nnlab.gates.hold import Measured
from nnlab.report.parts import Drawing
from nnlab.setup.experiment_file import ExperimentFile
from nnlab.storage.folder import RunFolder
from nnlab.storage.metrics import METRICS, read_figures
from nnlab.storage.outputs import NamedOutput, format_of


@dataclass(frozen=True)
class KeptPicture:
    """A picture of a run; one that cannot be drawn again from what is kept has a hint `instead`."""

    name: str
    caption: str
    instead: str = ""

    @property
    def text(self) -> str:
        """The caption, or that the picture cannot be drawn again."""
        return f"cannot be drawn again: {self.instead}" if self.instead else self.caption


@dataclass(frozen=True)
class DrawnPicture:
    """A picture that was drawn again, with the words to print below it: its title and what it shows."""

    path: Path
    caption: str


@dataclass(frozen=True)
class KeptPictures:
    """The pictures that a run may have: their table, and a function that reads the data from which they are drawn.

    `lost` holds how to get those that cannot be drawn again.
    """

    folder: RunFolder
    table: Mapping[str, Drawing[Any]]
    read: Callable[[], Any]
    lost: Mapping[str, str] = field(default_factory=dict)

    def there(self) -> list[KeptPicture]:
        """The pictures that the run has."""
        names = [name for name in {**self.table, **self.lost} if os.path.lexists(self.folder.plots / f"{name}.png")]
        captions = {name: drawing.caption for name, drawing in self.table.items()}
        return [KeptPicture(name, captions.get(name, ""), self.lost.get(name, "")) for name in names]

    def check(self, name: str) -> None:
        """ConfigError for a name that is no picture's, or that of one that cannot be drawn again."""
        if name in self.lost:
            raise ConfigError(f"{name}: cannot be drawn again from what is kept of the run; {self.lost[name]}")
        if name not in self.table:
            hint = suggestion(name, self._known()) or f"; expected {listed(self._known(), 'or')}"
            raise ConfigError(f"found no picture '{printable(name[:40])}'{hint}")

    def draw(self, name: str, output: NamedOutput, width: float | None = None, style: str = "screen") -> str:
        """Draw a picture again, `width` inches wide; its caption. ConfigError where the run has nothing to show in it.

        The caption begins with the title of the picture, which the style paper leaves out.
        """
        data = self.read()
        from nnlab import pictures as plots  # noqa: PLC0415 - matplotlib is loaded when the first picture is drawn

        with plots.page_for(width, style=style):
            figure = self.table[name].draw(data)
        if figure is None:
            raise ConfigError(f"{name}: this run has nothing to show in it; expected {listed(self._known(), 'or')}")
        title = " ".join(figure.get_suptitle().split())
        plots.fit_to(figure, width, style=style)
        output.write(plots.to_format(figure, format_of(output.path)))
        return f"{title}. {self.table[name].caption}" if title else self.table[name].caption

    def _known(self) -> list[str]:
        """The names of the pictures that the run has and that can be drawn again; of all, where it has none."""
        there = [one.name for one in self.there() if not one.instead]
        return there or [name for name in self.table if name not in self.lost]


def training_pictures(folder: RunFolder, file: ExperimentFile) -> KeptPictures:
    """The pictures of a training, whose experiment is `file`."""
    require_one_network(folder)
    lost = {PICTURE: "nnlab eval RUN --data FILES --figures svg,pdf draws it"}
    run = folder.read_run()
    has_rows = run is None or run.status != "diverged"
    table = {name: drawing for name, drawing in PICTURES.items() if has_rows or name in FROM_METRICS}
    return KeptPictures(folder, table, lambda: _read(folder, file, has_rows=has_rows), lost)


def _read(folder: RunFolder, file: ExperimentFile, *, has_rows: bool) -> RunPlotData:
    """The data of the pictures, from metrics.csv, the newest checkpoint and the rows of the experiment."""
    begin, _ = newest(folder)
    if begin is None:
        raise CheckpointError(f"{printable(str(folder.path))}: found no checkpoint, expected a run that was saved")
    setup = beside(folder, file).setup()
    refuse_another(folder, setup, begin, file.facts["plugins"])
    state, measured = setup.start(), Measured(scaled_targets=setup.experiment.data.scale_targets)
    if setup.experiment.training.health:
        state.keep_ratios(setup.network)
    restore(state, begin)
    for row in read_figures(folder.path / METRICS, figure_names(setup), begin.about.marks[METRICS].mark()):
        measured.add(*row)
    folder.check_table(METRICS)
    folder.check_table(PARAMETERS)
    if has_rows:
        chosen = setup.chosen(state)
        data = plot_data_of(setup, state, measured, setup.model(chosen.theta, chosen.statistics))
    else:
        data = curves_of(setup, state, measured)
    return replace(data, way=partial(parameter_way, folder.path, setup))
