"""`--plugin`: user code adds activations, learnable ones too, and whatever is wrong with it is said in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import NOTEBOOKS, nnlab, nnlab_here, parse_json, read_json, trained, write

from nnlab.config import plugins
from nnlab.config.plugins import with_plugins
from nnlab.experiments.catalogue import listed
from nnlab.experiments.train import Training
from nnlab.maths.literature import ALL_ACTIVATIONS

pytestmark = pytest.mark.usefixtures("no_pictures")

CUBE = """\
import numpy as np
from nnlab.maths.activations import Activation
from nnlab.maths.parameters import Parameter

ACTIVATIONS = [
    Activation.from_functions("cube", lambda z: z**3, lambda z: 3 * z**2, formula="z³", slope_formula="3z²"),
    Activation.from_functions(
        "scaled_tanh",
        value=lambda z, a: np.tanh(a * z),
        slope=lambda z, a: a / np.cosh(a * z) ** 2,
        parameters=(Parameter("a", 0.5, "steepness", low=0, open_=(0,), learnable=True, learn_by_default=True),),
        parameter_slopes={"a": lambda z, a: z / np.cosh(a * z) ** 2},
        formula="tanh(az)",
        slope_formula="a / cosh²(az)",
    ),
]
"""
XOR = """\
name: own
task: binary
precision: float64
data: {source: xor, scale: standard}
network: {layers: [3], activation: cube}
optimizer: {name: sgd, learning_rate: 0.1}
training: {steps: 20, batch_size: all}
"""

BROKEN = {
    "no activations": ("x = 1\n", "ACTIVATIONS"),
    "not a list": ("ACTIVATIONS = 5\n", "found int as ACTIVATIONS"),
    "a list of something else": ("ACTIVATIONS = [1]\n", "expected a list of nnlab.maths.activations.Activation"),
    "raises": ("1 / 0\n", "the plugin raised ZeroDivisionError: division by zero"),
    "raises with control characters": ("raise ValueError('a\\nb\\x1b[31m')\n", r"ValueError: a\nb\x1b[31m"),
    "syntax error": ("def f(:\n", "the plugin raised SyntaxError"),
    "imports what is not there": ("import no_such_module\n", "the plugin raised ModuleNotFoundError"),
    "leaves": ("raise SystemExit(0)\n", "the plugin raised SystemExit"),
    "leaves by sys.exit": ("import sys\nsys.exit()\n", "the plugin raised SystemExit"),
    "not text": ("\x00", "own.py: the plugin raised"),
    "a name that exists": (CUBE.replace('"cube"', '"relu"'), "activation 'relu' exists already, expected a new name"),
    "softmax, which heads know": (CUBE.replace('"cube"', '"softmax"'), "activation 'softmax' exists already"),
    "twice the same": (CUBE.replace('"scaled_tanh"', '"cube"'), "activation 'cube' exists already"),
}


@pytest.mark.parametrize(("code", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_refused_in_one_line_and_nothing_is_written(code, message, tmp_path):
    write(tmp_path, XOR)
    write(tmp_path, code, "own.py")
    result = nnlab_here("train", "experiment.yaml", "--plugin", "own.py", cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.startswith("own.py: ")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("plugin", ["missing.py", ".", "", "/dev/null"])
def test_a_plugin_that_is_no_file_is_refused(plugin, tmp_path):
    result = nnlab_here("train", write(tmp_path, XOR), "--plugin", plugin, cwd=tmp_path)
    assert result.exit_code == 2
    assert "found no file, expected a plugin written in Python" in result.stderr


def test_a_plugin_may_give_its_function_a_name_of_the_literature(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(CUBE.replace('"cube"', '"gcu"'), encoding="utf-8")
    table = with_plugins([file])
    assert table["gcu"] is not ALL_ACTIVATIONS["gcu"]
    assert table["smish"] is ALL_ACTIVATIONS["smish"]
    assert list(table).count("gcu") == 1
    assert [about["formula"] for about in listed("activations", table) if about["name"] == "gcu"] == ["z³"]


def test_the_same_plugin_twice_is_refused(tmp_path):
    write(tmp_path, CUBE, "own.py")
    result = nnlab_here("train", write(tmp_path, XOR), "--plugin", "own.py", "--plugin", "own.py", cwd=tmp_path)
    assert result.exit_code == 2
    assert "exists already" in result.stderr


def test_without_the_plugin_its_activation_is_unknown(tmp_path):
    result = nnlab_here("train", write(tmp_path, XOR), cwd=tmp_path)
    assert result.exit_code == 2
    assert "experiment.yaml:5:36: unknown activation 'cube'" in result.stderr
    assert result.stderr.endswith(" (one of a plugin needs --plugin FILE.py)\n")


OF_A_RUN = {
    "resume": ("train", "--resume", "latest"),
    "verify": ("verify", "latest"),
    "gradcheck": ("gradcheck", "latest"),
    "eval": ("eval", "latest"),
    "predictions": ("eval", "latest", "--predictions", "p.csv"),
    "train its file again": ("train", "runs/latest/config.yaml"),
}


@pytest.mark.parametrize("words", OF_A_RUN.values(), ids=OF_A_RUN)
def test_a_run_without_its_plugin_is_told_with_which_it_was_trained(words, tmp_path):
    write(tmp_path, CUBE, "my own.py")
    trained(tmp_path, write(tmp_path, XOR), "--plugin", "my own.py")
    result = nnlab_here(*words, cwd=tmp_path)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "unknown activation 'cube'" in line
    assert line.endswith("; the run was trained with --plugin 'my own.py'")
    assert line.count("; the run") == 1


def test_a_typo_in_the_name_of_a_plugin_s_activation_is_refused_with_the_near_one(tmp_path):
    write(tmp_path, CUBE, "own.py")
    path = write(tmp_path, XOR.replace("cube", "scaled_tan"))
    result = nnlab_here("train", path, "--plugin", "own.py", cwd=tmp_path)
    assert "did you mean 'scaled_tanh'?" in result.stderr


def test_what_a_plugin_prints_stays_out_of_the_result(tmp_path, with_pictures):
    write(tmp_path, XOR)
    write(tmp_path, CUBE + "print('hello')\n", "own.py")
    result = nnlab("train", "experiment.yaml", "--plugin", "own.py", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert parse_json(result.stdout)["status"] == "completed"


def test_a_plugin_trains_and_run_json_names_it(tmp_path, with_pictures):
    write(tmp_path, CUBE, "own.py")
    run = trained(tmp_path, write(tmp_path, XOR), "--plugin", "own.py")
    assert read_json(run / "run.json")["plugins"] == ["own.py"]
    assert "activation: cube" in (run / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["cube", "scaled_tanh"])
def test_the_slopes_of_a_plugin_pass_the_gradient_check(name, tmp_path):
    write(tmp_path, CUBE, "own.py")
    result = nnlab_here("gradcheck", write(tmp_path, XOR.replace("cube", name)), "--plugin", "own.py", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr


def scaled(words):
    return XOR.replace("activation: cube", f"activation: {{name: scaled_tanh, {words}}}")


@pytest.mark.parametrize(
    ("words", "shape"),
    [("a: 0.5", [1]), ("per_unit: true", [3]), ("learn: []", None)],
    ids=["one", "per unit", "fixed"],
)
def test_learnable_parameters_of_a_plugin_are_trained_as_stretches_of_theta(words, shape, tmp_path, with_pictures):
    write(tmp_path, CUBE, "own.py")
    run = trained(tmp_path, write(tmp_path, scaled(words)), "--plugin", "own.py")
    with np.load(run / "checkpoints" / "last.npz") as members:
        layout, theta = dict(json.loads(members["about"].tobytes())["layout"]), members["theta"]
    assert layout.get("scaled_tanh1/a") == shape
    assert list(layout)[:2] == ["dense1/weights", "dense1/bias"]
    if shape:
        learned = theta[0, 9 : 9 + shape[0]]
        assert np.all(learned != 0.5)


def test_a_run_with_parameters_that_are_not_learned_can_be_evaluated(tmp_path):
    write(tmp_path, CUBE, "own.py")
    trained(tmp_path, write(tmp_path, scaled("learn: []")), "--plugin", "own.py")
    result = nnlab_here("eval", "latest", "--plugin", "own.py", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr


def test_a_parameter_out_of_its_range_is_refused(tmp_path):
    write(tmp_path, CUBE, "own.py")
    result = nnlab_here("train", write(tmp_path, scaled("a: 0")), "--plugin", "own.py", cwd=tmp_path)
    assert result.exit_code == 2
    assert "found 0 for a of scaled_tanh, expected a number in (0, " in result.stderr


def test_the_notebook_s_own_activation_learns_both_of_its_parameters(tmp_path):
    words = (NOTEBOOKS / "houses-own-activation.yaml", "--plugin", NOTEBOOKS / "own_activation.py")
    run = trained(tmp_path, *words)
    summary = read_json(run / "summary.json")
    assert (summary["parameters"], summary["status"]) == (2, "completed")
    assert summary["final"]["train/loss"] < 5
    assert nnlab_here("gradcheck", *words, cwd=tmp_path).exit_code == 0


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 1, 2)], ids=["one for a layer", "one for a unit"])
@pytest.mark.parametrize("replicas", [1, 3])
def test_the_notebook_s_own_activation_takes_parameters_of_many_replicas(replicas, shape):
    """Each number is what the parameters of its own replica and unit give alone; alpha of either sign, and 0."""
    own = with_plugins([NOTEBOOKS / "own_activation.py"])["shifted_soft_exponential"]
    z = np.linspace(0.1, 2.0, replicas * 8).reshape(replicas, 4, 2)
    alpha = np.broadcast_to(np.array([-0.1, 0.0, 0.2])[:, None, None], shape)
    beta = np.broadcast_to(np.array([1.0, 2.0, 3.0])[:, None, None], shape)
    for function in (
        own.slope,
        *own.parameter_slopes.values(),
        lambda z, _a, out, **chosen: own.value(z, out, **chosen),
    ):
        together, alone = np.empty((3, 4, 2)), np.empty((3, 4, 2))
        function(z, together, together, alpha=alpha, beta=beta)
        for replica in range(3):
            rows = z[[replica if replicas == 3 else 0]]
            chosen = {"alpha": float(alpha[replica, 0, 0]), "beta": float(beta[replica, 0, 0])}
            function(rows, alone[[replica]], alone[replica : replica + 1], **chosen)
        np.testing.assert_allclose(together, alone, rtol=1e-12)


WRONG = {
    "a slope that fails": (CUBE.replace("lambda z: 3 * z**2", "lambda z: 1 / 0"), "slope of activation 'cube' raised"),
    "a slope for one replica only": (
        CUBE.replace("lambda z, a: z / np", "lambda z, a: z * float(a) / np"),
        "the slope by 'a' of activation 'scaled_tanh' raised TypeError",
    ),
    "no slope of a parameter": (
        CUBE.replace('parameter_slopes={"a"', 'parameter_slopes={"b"'),
        "the slope by 'a' of activation 'scaled_tanh' gave nothing",
    ),
    "an unknown initializer": (CUBE.replace("z³", 'z³", initializer="he'), "names the initializer 'he'"),
    "a name with blanks": (CUBE.replace('"cube"', '"a b"'), "found 'a b' as the name of an activation"),
    "leaves when called": (CUBE.replace("lambda z: z**3", "lambda z: exit()"), "value of activation 'cube' raised"),
}


@pytest.mark.parametrize(("code", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_an_activation_is_said_before_it_is_used(code, message, tmp_path):
    write(tmp_path, code, "own.py")
    result = nnlab_here("train", write(tmp_path, XOR), "--plugin", "own.py", cwd=tmp_path)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert result.stderr.startswith("own.py: ")
    assert message in result.stderr


@pytest.mark.parametrize(
    "value", ["lambda z: z[..., :1]", "lambda z: 1 / 0", "lambda z: None", "lambda z, extra: z"], ids=str
)
def test_a_function_of_a_plugin_that_fails_is_the_user_s_mistake_not_a_bug(value, tmp_path):
    write(tmp_path, CUBE.replace("lambda z: z**3", value), "own.py")
    path = write(tmp_path, XOR)
    result = nnlab("train", path, "--plugin", "own.py", cwd=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


# Whatever a plugin raises: the code, and how the line ends.
RAISED = {
    "a BaseException": ("class E(BaseException): pass\nraise E('a\\x1b[31mb\\nc')", r"raised E: a\x1b[31mb\nc"),
    "a Ctrl-C of its own": ("raise KeyboardInterrupt('not you')", "raised KeyboardInterrupt: not you"),
    "text that raises": (
        "class E(Exception):\n  def __str__(self): 1 / 0\nraise E()",
        "raised E: no text: its __str__ raised ZeroDivisionError",
    ),
    "text that leaves": (
        "class E(Exception):\n  def __str__(self): raise SystemExit\nraise E()",
        "raised E: no text: its __str__ raised SystemExit",
    ),
    "a name with ESC": ("raise type('E\\x1b[31m', (Exception,), {})('a')", r"raised E\x1b[31m: a"),
    "a group": ("raise ExceptionGroup('two', [ValueError(1), KeyError(2)])", "ExceptionGroup: two (2 sub-exceptions)"),
    "surrogates": ("raise ValueError('a\\udc80b')", r"raised ValueError: a\udc80b"),
    "no end": ("def f(): f()\nf()", "raised RecursionError: maximum recursion depth exceeded"),
    "a long text": ("raise ValueError('a' * 10**6)", "aaaa…"),
    "a list that raises": (
        "class L(list):\n  def __iter__(self): raise OSError('no items')\nACTIVATIONS = L([1])",
        "raised OSError: no items",
    ),
    "a dict": ("ACTIVATIONS = {'a': 1}", "found dict as ACTIVATIONS"),
    "an error of nnlab's": ("from nnlab.errors import ConfigError\nraise ConfigError('mine')", "ConfigError: mine"),
}


@pytest.mark.parametrize(("code", "ending"), RAISED.values(), ids=RAISED)
def test_whatever_a_plugin_raises_is_one_escaped_line(code, ending, tmp_path):
    """In a process of its own, where a KeyboardInterrupt is not that of a signal."""
    write(tmp_path, code + "\n", "own.py")
    result = nnlab("train", write(tmp_path, XOR), "--plugin", "own.py", "--dry-run", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("own.py: ")
    assert ending in line
    assert line.isprintable()
    assert len(line) < 700


DESCRIBED = {
    "a name that is no text": (CUBE.replace('"cube"', "5"), "found 5 as the name of an activation"),
    "ESC in a name": (CUBE.replace('"cube"', '"a\\x1b[31m"'), r"found 'a\x1b[31m' as the name of an activation"),
    "a formula that is no text": (CUBE.replace('"z³"', "5"), "found int as formula of activation 'cube'"),
    "complex numbers": (
        CUBE.replace("z**3", "z + 1j"),
        "TypeError: found an array of complex128, expected real numbers",
    ),
    "objects": (CUBE.replace("z**3", "z.astype(object)"), "found an array of object, expected real numbers"),
    "nothing": (CUBE.replace("lambda z: z**3", "lambda z: None"), "found an array of object, expected real numbers"),
    "text": (CUBE.replace("z**3", "z.astype(str)"), "expected real numbers"),
    "another shape": (CUBE.replace("z**3", "z[0]"), "found an array of shape (4, 3), expected (1, 4, 3)"),
    "writes into x": (
        CUBE.replace("lambda z: z**3", "lambda z: np.power(z, 3, out=z)"),
        "value of activation 'cube' raised ValueError: output array is read-only",
    ),
    "a value that leaves": (CUBE.replace("lambda z: z**3", "lambda z: exit(0)"), "raised SystemExit: 0"),
}


@pytest.mark.parametrize(("code", "message"), DESCRIBED.values(), ids=DESCRIBED)
def test_what_a_function_gives_or_says_of_itself_is_checked_before_it_is_used(code, message, tmp_path):
    write(tmp_path, code, "own.py")
    result = nnlab_here("train", write(tmp_path, XOR), "--plugin", "own.py", cwd=tmp_path)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert message in line
    assert line.isprintable()


LATER = """\
from pathlib import Path
import numpy as np
from nnlab.maths.activations import Activation

