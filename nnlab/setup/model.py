"""A trained network: theta and everything needed to use it on new rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.document import of_values
from nnlab.config.experiment import to_plain, validate
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Columns, sample_shape
from nnlab.data.scaling import Scaling
from nnlab.data.stored import stack
from nnlab.data.unseen import as_other, taken_out
from nnlab.errors import CheckpointError, InputError
from nnlab.maths.losses import with_row_weights
from nnlab.maths.metrics import Figures, Scored, report, top_k_for
from nnlab.maths.one_hot import OneHot
from nnlab.networks.evaluator import Evaluator
from nnlab.networks.network import Network
from nnlab.setup.network import dtype_of, network_for
from nnlab.storage.about import ModelAbout, weights_faults
from nnlab.storage.checkpoints import Checkpoint, theta_group

Array = NDArray[Any]


@dataclass(frozen=True)
class Model:
    """One network: theta (1, P), its running statistics (1, Q), and how raw rows become inputs and targets."""

    experiment: Experiment
    network: Network
    theta: Array
    statistics: Array
    columns: Columns
    scaling: Scaling
    target_scaling: Scaling | None
    image_shape: tuple[int, int] | None = None

    def scaled(self, x: Any, rows: NDArray[np.int64] | None = None) -> Any:
        """Raw inputs (N, inputs), or some `rows`, scaled for the network; those in a file are scaled on access."""
        unseen = taken_out(self.columns, self.scaling)
        if rows is not None and len(unseen):
            x, rows = x[rows], None
        return self.scaling.apply(as_other(x, self.columns, unseen), self.theta.dtype, rows)

    def outputs(self, x: Array) -> Any:
        """The outputs (N, K) for raw inputs, in the units of the unscaled targets."""
        return self.outputs_of_scaled(self.scaled(x))

    def every_output(self, x: Array) -> Array:
        """The outputs (N, K) for raw inputs as an array, also where `outputs` keeps what rows decide alone."""
        evaluator = Evaluator(self.network, self.theta, self.statistics)
        with np.errstate(all="ignore"):
            outputs, _ = evaluator.outputs_and_loss(stack([self.scaled(x)]), None)
        return self.in_own_units(outputs[0])

    def outputs_of_scaled(self, x: Array) -> Any:
        """The outputs (N, K) for scaled inputs, in the units of the unscaled targets."""
        return self.scored(x).outputs

    def scored(self, x: Array) -> Scored:
        """The outputs for scaled inputs, in the units of the unscaled targets, and what ranks them."""
        return self._evaluated(x, None)[0]

    def report(self, x: Array, y: Array, weights: Array | None = None, truth: Array | None = None) -> Figures:
        """Loss and all metrics for scaled inputs x and scaled targets y.

        `weights` (N,) are those of the rows, with a mean of 1; without them each row counts 1. `truth` (N, K) are the
        targets as in the data; y, in its own units, differs from them by the rounding of scaling.
        """
        return self.scored_and_report(x, y, weights, truth)[1]

    def scored_and_report(
        self, x: Array, y: Array, weights: Array | None = None, truth: Array | None = None
    ) -> tuple[Scored, Figures]:
        """What `scored` and `report` give, in one pass."""
        scored, loss = self._evaluated(x, self._for_head(y, weights))
        assert loss is not None
        figures: Figures = {"loss": loss}
        return scored, figures | report(
            self.experiment.task,
            scored.outputs,
            self.in_own_units(y) if truth is None else truth,
            weights,
            classes=self.columns.classes,
            target_names=self.columns.targets,
            top_k=top_k_for(self.experiment.task, y.shape[1]),
            scores=scored.scores,
        )

    def _evaluated(self, x: Array, y: Array | None) -> tuple[Scored, float | None]:
        """Outputs and scores for scaled inputs, and the loss given targets as the head takes them."""
        evaluator, targets = Evaluator(self.network, self.theta, self.statistics), None if y is None else y[None]
        with np.errstate(all="ignore"):
            found, loss = evaluator.scored_and_loss(self.experiment.task, stack([x]), targets)
        scored = Scored(self.in_own_units(found.outputs[0]), found.scores[0])
        return scored, None if loss is None else float(loss[0])

    def _for_head(self, y: Any, weights: Array | None) -> Any:
        """Scaled targets as the head takes them, with weights of the rows if it weighs them."""
        if not self.network.head.weighs_rows:
            return y
        return with_row_weights(y, np.ones(len(y)) if weights is None else weights)

    def in_own_units(self, values: Array) -> Array:
        """Outputs or scaled targets in the units of the unscaled targets."""
        return values if self.target_scaling is None else self.target_scaling.invert(values)

    def scaled_targets(self, y: Array) -> Array:
        """Raw targets scaled for the loss. DataError for one that is beyond the network's precision."""
        if isinstance(y, OneHot):
            return y.astype(self.theta.dtype)  # zeros and ones, whatever the precision
        scaling = self.target_scaling or Scaling.fit(y, "none")
        return scaling.apply(y, self.theta.dtype)

    def to_checkpoint(self, extra: Mapping[str, Array], kind: type[ModelAbout], about: Mapping[str, Any]) -> Checkpoint:
        """The model as a checkpoint with `extra` arrays and a document of `kind` with the facts in `about`."""
        arrays = {
            "theta": self.theta,
            "statistics": self.statistics,
            **theta_group("scaling", self.scaling.to_arrays()),
        }
        if self.target_scaling is not None:
            arrays |= theta_group("target_scaling", self.target_scaling.to_arrays())
        if self.network.head.weights is not None:
            arrays["class_weights"] = self.network.head.weights
        facts = {"columns": self.columns.to_dict(), "image_shape": self.image_shape, "layout": self._layout()}
        return Checkpoint({**arrays, **extra}, kind(**facts, **about).document())

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy in another process, or from a pickle, is made of plain values and arrays, as from a checkpoint."""
        kept = self.to_checkpoint({}, ModelAbout, {})
        return _unpickled, (to_plain(self.experiment), kept)

    def _layout(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The name and the shape of each tensor of theta, in order."""
        return tuple((spec.name, tuple(spec.shape)) for spec in self.network.layout.specs)

    @classmethod
    def from_checkpoint(cls, experiment: Experiment, checkpoint: Checkpoint) -> Model:
        """The model in a checkpoint of this experiment. CheckpointError if it is of another or damaged."""
        about = ModelAbout.of(checkpoint.about, "the checkpoint")
        for fault in weights_faults(checkpoint.arrays, about.parameters):
            raise CheckpointError(f"the checkpoint: {fault}")
        try:
            with np.errstate(all="ignore"):
                model = cls._read(experiment, checkpoint, about)
            fits = model._layout() == about.layout and model.fits  # noqa: SLF001 - its own
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError, InputError) as error:
            raise CheckpointError(f"the checkpoint is not one of this experiment: {error!r}") from error
        if not fits:
            raise CheckpointError("the checkpoint holds another network than this experiment describes")
        return model

    @property
    def fits(self) -> bool:
        """Whether theta, statistics, columns and scalings have the sizes and types of the network."""
        network, dtype = self.network, dtype_of(self.experiment)
        scaled = [(self.scaling, network.inputs)]
        scaled += [(self.target_scaling, network.outputs)] if self.target_scaling else []
        return (
            (self.theta.shape, self.theta.dtype) == ((1, network.layout.size), dtype)
            and self.statistics.shape == network.statistics.fills(1, dtype).shape
            and self.statistics.dtype == dtype
            and self.columns.width == network.inputs
            and (self.image_shape is None or network.inputs % math.prod(self.image_shape) == 0)
            and all(scaling.shift.shape == (size,) for scaling, size in scaled)
        )

    @classmethod
    def _read(cls, experiment: Experiment, checkpoint: Checkpoint, about: ModelAbout) -> Model:
        columns = Columns.from_dict(about.columns.document())
        scaling = Scaling.from_arrays(checkpoint.group("scaling"))
        targets = checkpoint.group("target_scaling")
        outputs = len(columns.classes) if experiment.task == "multiclass" else len(columns.targets)
        shape = sample_shape(len(scaling.shift), about.image_shape)
        loss = experiment.network.head.loss
        weights = checkpoint.arrays["class_weights"] if loss and loss.class_weights is not None else None
        return cls(
            experiment,
            network_for(experiment, shape, outputs, weights),
            checkpoint.arrays["theta"],
            checkpoint.arrays["statistics"],
            columns,
            scaling,
            Scaling.from_arrays(targets) if targets else None,
            about.image_shape,
        )


def _unpickled(values: Mapping[str, Any], kept: Checkpoint) -> Model:
    """The inverse of `Model.__reduce__`."""
    return Model.from_checkpoint(validate(of_values(values)), kept)
