"""What an activation of a plugin says of itself, and what its functions give: what is wrong is said in one line."""

from __future__ import annotations

import math

import pytest
from support import write

from nnlab.config.plugins import PluginError, with_plugins

HEAD = r"""
import numpy as np
from nnlab.maths.activations import Activation, RowActivation
from nnlab.maths.parameters import Parameter

def own(name="own", **about):
    return Activation.from_functions(name, lambda z, **p: z**3, lambda z, **p: 3 * z**2, **about)

def parameters(*all):
    return own(parameters=all)

def row(**about):
    def backward(z, a, da, out):
        out[...] = da
    return RowActivation("own", lambda z, out: np.copyto(out, z), backward, "", "", "", "he_normal", "", **about)

def plain(value):
    return Activation("own", value, value, "", "", "", "he_normal", "")

class Derived(Activation):
    pass

"""

ATTRIBUTES = {
    "plain(5)": "found int as value of activation 'own', expected a function",
    "own(range=5)": "found int as range of activation 'own', expected text",
    "own(initializer=[])": "found list as initializer of activation 'own', expected text",
    "own(increasing=1)": "found int as increasing of activation 'own', expected True or False",
    "own(value_float32=5)": "found int as value_float32 of activation 'own', expected a function or None",
    "own(randomized=5)": "found int as randomized of activation 'own', expected a function or None",
    "own(randomized=lambda draws: None)": "randomized of activation 'own' gave NoneType, expected a dict",
    "own(parameters=5)": "found int as parameters of activation 'own', expected a list of nnlab.maths.parameters",
    "own(parameters=['a'])": "found list as parameters of activation 'own', expected a list of nnlab.maths.parameters",
    "own(parameter_slopes={5: len})": "found dict as parameter_slopes of activation 'own', expected a dict from",
    "own('a' * 61)": "as the name of an activation, expected up to 60 letters, digits and _",
    "row(units=5)": "found int as units of activation 'own', expected a function",
    "row(units=lambda inputs: 1.5)": "units of activation 'own' gave 1.5, expected a whole number",
    "row(piece=5)": "found int as piece of activation 'own', expected a function or None",
    "row(piece=lambda z, a: None)": "piece of activation 'own' gave NoneType, expected an array of numbers",
    "Derived('own', *[len] * 2, *[''] * 5)": "expected a list of nnlab.maths.activations.Activation",
}
KINKS = {
    "'abc'": "kinks of activation 'own' gave 'a', expected numbers",
    "None": "found NoneType as kinks of activation 'own', expected a function or a list of numbers",
    "[float('nan')]": "kinks of activation 'own' gave nan, expected numbers",
    "[float('inf')]": "kinks of activation 'own' gave inf, expected numbers",
    "[1e308]": "kinks of activation 'own' gave 1e+308, expected numbers",
    "[10**400]": "kinks of activation 'own' gave 1000",
    "[[1], [1, 2]]": "kinks of activation 'own' gave [1], expected numbers",
    "[True]": "kinks of activation 'own' gave True, expected numbers",
    "range(1001)": "kinks of activation 'own' gave 1,001 points, expected at most 1,000",
    "lambda: 5": "kinks of activation 'own' gave int, expected a list of numbers",
    "lambda: iter([1])": "kinks of activation 'own' gave list_iterator, expected a list of numbers",
    r"lambda: ['\x1b[31m']": r"kinks of activation 'own' gave '\x1b[31m', expected numbers",
}
PARAMETERS = {
    r"Parameter('\x1b[31m', 1.0, '')": r"found '\x1b[31m' as name of a parameter of activation 'own', expected up to",
    r"Parameter('a\nb', 1.0, '')": r"found 'a\nb' as name of a parameter",
    "Parameter('a/b', 1.0, '')": "found 'a/b' as name of a parameter",
    "Parameter(5, 1.0, '')": "found 5 as name of a parameter",
    "Parameter('a', 1.0, ''), Parameter('a', 2.0, '')": "has two parameters named 'a', expected different names",
    "Parameter('learn', 1.0, '')": "has a parameter named name or learn or per_unit, expected another name",
    "Parameter('a', float('nan'), '')": "found nan as default of parameter 'a' of activation 'own', expected a number",
    "Parameter('a', 10**400, '')": "as default of parameter 'a' of activation 'own', expected a number",
    "Parameter('a', [1], '')": "found [1] as default of parameter 'a'",
    "Parameter('a', 1.0, '', low=3)": "found 1.0 as default of parameter 'a' of activation 'own', expected a number in",
    "Parameter('a', 'b', '')": "found 'b' as default of parameter 'a' of activation 'own', expected a number",
    "Parameter('a', 'b', '', choices=['c'])": "found 'b' as default of parameter 'a' of activation 'own', expected one",
    "Parameter('a', 'b', '', choices='abc')": "found 'abc' as choices of parameter 'a'",
    "Parameter('a', 1.0, 5)": "found 5 as description of parameter 'a' of activation 'own', expected text",
    "Parameter('a', 1.0, '', low='x')": "found 'x' as low of parameter 'a' of activation 'own', expected a number",
    "Parameter('a', 1.0, '', high=float('nan'))": "found nan as high of parameter 'a'",
    "Parameter('a', None, '', low=3, high=2)": "found 3 as low and 2 as high of parameter 'a'",
    "Parameter('a', 1.0, '', open_=0)": "found 0 as open_ of parameter 'a' of activation 'own', expected a list of",
    "Parameter('a', 1.0, '', whole='no')": "found 'no' as whole of parameter 'a' of activation 'own', expected True or",
    "Parameter('a', True, '', learnable=True)": "has a learnable parameter 'a', expected a number that is not whole",
    "Parameter('a', 1.0, '', learn_by_default=True)": "has learn_by_default of 'a', expected a learnable parameter",
    "Parameter('a', 1.0, '', at_most=5)": "found 5 as at_most of parameter 'a' of activation 'own', expected text",
    "Parameter('a', 1.0, '', at_most='b')": "has 'b' as at_most of 'a', expected the name of a number",
    "'a'": "found tuple as parameters of activation 'own', expected a list of nnlab.maths.parameters.Parameter",
}
WRONG = (
    ATTRIBUTES
    | {f"own(kinks={code})": message for code, message in KINKS.items()}
    | {f"parameters({code})": message for code, message in PARAMETERS.items()}
)