class Moody(BaseException):
    def __str__(self):
        raise RuntimeError

def value(z):
    if Path("moody").exists():
        raise Moody
    return z

ACTIVATIONS = [Activation.from_functions("cube", value=value, slope=np.ones_like, formula="\x1b[31mz")]
"""
COMMANDS = {
    "train": ("train", "experiment.yaml"),
    "gradcheck": ("gradcheck", "experiment.yaml"),
    "compare": ("compare-activations", "experiment.yaml", "-a", "cube", "--seeds", "2"),
    "show": ("activations", "show", "cube"),
    "plot": ("activations", "plot", "cube"),
    "eval": ("eval", "latest"),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_function_that_raises_only_after_it_was_tried_out_is_one_line_as_well(words, tmp_path, monkeypatch):
    write(tmp_path, LATER, "own.py")
    path = write(tmp_path, XOR)
    trained(tmp_path, path, "--plugin", "own.py")
    tried = plugins._try_out

    def then_moody(activation):
        tried(activation)
        (tmp_path / "moody").touch()

    monkeypatch.setattr(plugins, "_try_out", then_moody)
    before = len(list((tmp_path / "runs").glob("*_*")))
    result = nnlab_here(*words, "--plugin", "own.py", cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(list((tmp_path / "runs").glob("*_*"))) == before  # networks have to start before anything is written
    line = result.stderr.splitlines()[-1]
    assert "own.py: value of activation 'cube' raised Moody: no text: its __str__ raised RuntimeError" in line
    assert "\x1b" not in result.stderr


def test_a_plugin_that_fails_while_a_run_is_resumed_is_no_invalid_input(tmp_path, monkeypatch):
    write(tmp_path, LATER, "own.py")
    run = trained(tmp_path, write(tmp_path, XOR), "--plugin", "own.py")
    words = ("train", "--resume", run, "--plugin", "own.py", "--steps", "40")
    monkeypatch.setattr(Training, "_beginning", lambda _training: (tmp_path / "moody").touch() or "begun")
    result = nnlab_here(*words, cwd=tmp_path)
    assert (result.exit_code, read_json(run / "run.json")["status"]) == (1, "failed")


def test_what_an_activation_says_of_itself_reaches_no_terminal_unescaped(tmp_path):
    write(tmp_path, LATER, "own.py")
    for words in (("list",), ("show", "cube")):
        result = nnlab_here("activations", *words, "--plugin", "own.py", cwd=tmp_path)
        assert result.exit_code == 0, result.stderr
        assert r"\x1b[31mz" in result.stdout
        assert "\x1b" not in result.stdout + result.stderr


ENCODED = {
    "latin-1": ("# -*- coding: latin-1 -*-\n", "latin-1"),
    "a byte order mark": ("", "utf-8-sig"),
    "cp1251": ("#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\n", "cp1251"),
}


@pytest.mark.parametrize(("head", "encoding"), ENCODED.values(), ids=ENCODED)
def test_a_plugin_may_have_any_encoding_that_python_reads(head, encoding, tmp_path):
    text = head + CUBE.replace("z³", "é" if encoding == "latin-1" else "z").replace("cosh²", "cosh^2").replace(
        "²", "^2"
    )
    text = text.replace("3z²", "3z")
    (tmp_path / "own.py").write_bytes(text.encode(encoding))
    write(tmp_path, XOR)
    many = ("-a", "cube", "--seeds", "4", "--jobs", "2", "--set", "training.steps=2")
    for words in (("train",), ("compare-activations", *many)):
        result = nnlab_here(words[0], "experiment.yaml", *words[1:], "--plugin", "own.py", cwd=tmp_path)
        assert result.exit_code == 0, result.stderr


def test_an_encoding_that_python_does_not_know_or_read_is_one_line(tmp_path):
    for content in (CUBE.encode("utf-16"), b"# coding: no-such\n", b"x = '\xff'\n"):
        (tmp_path / "own.py").write_bytes(content)
        result = nnlab_here("train", write(tmp_path, XOR), "--plugin", "own.py", cwd=tmp_path)
        assert result.exit_code == 2
        (line,) = result.stderr.splitlines()
        assert line.startswith("own.py: the plugin raised ")


def test_an_experiment_file_cannot_name_a_plugin(tmp_path):
    write(tmp_path, CUBE, "own.py")
    result = nnlab_here("train", write(tmp_path, XOR + "plugin: own.py\n"), cwd=tmp_path)
    assert result.exit_code == 2
    assert "unknown key 'plugin'" in result.stderr


NO_SLOPE = """\
import numpy as np
from nnlab.maths.activations import Activation
from nnlab.maths.parameters import Parameter

