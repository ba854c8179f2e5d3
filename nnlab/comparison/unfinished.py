"""The report of a comparison or a sweep that was interrupted or failed, on the arms that were trained before."""

from __future__ import annotations

from collections.abc import Sequence

from nnlab.comparison.contents import Comparison
from nnlab.report.page import FILE, Page, Section, Tone, write_page
from nnlab.report.parts import begun_in, data_section, environment_section, experiment_section, filled
from nnlab.storage.folder import RunFolder
from nnlab.storage.run import ArmsRun, Status
from nnlab.storage.summary import ComparisonSummary, SweepSummary


def write_unfinished_report(
    folder: RunFolder, name: str, status: Status, warnings: Sequence[str], comparison: Comparison | None = None
) -> None:
    """Mark the summary, if there is one, as that of a comparison without an end, and write report.html.

    `comparison` has the trained arms, if there was time to conclude anything of them.
    """
    summary = folder.read_summary()
    if isinstance(summary, ComparisonSummary | SweepSummary):
        folder.write_summary(summary.model_copy(update={"status": status, "gates": ()}))
    if isinstance(summary, SweepSummary):
        from nnlab.comparison.sweep_report import write_sweep_report  # noqa: PLC0415 - it loads matplotlib

        write_sweep_report(folder, name, warnings, comparison)
    elif isinstance(summary, ComparisonSummary):
        from nnlab.comparison.report import write_comparison_report  # noqa: PLC0415 - it loads matplotlib

        write_comparison_report(folder, name, warnings, comparison)
    else:
        write_page(folder.path / FILE, _page_without_arms(folder, name, status, warnings))


def _page_without_arms(folder: RunFolder, name: str, status: Status, warnings: Sequence[str]) -> Page:
    """The page of a comparison without a summary."""
    run = folder.read_run()
    assert isinstance(run, ArmsRun)
    sections = [
        Section("Warnings", warnings),
        data_section(run),
        experiment_section(folder.path),
        environment_section(run),
    ]
    headline = f"{status.capitalize()} before there was a result."
    tone: Tone = "bad" if status == "failed" else "plain"
    return Page(f"{name} ({status})", f"nnlab {run.kind}, begun {begun_in(run)}", headline, tone, filled(sections))
