"""A formula that says what a name means is that activation: the same weights for every seed."""

import pytest
from strategies import experiment, setup_for

from nnlab.maths.literature import ALL_ACTIVATIONS


def trained_weights(activation, precision):
    setup = setup_for(experiment(precision=precision, network={"layers": [6, 5], "activation": activation}), (0, 3, 7))
    state = setup.start()
    list(setup.fit(state))
    return state.theta.tobytes()


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("silu", ["x * sigmoid(x)", "sigmoid(x)*x", "x / (1 + exp(-x))"]),
        ("mish", ["x * tanh(softplus(x))", "tanh(log(1 + exp(x))) * x"]),
        ("bent_identity", [ALL_ACTIVATIONS["bent_identity"].formula]),
        ("smish", [ALL_ACTIVATIONS["smish"].formula]),
    ],
)
def test_a_formula_and_its_name_train_to_the_same_weights(name, texts, precision):
    found = {trained_weights(choice, precision) for choice in (name, *({"formula": text} for text in texts))}
    assert len(found) == 1
    assert trained_weights("tanh", precision) not in found
