"""Runs that nobody trained: folders with the documents that a list reads."""

from __future__ import annotations

from pathlib import Path

from nnlab.storage.folder import RunFolder
from nnlab.storage.run import TrainingRun
from nnlab.storage.summary import TrainingSummary

CONFIG = """\
name: {name}
task: binary
seed: {seed}
data:
  source:
    name: xor
network:
  layers:
    - dense: 2
  activation: {activation}
optimizer:
  name: sgd
  learning_rate: {rate!r}
"""
BEGUN = "2026-11-21T10:00:00Z"


def made_up(root, name, *, accuracy=0.5, seconds=1.5, status="completed", seed=1, activation="tanh", rate=0.1):
    """A run folder `<root>/<name>` of a training that has ended, and its path."""
    path = Path(root) / name
    path.mkdir(parents=True)
    text = CONFIG.format(name=name.partition("_")[2] or name, seed=seed, activation=activation, rate=rate)
    (path / "config.yaml").write_text(text, encoding="utf-8")
    folder, environment = RunFolder(path), {"numpy": "2.0.0"}
    folder.write_run(TrainingRun(status=status, begun=BEGUN, seconds=seconds, environment=environment))
    final = {"val/loss": 1 - accuracy, "val/accuracy": accuracy}
    best = {"step": 20, "monitor": "val/loss", "value": 1 - accuracy}
    about = {"run": str(path), "status": status, "final": final, "best": best, "gates": (), "steps": 20}
    folder.write_summary(TrainingSummary(**about, parameters=9, seconds=seconds))
    rows = ["step,epoch,val/loss,val/accuracy", "10,1.0,0.9,0.1", f"20,2.0,{1 - accuracy!r},{accuracy!r}"]
    (path / "metrics.csv").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path
