"""What may be chosen for each entry of the tables of mathematics: defaults and ranges, as their sources give them."""

import math

import pytest

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.losses import LOSSES
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.parameters import Parameter, resolved

# entry, parameter, default, least and largest value; a round bracket leaves the bound out. Switches have no range.
OPTIMIZERS_ALLOW = """
sgd       learning_rate   0.1     (0, inf)
sgd       momentum        0.0     [0, 1)
sgd       nesterov        false
adagrad   learning_rate   0.01    (0, inf)
adagrad   rate_decay      0.0     [0, inf)
adagrad   initial         0.0     [0, inf)
adagrad   epsilon         1e-10   (0, inf)
rmsprop   learning_rate   0.01    (0, inf)
rmsprop   beta            0.99    [0, 1)
rmsprop   epsilon         1e-8    (0, inf)
rmsprop   momentum        0.0     [0, 1)
rmsprop   centered        false
adadelta  learning_rate   1.0     (0, inf)
adadelta  beta            0.9     [0, 1)
adadelta  epsilon         1e-6    (0, inf)
adam      learning_rate   0.001   (0, inf)
adam      beta1           0.9     [0, 1)
adam      beta2           0.999   [0, 1)
adam      epsilon         1e-8    (0, inf)
amsgrad   learning_rate   0.001   (0, inf)
amsgrad   beta1           0.9     [0, 1)
amsgrad   beta2           0.999   [0, 1)
amsgrad   epsilon         1e-8    (0, inf)
adamw     learning_rate   0.001   (0, inf)
adamw     beta1           0.9     [0, 1)
adamw     beta2           0.999   [0, 1)
adamw     epsilon         1e-8    (0, inf)
adamw     weight_decay    0.01    [0, inf)
nadam     learning_rate   0.002   (0, inf)
nadam     beta1           0.9     [0, 1)
nadam     beta2           0.999   [0, 1)
nadam     epsilon         1e-8    (0, inf)
nadam     momentum_decay  0.004   [0, inf)
radam     learning_rate   0.001   (0, inf)
radam     beta1           0.9     [0, 1)
radam     beta2           0.999   [0, 1)
radam     epsilon         1e-8    (0, inf)
lion      learning_rate   1e-4    (0, inf)
lion      beta1           0.9     [0, 1)
lion      beta2           0.99    [0, 1)
lion      weight_decay    0.0     [0, inf)
rprop     learning_rate   0.01    (0, inf)
rprop     shrink          0.5     (0, 1)
rprop     grow            1.2     (1, inf)
rprop     smallest        1e-6    (0, inf)
rprop     largest         50      (0, inf)
lbfgs     learning_rate   1.0     (0, inf)
lbfgs     memory          10      [1, 100]  whole
"""

LOSSES_ALLOW = """
huber                 delta      1.0  (0, inf)
binary_cross_entropy  smoothing  0.0  [0, 1)
cross_entropy         smoothing  0.0  [0, 1)
focal                 gamma      2.0  [0, inf)
"""

ACTIVATIONS_ALLOW = """
relu              negative_slope  0.0        (-inf, inf)  learnable
relu              max_value       inf        (0, inf)     learnable
relu              threshold       0.0        [0, inf)     learnable
leaky_relu        negative_slope  0.01       (-inf, inf)  learnable
prelu             alpha           0.25       (-inf, inf)  learned
rrelu             lower           0.125      [0, inf)
rrelu             upper           0.3333333333333333  [0, inf)
threshold         threshold       1.0        (-inf, inf)
threshold         value           0.0        (-inf, inf)
elu               alpha           1.0        (0, inf)     learnable
celu              alpha           1.0        (0, inf)     learnable
swish             beta            1.0        (-inf, inf)  learnable
softplus          beta            1.0        (0, inf)     learnable
squareplus        b               4.0        (0, inf)     learnable
soft_shrink       threshold       0.5        [0, inf)     learnable
hard_shrink       threshold       0.5        [0, inf)
snake             frequency       1.0        (0, inf)     learnable
soft_exponential  alpha           0.0        (-inf, inf)  learned
maxout            pieces          2          [2, 1000]    whole
"""

