"""JAX: a jitted step for each batch, and one compiled scan over all steps of a turn; seeds by vmap."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from workloads import Order, Weights, Workload, rows, start

PACKAGES = ("jax", "jaxlib", "numpy")

ACTIVATIONS: dict[str, Any] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "identity": lambda z: z,
}


class _Model:
    """Loss, gradient and update as one function of parameters, slots and a batch."""

    def __init__(self, workload: Workload) -> None:
        self.workload, self.order, self.key = workload, Order(workload), jax.random.key(1)
        self.x, self.y = (jnp.asarray(part) for part in rows(workload.source))
        if workload.convolutions:
            self.x = self.x.reshape(-1, *workload.convolutions.image).transpose(0, 2, 3, 1)
        parameters = [(jnp.asarray(W), jnp.asarray(b)) for W, b in start(workload)]
        # Two trees of zeros: a buffer can be donated only once.
        adam = workload.rule == "adam"
        m, v = (jax.tree.map(jnp.zeros_like, parameters) if kept else () for kept in (adam or workload.momentum, adam))
        self.state = (parameters, m, v, jnp.zeros(workload.seeds if workload.seeds > 1 else ()))

    def loss(self, parameters: Any, x: Any, y: Any, t: Any) -> Any:
        """Mean over the samples; what is dropped depends on the step t."""
        if self.workload.convolutions:
            count = len(self.workload.convolutions.filters)
            x, parameters = self._convolved(parameters[:count], x, t), parameters[count:]
        *hidden, (W_last, b_last) = parameters
        for W, b in hidden:
            x = ACTIVATIONS[self.workload.hidden](x @ W + b)
        z = x @ W_last + b_last
        if self.workload.head == "sigmoid":
            return (jax.nn.softplus(z) - y * z).sum(axis=-1).mean()
        return -(y * jax.nn.log_softmax(z)).sum(axis=-1).mean()

    def _convolved(self, parameters: Any, x: Any, t: Any) -> Any:
        """What the dense layers are given. Channels last are quicker here, the dense layers want them first."""
        of = self.workload.convolutions
        assert of
        for W, b in parameters:
            kernels = W.reshape(x.shape[-1], of.kernel, of.kernel, -1).transpose(1, 2, 0, 3)
            x = b + jax.lax.conv_general_dilated(
                x, kernels, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            x = jax.nn.relu(_pooled(x)) if of.pools_first else _pooled(jax.nn.relu(x))
        x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        if not of.dropout:
            return x
        kept = jax.random.bernoulli(jax.random.fold_in(self.key, t), 1 - of.dropout, x.shape)
        return jnp.where(kept, x / (1 - of.dropout), 0)

    def step(self, state: Any, x: Any, y: Any) -> Any:
        """One update; of all seeds, if there are several."""
        one = self._step
        return jax.vmap(one, in_axes=(0, None, None))(state, x, y) if self.workload.seeds > 1 else one(state, x, y)

    def _step(self, state: Any, x: Any, y: Any) -> Any:
        parameters, m, v, t = state
        g = jax.grad(self.loss)(parameters, x, y, t)
        rate, t = self.workload.rate, t + 1
        if self.workload.momentum:
            m = g = jax.tree.map(lambda m, g: self.workload.momentum * m + g, m, g)
        if self.workload.rule == "sgd":
            return jax.tree.map(lambda p, g: p - rate * g, parameters, g), m, v, t
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        c, d = 1 - 0.9**t, 1 - 0.999**t
        parameters = jax.tree.map(lambda p, m, v: p - rate * (m / c) / (jnp.sqrt(v / d) + 1e-8), parameters, m, v)
        return parameters, m, v, t

    def weights(self) -> Weights:
        """Out of the state."""
        return [(np.asarray(W), np.asarray(b)) for W, b in self.state[0]]


def _pooled(x: Any) -> Any:
    """The largest of 2 × 2."""
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


class Steps(_Model):
    """A compiled call for each step; the state's buffers are donated, the batch is cut out inside."""

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        if workload.shuffle:
            self.compiled = jax.jit(lambda s, x, y, i: self.step(s, x[i], y[i]), donate_argnums=0)
        else:
            self.compiled = jax.jit(self._step_at, donate_argnums=0, static_argnums=4)

    def _step_at(self, state: Any, x: Any, y: Any, begin: Any, count: int) -> Any:
        cut = jax.lax.dynamic_slice_in_dim
        return self.step(state, cut(x, begin, count), cut(y, begin, count))

    def run(self, steps: int) -> None:
        """Dispatch, and wait at the end."""
        state = self.state
        for batch in self.order.batches(steps):
            if isinstance(batch, slice):
                state = self.compiled(state, self.x, self.y, batch.start, batch.stop - batch.start)
            else:
                state = self.compiled(state, self.x, self.y, batch)
        self.state = jax.block_until_ready(state)


class Scan(_Model):
    """All steps of a turn in one compiled program. A scan's batches have one size: the short one starts earlier."""

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.compiled = jax.jit(self._scan, donate_argnums=0)

    def _scan(self, state: Any, x: Any, y: Any, where: Any) -> Any:
        size, cut = self.order.batch, jax.lax.dynamic_slice_in_dim

        def body(state: Any, at: Any) -> Any:
            part = (x[at], y[at]) if at.ndim else (cut(x, at, size), cut(y, at, size))
            return self.step(state, *part), None

        return jax.lax.scan(body, state, where)[0]

    def run(self, steps: int) -> None:
        """One call."""
        batches, rows_, size = self.order.batches(steps), self.order.rows, self.order.batch
        if self.workload.shuffle:
            order = np.stack([np.resize(batch, size) for batch in batches])
            where = jnp.asarray(order.astype(np.int32))
        else:
            where = jnp.asarray(np.array([min(batch.start, rows_ - size) for batch in batches], np.int32))
        self.state = jax.block_until_ready(self.compiled(self.state, self.x, self.y, where))


FORMS = {"jitted step": Steps, "scan": Scan}
