"""Output for people on stderr: tables, and progress as live bars on a terminal or as dated lines elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from nnlab.cli.console import console, encodable, has_width, is_live
from nnlab.cli.progress import Bar, Bars, Lines, LinesOfArms, duration, live_lines, short
from nnlab.errors import printable
from nnlab.limits import with_cure

if TYPE_CHECKING:
    from pathlib import Path

    from nnlab.experiments.train import Progress
    from nnlab.gates.hold import Outcome
    from nnlab.gradients.checks import StepReport
    from nnlab.gradients.report import PointReport, TensorRow
    from nnlab.setup.setup import Setup
    from nnlab.storage.summary import ArmSummary, BenchmarkSummary, ComparisonSummary, OverSeeds, StartSummary

_GAP = 2  # blanks between two columns of a table
_MOST_ROWS, _LAST_ROWS = 100, 20  # of a longer table the middle is left out


def _some(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """The rows of a table that are printed: of more than 100 the first 80 and the last 20."""
    if len(rows) <= _MOST_ROWS:
        return rows
    first = rows[: _MOST_ROWS - _LAST_ROWS]
    left_out = [f"… and {len(rows) - _MOST_ROWS:,} more", *[""] * (len(rows[0]) - 1)]
    return [*first, left_out, *rows[-_LAST_ROWS:]]


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column, including its heading."""
    return [max(map(cell_len, column)) for column in zip(*cells, strict=True)]


