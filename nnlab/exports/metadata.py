"""What an exported file says of its model beside the numbers: texts by key, in which lists are JSON."""

from __future__ import annotations

import json

import nnlab
from nnlab.setup.model import Model


def metadata(model: Model) -> dict[str, str]:
    """Version, name, task, precision, columns and classes."""
    columns = model.columns
    return {
        "nnlab_version": nnlab.__version__,
        "name": model.experiment.name,
        "task": model.experiment.task,
        "precision": str(model.theta.dtype),
        "inputs": json.dumps([column.to_dict() for column in columns.inputs]),
        "targets": json.dumps(columns.targets),
        "classes": json.dumps(columns.classes),
    }
