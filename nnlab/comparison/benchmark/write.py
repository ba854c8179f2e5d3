"""Write the files of a benchmark.

results.csv   a row per set, arm and seed        sets.csv        a row per set
pairs.csv     a row per pair of arms, over sets  set_pairs.csv   a row per pair of arms on each set
tuning.csv    a row per set, arm and settings that were tried
table.md, table.tex, report.html   for people    summary.json    all conclusions
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from nnlab.comparison.benchmark.contents import BenchmarkContents
from nnlab.comparison.benchmark.tables import pair_rows, result_rows, set_pair_rows, set_rows, tables_of, tuning_rows
from nnlab.experiments.pictures import draw_all
from nnlab.report.tables import latex, markdown
from nnlab.storage.files import write_csv, write_text
from nnlab.storage.folder import RunFolder
from nnlab.storage.summary import BenchmarkSummary


def write_benchmark(
    folder: RunFolder, contents: BenchmarkContents, warnings: Sequence[str] = (), formats: Sequence[str] = ()
) -> list[str]:
    """Write tables, pictures, summary and report; returns a warning for each picture that failed."""
    name, summary = contents.name, contents.summary
    folder.write_summary(summary)  # first, for what follows may be broken off
    _write_tables(folder, name, summary)
    from nnlab.comparison.benchmark.pictures import BENCHMARK_PICTURES  # noqa: PLC0415 - it loads matplotlib
    from nnlab.comparison.benchmark.report import write_benchmark_report  # noqa: PLC0415

    drawn = {picture: partial(drawing.draw, contents) for picture, drawing in BENCHMARK_PICTURES.items()}
    failed = draw_all(drawn, folder.plots, formats=formats)
    write_benchmark_report(folder, name, summary, [*warnings, *failed])
    return failed


def _write_tables(folder: RunFolder, name: str, summary: BenchmarkSummary) -> None:
    write_csv(folder.path / "results.csv", result_rows(summary))
    write_csv(folder.path / "sets.csv", set_rows(summary))
    write_csv(folder.path / "pairs.csv", pair_rows(summary))
    write_csv(folder.path / "set_pairs.csv", set_pair_rows(summary))
    if any(one.tuning for one in summary.sets.values()):
        write_csv(folder.path / "tuning.csv", tuning_rows(summary))
    tables, legend = tables_of(summary), [*summary.legend()]
    sentences = [*summary.verdict.sentences, *legend]
    write_text(folder.path / "table.md", markdown(name, sentences, summary.verdict.warnings, tables))
    write_text(folder.path / "table.tex", latex(tables, legend))