def _blocks(cells: Sequence[Sequence[str]], numbers_from: int, width: int) -> list[list[int]]:
    """Split a table that is too wide into blocks: each has the first columns and as many others as fit.

    Text may wrap between words, but gets up to a third of the width.
    """
    widths = _widths(cells)
    first, others = list(range(len(widths)))[:numbers_from], list(range(len(widths)))[numbers_from:]
    wide = sum(widths[index] + _GAP for index in first)
    room = width + _GAP - min(wide, max(width // 3, width - sum(widths[index] + _GAP for index in others)))
    blocks, left = [first[:]], room
    for index in others:
        if widths[index] + _GAP > left and len(blocks[-1]) > len(first):
            blocks.append(first[:])
            left = room
        blocks[-1].append(index)
        left -= widths[index] + _GAP
    return blocks


def _table(cells: Sequence[Sequence[str]], columns: Sequence[int], numbers_from: int, width: int) -> Table:
    """A table of the given columns."""
    widths = _widths(cells)
    table = Table(box=None, pad_edge=False, show_header=any(cells[0][index] for index in columns))
    for index in columns:
        is_number = index >= numbers_from
        keeps = is_number and widths[index] <= width // 2  # wider cells are sentences
        table.add_column(cells[0][index], justify="right" if is_number else "left", overflow="fold", no_wrap=keeps)
    for row in cells[1:]:
        table.add_row(*(row[index] for index in columns))
    return table


def print_table(shown_on: Console, cells: Sequence[Sequence[str]], numbers_from: int = 1) -> None:
    """Print a table, whose first line has its headings, in blocks where it is too wide."""
    for number, block in enumerate(_blocks(cells, numbers_from, shown_on.width)):
        if number:
            shown_on.print()
        shown_on.print(_table(cells, block, numbers_from, shown_on.width))


class Screen:
    """All output of a command for people; a quiet screen shows only warnings and errors."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet, self.console = quiet, console()
        self._warned: set[str] = set()

    def say(self, text: str, *, to_type: bool = False) -> None:
        """Print a line, wrapped on a screen unless it is a command line `to_type`."""
        if not self.quiet:
            self._line(text, whole=to_type)

    def warn(self, text: str) -> None:
        """Print a warning, even on a quiet screen, for it may change the meaning of a result; each once.

        What is said before a training is part of its verdict too.
        """
        if text in self._warned:
            return
        self._warned.add(text)
        self._line(f"warning: {with_cure(text)}")

    def alarm(self, text: str) -> None:
        """Print in red, even on a quiet screen, why no figure of a result can be trusted."""
        self._line(text, style="bold red")

    def live_page(self, path: Path) -> None:
        """Print where the page is that follows a run."""
        self.say(f"live: {path.absolute()}", to_type=True)

    def tell(self, text: str) -> None:
        """Print what a user may want to know of the data."""
        if not self.quiet:
            self._line(f"note: {text}")

    def _line(self, text: str, *, whole: bool = False, style: str | None = None) -> None:
        """Print text, unwrapped if stderr is not a screen, so that other programs can search it."""
        wraps = not whole and has_width(self.console)
        self.console.print(encodable(printable(text)), soft_wrap=not wraps, style=style)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> None:
        """Print a table, or nothing without rows; columns from `numbers_from` on are aligned to the right.

        Of a table with more than a hundred rows the middle is left out, with a row that says so.
        Numbers never wrap: a table that is too wide is split into blocks, each beginning with the first columns.
        """
        if self.quiet or not rows:
            return
        cells = [[encodable(printable(cell)) for cell in row] for row in (columns, *_some(rows))]
        self.console.print()
        # Rich's own title of a table would wrap at the table's width.
        self.console.print(encodable(printable(title)), style="bold")
        print_table(self.console, cells, numbers_from)

    @contextlib.contextmanager
    def progress(self, what: str) -> Iterator[Callable[[Progress], None]]:
        """Context with a function that shows the progress of a training."""
        if self.quiet:
            yield lambda _progress: None
        elif is_live():
            with live_lines(self.console) as lines:
                yield self._with_parameters(Bar(lines, what))
        else:
            dated = Lines(self.console, what)
            yield self._with_parameters(dated)
            dated.end()

    def _with_parameters(self, show: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """Print the tables of weights and biases that progress brings along, before it is shown."""

        def observe(progress: Progress) -> None:
            for table in progress.parameters:
                self.table(table.title, table.columns, table.rows)
            show(progress)

        return observe

    @contextlib.contextmanager
    def arms(self) -> Iterator[Callable[[str, Progress], None]]:
        """Context with a function that shows the progress of several trainings, as a bar for each or as lines."""
        if self.quiet:
            yield lambda _label, _progress: None
        elif is_live():
            with live_lines(self.console) as lines:
                yield Bars(lines)
        else:
            dated = LinesOfArms(self.console)
            yield dated
            dated.end()


def figure(value: float | None) -> str:
    """A figure in a table; a dash if it was not measured."""
    return "–" if value is None else f"{value:.6g}"


def show_figures(
    screen: Screen,
    reports: Mapping[str, Mapping[str, float | None]],
    weights: str,
    baselines: Mapping[str, float | None],
    *,
    by_class: bool = True,
    scaled_targets: bool = False,
) -> None:
    """Print the main figures of each part, and a table by class or target; `weights` names the weights in the title.

    With `scaled_targets` the loss is named as one of scaled targets: its units are not those of the other figures.
    The last columns are what the baselines have on the part that counts most.
    """
    from nnlab.maths.metrics import shown_name
    from nnlab.storage.summary import baseline_columns

    columns = {**reports, **baseline_columns(baselines)}
    names = list(dict.fromkeys(name for report in reports.values() for name in report if "/" not in name))
    shown = {name: shown_name(name, scaled_targets=scaled_targets) for name in names}
    rows = [[shown[name], *(figure(column.get(name)) for column in columns.values())] for name in names]
    screen.table(f"Figures of {weights}", ["", *columns], rows)
    for part, report in reports.items() if by_class else ():
        _show_by_class(screen, part, {name: value for name, value in report.items() if "/" in name})


def show_learned(screen: Screen, learned: Mapping[str, float | None]) -> None:
    """Print the learned activation parameters, or nothing without any."""
    from nnlab.storage.summary import OVER_UNITS, learned_rows

    rows = [[name, *map(figure, values)] for name, values in learned_rows(learned).items()]
    screen.table("Learned activation parameters, over the units", ["", *OVER_UNITS], rows)


def _show_by_class(screen: Screen, part: str, figures: Mapping[str, float | None]) -> None:
    """Print figures such as `precision/setosa` as a table with a row for each class or target."""
    metrics = list(dict.fromkeys(name.split("/", 1)[0] for name in figures))
    classes = list(dict.fromkeys(name.split("/", 1)[1] for name in figures))
    if classes:
        rows = [[name, *(figure(figures.get(f"{metric}/{name}")) for metric in metrics)] for name in classes]
        by = "target" if "rmse" in metrics else "class"
        screen.table(f"{part} part, by {by}", ["", *metrics], rows)


def show_gates(screen: Screen, gates: Sequence[Outcome]) -> None:
    """Print each gate with its outcome."""
    if gates:
        rows = [
            [
                "met" if gate.met else "NOT MET",
                gate.shown,
                gate.found,
            ]
            for gate in gates
        ]
        screen.table("Gates", ["", "gate", "value"], rows, numbers_from=2)


def show_setup(screen: Screen, setup: Setup) -> None:
    """Print the network layer by layer, and the data."""
    dataset, split = setup.rows.dataset, setup.rows.of(0).split
    columns = ["layer", "parameter shapes", "outputs", "parameters"]
    screen.table(f"Network of {setup.experiment.name}", columns, _layer_rows(setup), numbers_from=2)
    parts = [["train", len(split.train)], ["val", len(split.validation)], ["test", len(split.test)]]
    targets, classes = dataset.columns.targets, dataset.columns.classes
    named = f"classes {', '.join(classes)}" if classes else f"targets {', '.join(targets)}"
    about = [["set", dataset.name], ["inputs", _inputs(dataset)], ["targets", named]]
    screen.table(
        "Data", ["", ""], about + [[f"rows {name}", f"{count:,}"] for name, count in parts if count], numbers_from=9
    )
    show_columns(screen, dataset)


def show_start(screen: Screen, start: StartSummary) -> None:
    """Print signals and gradients of the layers before training, and a blank line."""
    from nnlab.experiments.first_batch import start_table
    from nnlab.report.page import shown

    if start.layers:
        table = start_table(start)
        screen.table(table.caption, table.columns, [[shown(cell) for cell in row] for row in table.rows])
    say_all(screen, [start.sentence] if start.sentence else [])
    screen.say("")


_MOST_COLUMNS = 40


def show_columns(screen: Screen, dataset: Any) -> None:
    """Print how each column of a table was read."""
    from nnlab.data.described import COLUMNS, columns_of, rows_of

    if not dataset.readings or dataset.image_shape:
        return
    rows = rows_of(columns_of(dataset))
    screen.table("Columns as read", COLUMNS, rows[:_MOST_COLUMNS], numbers_from=len(COLUMNS))
    if len(rows) > _MOST_COLUMNS:
        screen.say(f"and {len(rows) - _MOST_COLUMNS:,} more columns, which nnlab data show prints too")


def _layer_rows(setup: Setup) -> list[list[str]]:
    """Each layer with its tensors, the shape that it gives and how many parameters it has."""
    from nnlab.maths.metrics import SCALED
    from nnlab.networks.layers.windows import times

    network, head = setup.network, setup.experiment.network.head
    rows = [["input", "", times(network.shape), ""]]
    for layer, shape, given in zip(network.layers, network.shapes[:-1], network.shapes[1:], strict=True):
        specs = layer.parameter_specs(shape)
        tensors = ", ".join(f"{s.name.split('/')[-1]} {'×'.join(map(str, s.shape))}" for s in specs)
        rows.append([layer.name, tensors, times(given), f"{sum(s.size for s in specs):,}" if specs else ""])
    of = SCALED if setup.rows.of(0).target_scaling is not None else ""
    named = f"head: {head.activation.name if head.activation else ''} + {head.loss}{of}"
    return [*rows, [named, "", str(network.widths[-1]), ""], ["total", "", "", f"{network.layout.size:,}"]]


def _inputs(dataset: Any) -> str:
    count = dataset.x.shape[1]
    if dataset.image_shape:
        rows, columns, channels = dataset.sample_shape
        if channels == 1:
            return f"{count:,} pixels ({rows} × {columns})"
        return f"{count:,} numbers ({rows} × {columns} pixels in {channels} channels)"
    names = [column.name for column in dataset.columns.inputs]
    return f"{count} columns ({', '.join(names[:8])}{', …' if len(names) > 8 else ''})"


def show_check(screen: Screen, report: StepReport) -> None:
    """Print a check by central differences: the worst entry of each tensor."""
    rows = [
        [
            r.name,
            str(r.checked),
            r.worst,
            f"{r.analytic:.7g}",
            f"{r.numeric:.7g}",
            f"{r.error:.3g}",
            "ok" if r.passed else "FAILED",
        ]
        for r in report.rows
    ]
    columns = ["tensor", "checked", "worst entry", "analytic", "numeric", "error", ""]
    screen.table(f"Gradient before update {report.step + 1}", columns, rows)


def show_exact_check(screen: Screen, reports: Sequence[PointReport], seed: int, reproduce: str) -> None:
    """Print an exact check: the worst entry of each tensor over all points, the units on a kink, and its limits."""
    from nnlab.gradients.report import by_step_of, reasons_of, worst_rows

    columns = ["worst entry", "checked", "untested", "analytic", "exact", "differences", "absolute", "relative", "B"]
    rows = [_exact_cells(row) for row in worst_rows(reports)]
    screen.table("Gradient, each tensor where it is worst", [*columns, "error/B", ""], rows)
    for report in reports:
        _show_kinks(screen, report)
    for name, reason in reasons_of(reports).items():
        screen.say(
            f"{name or 'the network'} is checked by differences alone, for its derivative cannot be followed: {reason}"
        )
    for name in by_step_of(reports):
        screen.say(f"the slope of {name} is by complex step itself: only the differences are independent of it")
    bound = "B bounds what rounding alone may add up to, and an absolute error passes up to 4 B + 5e-162"
    screen.say(f"{bound}; seed {seed}; again with:")
    screen.say(f"  {reproduce}", to_type=True)


def _exact_cells(row: TensorRow) -> list[str]:
    """A tensor's worst entry: both derivatives and the differences with six digits, errors with two."""
    from nnlab.gradients.report import shown

    derivatives = (shown(value, 6) for value in (row.analytic, row.numeric, row.second))
    errors = (shown(value, 2) for value in (row.error, row.relative, row.bound, row.ratio))
    return [row.worst, f"{row.checked}", f"{row.untested}", *derivatives, *errors, row.verdict]


def _show_kinks(screen: Screen, report: PointReport) -> None:
    """The units that stand exactly on a kink at a point, and the verdict there if it is not a pass."""
    from nnlab.gradients.report import kinks_of, shown

    for kink in kinks_of(report.examined):
        screen.say(
            f"{report.point}, batch of {report.batch}: {kink['units']} units of {kink['layer']} stand on a kink, "
            f"with slopes {shown(kink['left'])} and {shown(kink['right'])}; taken is {shown(kink['analytic'])}"
            f"{'' if kink['agrees'] else ', which is WRONG'}"
        )
    if not report.passed:
        screen.say(f"{report.point}, batch of {report.batch}: {report.verdict.name}")


def show_comparison(screen: Screen, summary: ComparisonSummary) -> None:
    """Print the arms, best first: final figures and steps to the target; then the verdict."""
    from nnlab.comparison.tables import baseline_rows, start_cells, start_columns

    arms, seeds, starts = _ranked(summary), len(summary.seeds), start_columns(summary)
    split, _, metric = summary.figure.partition("/")
    figures = sorted(
        (name for name in arms[0][1].final if name.startswith(f"{split}/")),
        key=lambda name: name != summary.figure,
    )
    columns = ["activation", *starts, *map(summary.shown, figures), f"median {metric}", "diverged"]
    rows = [[label, *start_cells(arm, starts), *_final_cells(arm, figures)] for label, arm in arms]
    blank = ["–" for _ in starts]
    rows += [[label, *blank, *_baseline_cells(finals, figures)] for label, finals in baseline_rows(summary).items()]
    screen.table(f"Mean and 95 % interval over {seeds:,} seeds", columns, rows)
    health = [name for name in ("dead", "saturated") if any(name in arm.health for _, arm in arms)]
    columns = ["activation", "reached it", "median steps", "median time", "area", "time per step", *health]
    rows = [[label, *_target_cells(arm, seeds, health)] for label, arm in arms]
    title = f"On the way to {summary.target}; time per step by the clock, over the updates of all seeds together"
    screen.table(title, columns, rows)
    show_verdict(screen, [*summary.legend(), *summary.verdict.sentences], summary.verdict.warnings)


def show_benchmark(screen: Screen, summary: BenchmarkSummary) -> None:
    """Print the mean error of each arm on each set, best first; then the verdict."""
    from nnlab.comparison.benchmark.tables import errors_table
    from nnlab.report.page import shown

    table = errors_table(summary)
    rows = [[shown(cell, 4) for cell in row] for row in table.rows]
    screen.table(table.caption, table.columns, rows)
    sentences, left = summary.verdict.sentences[:_MOST_SENTENCES], len(summary.verdict.sentences) - _MOST_SENTENCES
    more = [f"{left:,} more sentences are in report.html."] if left > 0 else []
    show_verdict(screen, [*summary.legend(), *sentences, *more], summary.verdict.warnings)


_MOST_SENTENCES = 20


def _ranked(summary: ComparisonSummary) -> list[tuple[str, ArmSummary]]:
    """The compared arms, best first, then the others unless they are tried settings."""
    ranking = summary.verdict.ranking
    others = [label for label in summary.arms if label not in ranking and summary.tuned is None]
    return [(label, summary.arms[label]) for label in (*ranking, *others)]


def _final_cells(arm: ArmSummary, figures: Sequence[str]) -> list[str]:
    found = [arm.final[name] for name in figures]
    intervals = (interval(one.mean, one.low, one.high) for one in found)
    return [*intervals, short(found[0].median), f"{arm.diverged:,}"]


def _baseline_cells(finals: Mapping[str, OverSeeds], figures: Sequence[str]) -> list[str]:
    """The cells of a baseline, which has no loss and cannot diverge."""
    found = [finals.get(name) for name in figures]
    intervals = ("–" if one is None else interval(one.mean, one.low, one.high) for one in found)
    return [*intervals, "–" if found[0] is None else short(found[0].median), "–"]


def _target_cells(arm: ArmSummary, seeds: int, health: Sequence[str]) -> list[str]:
    share, steps, seconds = arm.reached_share, arm.steps_to_target.median, arm.seconds_to_target.median
    assert share.low is not None, "a share has bounds"
    assert share.high is not None, "a share has bounds"
    shares = [arm.mean_health(name) for name in health]
    return [
        f"{arm.reached:,} of {seeds:,} [{100 * share.low:.3g}, {100 * share.high:.3g} %]",
        _censored(steps, f"{steps or 0:,.6g}", arm),
        _censored(seconds, _span(seconds or 0), arm),
        short(arm.area.mean),
        "–" if arm.time_per_step is None else _span(arm.time_per_step),
        *("–" if share is None else f"{100 * share:.3g} %" for share in shares),
    ]


def _censored(median: float | None, words: str, arm: ArmSummary) -> str:
    """The median over all seeds; in words if it lies beyond the end, because most seeds never reached the target."""
    if median is not None:
        return words
    return "never" if not arm.reached else "> half never"


def _span(seconds: float) -> str:
    """A short time with its unit: 310 ns, 4.1 µs, 52 ms, 3.2 s."""
    for unit, size in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)):
        if seconds < 999.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return duration(seconds)


def show_verdict(screen: Screen, sentences: Sequence[str], warnings: Sequence[str]) -> None:
    """Print the sentences of a verdict, and its warnings unless the screen is quiet: summary.json has them too."""
    screen.say("")
    for sentence in sentences:
        screen.say(sentence)
    for warning in () if screen.quiet else warnings:
        screen.warn(warning)


def say_all(screen: Screen, sentences: Sequence[str]) -> None:
    """Print sentences below a table."""
    if sentences:
        screen.say("")
        screen.say(" ".join(sentences))


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """An estimate with its bounds: `0.9711 [0.95, 0.9889]`; a dash without an estimate."""
    if value is None:
        return "–"
    return f"{value:.4g}" if low is None or high is None else f"{value:.4g} [{low:.4g}, {high:.4g}]"