TABLES = [(OPTIMIZERS, OPTIMIZERS_ALLOW), (LOSSES, LOSSES_ALLOW), (ACTIVATIONS, ACTIVATIONS_ALLOW)]
ROWS = [(table, *line.split(maxsplit=3)) for table, text in TABLES for line in text.strip().splitlines()]
SWITCHES = [row for row in ROWS if row[3] == "false"]
NUMBERS = [row for row in ROWS if row[3] != "false"]


def named(rows):
    return [f"{row[1]}-{row[2]}" for row in rows]


def found(table, entry, name):
    return next(parameter for parameter in table[entry].parameters if parameter.name == name)


@pytest.mark.parametrize(("table", "text"), TABLES, ids=["optimizers", "losses", "activations"])
def test_the_lists_are_complete_and_in_order(table, text):
    listed = [tuple(line.split()[:2]) for line in text.strip().splitlines()]
    assert [(entry.name, parameter.name) for entry in table.values() for parameter in entry.parameters] == listed


@pytest.mark.parametrize(("table", "entry", "name", "default"), SWITCHES, ids=named(SWITCHES))
def test_switches(table, entry, name, default):
    switch = found(table, entry, name)
    assert (switch.default, switch.expected) == (False, "true or false")
    assert [switch.allows(value) for value in (True, False, 0, 1, "true")] == [True, True, False, False, False]


@pytest.mark.parametrize(("table", "entry", "name", "default", "rest"), NUMBERS, ids=named(NUMBERS))
def test_numbers_are_allowed_up_to_their_bounds(table, entry, name, default, rest):
    number = found(table, entry, name)
    bounds, _, kind = rest.partition("  ")
    low, high = (float(bound) for bound in bounds[1:-1].split(", "))
    assert number.default == float(default)
    assert (number.low, number.high, number.whole) == (low, high, kind.strip() == "whole")
    assert (number.learnable, number.learn_by_default) == (
        kind.strip() in {"learnable", "learned"}, kind.strip() == "learned",
    )  # fmt: skip
    step = 1 if number.whole else 1e-9
    assert number.allows(low) == (bounds[0] == "[")
    assert number.allows(high) == (bounds[-1] == "]" or number.default == math.inf)
    assert math.isinf(low) or (number.allows(low + step) and not number.allows(low - step))
    assert math.isinf(high) or (number.allows(high - step) and not number.allows(high + step))
    assert not number.allows(math.nan)
    assert not number.allows(True)  # noqa: FBT003 - a switch's value is no number


@pytest.mark.parametrize("table", [OPTIMIZERS, LOSSES, ACTIVATIONS, INITIALIZERS])
def test_a_value_out_of_range_is_refused_in_words(table):
    for entry in table.values():
        for parameter in entry.parameters:
            given = {other.name: 1.0 for other in entry.parameters if other.default is None}
            with pytest.raises(ValueError, match=rf"^found nan for {parameter.name} of {entry.name}, expected "):
                resolved(entry, given | {parameter.name: math.nan})


def test_the_words_for_a_range():
    assert Parameter("a", 0.5, "", low=0, high=1, open_=(0, 1)).expected == "a number in (0, 1)"
    assert Parameter("a", 0.5, "", low=0, high=1).expected == "a number in [0, 1]"
    assert Parameter("a", 0.5, "", high=1, open_=(1,)).expected == "a number in (-∞, 1)"
    assert Parameter("a", 0.5, "", low=0).expected == "a number in [0, ∞)"
    assert Parameter("a", 1, "", low=1, high=9, whole=True).expected == "a whole number in [1, 9]"
    assert Parameter("a", 1, "", whole=True).expected == "a whole number"
    assert Parameter("a", 0.5, "").expected == "a number"
    assert Parameter("a", default=True, description="").expected == "true or false"


def test_a_whole_number_may_be_written_with_a_point():
    memory = Parameter("a", 1, "", low=1, high=9, whole=True)
    assert [memory.allows(value) for value in (2, 2.0, 2.5, 0, 10, math.inf, "2")] == [True, True] + [False] * 5


def test_what_has_no_default_must_be_given():
    with pytest.raises(ValueError, match="found None for value of constant, expected a number"):
        resolved(INITIALIZERS["constant"], {})
    with pytest.raises(ValueError, match="constant has no parameter 'gain'"):
        resolved(INITIALIZERS["constant"], {"value": 1.0, "gain": 1.0})
