"""Pictures of a finished benchmark, drawn again from its summary.json."""

from __future__ import annotations

from nnlab.comparison.benchmark.contents import BenchmarkContents
from nnlab.experiments.redraw import KeptPictures
from nnlab.storage.folder import RunFolder
from nnlab.storage.summary import BenchmarkSummary


def benchmark_pictures(folder: RunFolder) -> KeptPictures:
    """The pictures of a benchmark. CheckpointError if it has no summary."""
    from nnlab.comparison.benchmark.pictures import BENCHMARK_PICTURES  # noqa: PLC0415 - it loads matplotlib

    summary = folder.summary(BenchmarkSummary)
    name = folder.path.name.partition("_")[2].removesuffix("_benchmark") or folder.path.name
    return KeptPictures(folder, BENCHMARK_PICTURES, lambda: BenchmarkContents.of(name, summary))