@pytest.mark.parametrize(("code", "message"), WRONG.items(), ids=WRONG)
def test_what_cannot_be_used_of_an_activation_is_said_in_one_line_when_it_is_loaded(code, message, tmp_path):
    path = write(tmp_path, f"{HEAD}ACTIVATIONS = [{code}]\n", "own.py")
    with pytest.raises(PluginError) as refused:
        with_plugins([path])
    assert message in str(refused.value)
    assert str(refused.value).isprintable()
    assert refused.value.exit_code == 2


RIGHT = {
    "a list of parameters": "own(parameters=[Parameter('α', 1.0, '', learnable=False), Parameter('b', True, '')])",
    "words": "parameters(Parameter('a', 'b', '', choices=['b', 'c']), Parameter('d', None, '', choices=['e']))",
    "an infinite default": "parameters(Parameter('a', math.inf, '', low=0))",
    "at most another one": "parameters(Parameter('a', 1.0, '', at_most='b'), Parameter('b', 2.0, ''))",
    "an array of kinks": "own(kinks=np.array([0.0, 1.0]))",
    "a function that gives an array": "own(kinks=lambda: np.float32([0.0, 1.0]))",
    "a thousand kinks": "own(kinks=range(1000))",
    "drawn": "own(randomized=lambda draws: {})",
    "pieces": "row(piece=lambda z, a: np.sign(z))",
}


@pytest.mark.parametrize("code", RIGHT.values(), ids=RIGHT)
def test_what_can_be_used_is_taken(code, tmp_path):
    path = write(tmp_path, f"import math\n{HEAD}ACTIVATIONS = [{code}]\n", "own.py")
    assert with_plugins([path])["own"].name == "own"


def test_kinks_are_checked_again_under_other_parameters(tmp_path):
    code = "own(kinks=lambda a: [1 / a if a else math.nan], parameters=(Parameter('a', 1.0, ''),))"
    path = write(tmp_path, f"import math\n{HEAD}ACTIVATIONS = [{code}]\n", "own.py")
    kinks = with_plugins([path])["own"].kinks
    assert kinks(a=4.0) == (0.25,)
    for wrong in (0.0, 1e-200, math.nan):
        with pytest.raises(PluginError, match=r"own\.py: kinks of activation 'own' gave"):
            kinks(a=wrong)


@pytest.mark.parametrize("what", ["MemoryError('none')", "Own('none')"])
def test_whatever_a_function_raises_later_names_the_plugin(what, tmp_path):
    code = f"""
class Own(BaseException):
    pass

def kinks(a):
    if a == 2:
        raise {what}
    return ()

ACTIVATIONS = [own(kinks=kinks, parameters=(Parameter("a", 1.0, ""),))]
"""
    kinks = with_plugins([write(tmp_path, HEAD + code, "own.py")])["own"].kinks
    with pytest.raises(PluginError, match=r"own\.py: kinks of activation 'own' raised (MemoryError|Own): none"):
        kinks(a=2.0)