ACTIVATIONS = [
    Activation.from_functions(
        "wave",
        value=lambda z, a: np.tanh(a * z) + np.maximum(z, 0),
        parameters=(Parameter("a", 0.5, "steepness", learnable=True, learn_by_default=True),),
    )
]
"""


def test_a_plugin_without_a_slope_trains_by_complex_step_and_says_so(tmp_path):
    write(tmp_path, NO_SLOPE, "own.py")
    path = write(tmp_path, XOR.replace("cube", "wave"))
    shown = nnlab_here("activations", "show", "wave", "--plugin", "own.py", "--json", cwd=tmp_path)
    assert parse_json(shown.stdout)["slope_formula"] == "by complex step"
    result = nnlab_here("gradcheck", path, "--plugin", "own.py", "--steps", "2", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    said = " ".join(result.stderr.split())
    assert "the slope of wave1 is by complex step itself: only the differences are independent of it" in said
    run = trained(tmp_path, path, "--plugin", "own.py")
    assert read_json(run / "summary.json")["status"] == "completed"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("a * np.floor(z)", "found floor, which has no rule"),
        ("np.tanh(a * np.asarray(z))", "found a conversion to a plain array, as by np.asarray"),
    ],
)
def test_a_plugin_without_a_slope_whose_value_cannot_be_followed_is_refused_in_one_line(value, reason, tmp_path):
    write(tmp_path, NO_SLOPE.replace("np.tanh(a * z)", value), "own.py")
    result = nnlab_here("train", write(tmp_path, XOR.replace("cube", "wave")), "--plugin", "own.py", cwd=tmp_path)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert f"slope of activation 'wave' raised NotAnalyticError: {reason}" in result.stderr


def test_a_plugin_whose_value_cannot_be_followed_is_checked_by_differences_alone_which_is_said(tmp_path):
    write(tmp_path, CUBE.replace("lambda z: z**3", "lambda z: np.asarray(z)**3"), "own.py")
    result = nnlab_here("gradcheck", write(tmp_path, XOR), "--plugin", "own.py", "--steps", "2", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    reason = "found a conversion to a plain array, as by np.asarray, which would lose its derivative"
    expected = f"the network is checked by differences alone, for its derivative cannot be followed: {reason}"
    assert expected in " ".join(result.stderr.split())
