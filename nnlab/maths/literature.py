"""Activation functions of the literature, each one formula: the table `LITERATURE`, parsed entry by entry when needed.

    Published(name, formula, source, certainty, seen_again, defaults, learnable, also, note)

A is certain: the text of the source was seen, or two codes that agree. B was seen in one code, C is partly from memory.
`seen_again` says where the function was looked up once more before it joined this table, and what was not confirmed.
The sections are those of the survey of Kunc and Kléma (2024, arXiv:2402.09092), read as its formulas stand in public
transcriptions to PyTorch; Non-Linear, pyzjr and torch_activation are libraries of activations for PyTorch. `note` says
where libraries disagree, and which functions are the same.

The formulas are their sources', but for log1p and expm1 in place of log(1 + …) and exp(…) - 1: they keep their digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

from nnlab.maths.activations import ACTIVATIONS, ALIASES, Activation, AnyActivation
from nnlab.maths.parameters import Parameter, by_name

CERTAINTIES = {
    "A": "the text of the source was seen, or two codes that agree",
    "B": "seen in one code",
    "C": "partly from memory",
}


@dataclass(frozen=True)
class Published:
    """A published activation function; what an entry of `ACTIVATIONS` needs beyond it comes of its formula.

    `defaults` are the values of its parameters, which may be learned if its authors learn them: `learnable`. `also` are
    its other names, `note` says where libraries disagree or which other entry is the same, and `seen_again` where it
    was looked up a second time. `certainty` is a key of `CERTAINTIES`.
    """

    name: str
    formula: str
    source: str
    certainty: str
    seen_again: str
    defaults: Mapping[str, float] = field(default_factory=dict)
    learnable: bool = False
    also: tuple[str, ...] = ()
    note: str = ""
    untrainable: ClassVar[str] = ""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the formula, any numbers."""
        return tuple(
            Parameter(name, value, f"{name} of the formula", learnable=self.learnable)
            for name, value in self.defaults.items()
        )

    @cached_property
    def activation(self) -> Activation:
        """The entry that networks compute with: the formula, parsed and derived, with its kinks."""
        return self.with_values(self.defaults)

    def with_values(self, values: Mapping[str, float]) -> Activation:
        """The same with other defaults; FormulaError for values with which it jumps or is not finite."""
        from nnlab.maths.expressions import Formula  # noqa: PLC0415 - slow to import, needed for few names

        entry = Formula.parse(self.formula, self.defaults).to_activation(self.name, values)
        return replace(entry, source=self.source, parameters=self.parameters)


LITERATURE: dict[str, Published] = by_name(
    Published(
        "tanhexp",
        "x * tanh(exp(x))",
        "Liu, Di 2020, arXiv:2003.09855", "A", "Kunc, Kléma 2024, 3.3.31",
        also=("telu",),
        note="TeLU of Fernandez, Mali 2024, arXiv:2412.20269, is the same function",
    ),
    Published(
        "serf",
        "x * erf(softplus(x))",
        "Nag, Bhattacharyya 2021, arXiv:2108.09598", "A", "Kunc, Kléma 2024, 3.3.32",
    ),
    Published(
        "erfact",
        "x * erf(a * exp(b * x))",
        "Biswas et al. 2021, arXiv:2109.04386", "A", "Kunc, Kléma 2024, 4.4.12; a PyTorch code, with a and b",
        {"a": 0.75, "b": 0.75}, learnable=True,
        note="libraries start at other a and b, such as 0.5 and 1",
    ),
    Published(
        "pserf",
        "x * erf(g * softplus(d * x))",
        "Biswas et al. 2021, arXiv:2109.04386", "A", "Kunc, Kléma 2024, 4.4.13; a PyTorch code, with g and d",
        {"g": 1.25, "d": 0.85}, learnable=True,
    ),
    Published(
        "logish",
        "x * log1p(sigmoid(x))",
        "Zhu, Zeng, Liu, Zhang 2021, Neurocomputing 458", "A", "Kunc, Kléma 2024, 3.3.11",
    ),
    Published(
        "smish",
        "x * tanh(log1p(sigmoid(x)))",
        "Wang, Ren, Wang 2022, Electronics 11:540", "A", "Kunc, Kléma 2024, 3.3.30",
    ),
    Published(
        "gish",
        "x * log1p(-expm1(-exp(x)))",
        "Kaytan, Aydilek, Yeroglu 2023, Neural Comput. Appl. 35", "A", "Kunc, Kléma 2024, 3.3.10",
    ),
    Published(
        "phish",
        "x * tanh(x * (1 + erf(x / sqrt(2))) / 2)",
        "Naveen 2021, TechRxiv 17283824", "A", "Kunc, Kléma 2024, 3.3.16",
        note="x tanh(gelu(x))",
    ),
    Published(
        "log_logish",
        "-x * expm1(-exp(x))",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.12; Non-Linear",
        note="the gate is the distribution function of Gompertz",
    ),
    Published(
        "exp_expish",
        "x * exp(-exp(-x))",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.13; Non-Linear",
        note="the gate is the distribution function of Gumbel",
    ),
    Published(
        "lisht",
        "x * tanh(x)",
        "Roy et al. 2019, arXiv:1901.05894", "A", "Kunc, Kléma 2024, 3.3.28",
        note="even",
    ),
    Published(
        "gcu",
        "x * cos(x)",
        "Noel, Trivedi, Dutta 2021, arXiv:2108.12943", "A", "Kunc, Kléma 2024, 3.33",
        note="oscillates with growing amplitude",
    ),
    Published(
        "calu",
        "x * (arctan(x) / pi + 1 / 2)",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.3",
        also=("atlu",),
        note="the gate is Cauchy’s distribution function; ATLU of Huang 2024, arXiv:2405.20768, is the same function",
    ),
    Published(
        "lalu",
        "x * where(x > 0, 1 - exp(-x) / 2, exp(x) / 2)",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.4; Non-Linear",
        note="the gate is the distribution function of Laplace",
    ),
    Published(
        "colu",
        "x / (1 - x * exp(-(x + exp(x))))",
        "Vagerwal 2021, arXiv:2112.12078", "A", "Kunc, Kléma 2024, 3.3.5",
    ),
    Published(
        "sinlu",
        "(x + a * sin(b * x)) * sigmoid(x)",
        "Paul, Bandyopadhyay, Yoon, Geem, Sarkar 2022, Mathematics 10:337", "A", "Kunc, Kléma 2024, 4.4.11",
        {"a": 1.0, "b": 1.0}, learnable=True,
    ),
    Published(
        "sgelu",
        "a * x * erf(x / sqrt(2))",
        "Yu, Su 2019, arXiv:1911.03925", "A", "Kunc, Kléma 2024, 3.3.2",
        {"a": 1.0}, learnable=True,
        note="even",
    ),
    Published(
        "e_swish",
        "b * x * sigmoid(x)",
        "Alcaide 2018, arXiv:1801.07145", "A", "Kunc, Kléma 2024, 4.4.4",
        {"b": 1.5},
        note="silu times a constant: under a fair start the same as silu",
    ),
    Published(
        "tsrelu",
        "x * tanh(sigmoid(x))",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.18; Non-Linear",
        note="psgu with a = 1",
    ),
    Published(
        "psgu",
        "x * tanh(a * sigmoid(x))",
        "Li et al. 2022, self-circulating gating units", "C", "Kunc, Kléma 2024, 4.4.7; its default not confirmed",
        {"a": 3.0}, learnable=True,
        note="a = 3 is from memory; torch_activation starts at 0.5",
    ),
    Published(
        "tbsrelu",
        "x * tanh(tanh(x / 2))",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.19; Non-Linear",
        note="even",
    ),
    Published(
        "dsilu",
        "sigmoid(x) * (1 + x * (1 - sigmoid(x)))",
        "Elfwing, Uchibe, Doya 2018, Neural Networks 107", "A", "Kunc, Kléma 2024, 3.3.21",
        note="the derivative of silu",
    ),
    Published(
        "double_silu",
        "x * sigmoid(x * sigmoid(x))",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.22; Non-Linear",
    ),
    Published(
        "tsilu",
        "tanh(x * sigmoid(x))",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.24",
    ),
    Published(
        "asilu",
        "arctan(x * sigmoid(x))",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.25; Non-Linear",
        note="the docstring of torch_activation says another function than its code",
    ),
    Published(
        "sinsig",
        "x * sin(pi / 2 * sigmoid(x))",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.3.34; Non-Linear",
    ),
    Published(
        "eanaf",
        "x * tanh(softplus(x) / 2)",
        "Chai et al. 2022, EANAF", "A", "Kunc, Kléma 2024, 3.3.33",
        note="equals x sigmoid(x - log(2))",
    ),
    Published(
        "reu",
        "where(x > 0, x, x * exp(x))",
        "Ying et al. 2019, IEEE Access 7, rectified exponential units", "A", "Kunc, Kléma 2024, 3.6.49; Non-Linear",
        also=("suish",),
        note="ADA of Non-Linear is this one; ADA of the survey, the apical dendrite activation, is another",
    ),
    Published(
        "preu",
        "where(x > 0, a * x, a * x * exp(b * x))",
        "Ying et al. 2019, IEEE Access 7, rectified exponential units", "A", "Kunc, Kléma 2024, 4.2.9; Non-Linear",
        {"a": 1.0, "b": 1.0}, learnable=True,
        note="reu where a = b = 1",
    ),
    Published(
        "serlu",
        "l * where(x > 0, x, a * x * exp(x))",
        "Zhang, Li 2018, arXiv:1807.10117", "A", "Kunc, Kléma 2024, 3.7.13",
        {"l": 1.07862, "a": 2.90427},
        note="l and a give mean 0 and variance 1 under N(0, 1)",
    ),
    Published(
        "polu",
        "where(x > 0, x, (1 - x) ** -a - 1)",
        "Li, Ding, Li 2018, power linear unit", "A", "Kunc, Kléma 2024, 3.7.6",
        {"a": 2.0},
        note="its authors use a = 1, 1.5 and 2, pyzjr 1.5; a = 1 is polylu",
    ),
    Published(
        "polylu",
        "where(x > 0, x, x / (1 - x))",
        "Feng, Yang 2023, polynomial linear unit", "A", "Kunc, Kléma 2024, 3.7.4",
        also=("dlu", "fplus"),
        note="DLU of Non-Linear and FPLUS are the same function; its left half is that of softsign",
    ),
    Published(
        "pflu",
        "x * (1 + x / sqrt(1 + x ** 2)) / 2",
        "Zhu et al. 2021, power function linear unit", "A", "Kunc, Kléma 2024, 3.7.7; pyzjr",
    ),
    Published(
        "fpflu",
        "where(x > 0, x, x + x ** 2 / sqrt(1 + x ** 2))",
        "Zhu et al. 2021, power function linear unit", "A", "Kunc, Kléma 2024, 3.7.8",
    ),
    Published(
        "swim",
        "x * (1 + a * x / sqrt(1 + x ** 2)) / 2",
        "Abdool, Dear 2023", "A", "Kunc, Kléma 2024, 4.4.14; torch_activation",
        {"a": 0.5}, learnable=True,
        note="a = 1 is pflu",
    ),
    Published(
        "isrlu",
        "where(x > 0, x, x / sqrt(1 + a * x ** 2))",
        "Carlile et al. 2017, arXiv:1710.09967", "A", "Kunc, Kléma 2024, 3.8.9",
        {"a": 1.0},
    ),
    Published(
        "isru",
        "x / sqrt(1 + a * x ** 2)",
        "Carlile et al. 2017, arXiv:1710.09967", "A", "Kunc, Kléma 2024, 3.8.10",
        {"a": 1.0},
    ),
    Published(
        "sqnl",
        "clip(x, -2, 2) * (1 - abs(clip(x, -2, 2)) / 4)",
        "Wuraola, Patel 2018, IJCNN", "A", "Kunc, Kléma 2024, 3.8.1",
    ),
    Published(
        "sqlu",
        "where(x > 0, x, where(x > -2, x + x ** 2 / 4, -1))",
        "Wuraola, Patel, Nguang 2021", "A", "Kunc, Kléma 2024, 3.8.2; a TensorFlow code of these functions",
    ),
    Published(
        "sqreu",
        "where(x > 0, x, where(x > -2, x + x ** 2 / 2, 0))",
        "Wuraola, Patel, Nguang 2021", "A", "Kunc, Kléma 2024, 3.8.4",
    ),
    Published(
        "squish",
        "where(x > 0, x + x ** 2 / 32, where(x > -2, x + x ** 2 / 2, 0))",
        "Wuraola, Patel, Nguang 2021", "A", "Kunc, Kléma 2024, 3.8.3",
        note="grows like x**2",
    ),
    Published(
        "sq_softplus",
        "where(x > 1 / 2, x, where(x > -1 / 2, (x + 1 / 2) ** 2 / 2, 0))",
        "Wuraola, Patel, Nguang 2021", "B", "Kunc, Kléma 2024, 3.8.5; a TensorFlow code of these functions",
        note="repaired by continuity: the survey prints x + (x + 1/2)**2 / 2, a code turns to x at 0: both jump",
    ),
    Published(
        "squared_relu",
        "relu(x) ** 2",
        "So et al. 2021, Primer, arXiv:2109.08668", "A", "Kunc, Kléma 2024, 3.6.39; vLLM",
        also=("requ",),
    ),
    Published(
        "star_relu",
        "a * relu(x) ** 2 + b",
        "Yu et al. 2022, MetaFormer, arXiv:2210.13452", "A", "Kunc, Kléma 2024, 4.2.17",
        {"a": 0.8944, "b": -0.4472}, learnable=True,
        note="mean 0 and variance 1 under N(0, 1)",
    ),
    Published(
        "repu",
        "relu(x) ** 3",
        "Li, Tang, Yu 2019, rectified power units", "A", "Kunc, Kléma 2024, 3.6.39",
        also=("recu",),
        note="with the power 3; the power 2 is squared_relu",
    ),
    Published(
        "pelu",
        "where(x > 0, a / b * x, a * expm1(x / b))",
        "Trottier, Giguere, Chaib-draa 2016, arXiv:1605.09332", "A", "Kunc, Kléma 2024, 4.2.43",
        {"a": 1.0, "b": 1.0}, learnable=True,
        note="Non-Linear’s code misplaces a bracket, so that it jumps at 0",
    ),
    Published(
        "mpelu",
        "where(x > 0, x, a * expm1(b * x))",
        "Li, Fan, Li, Wu, Ming 2016, arXiv:1606.00305", "A", "Kunc, Kléma 2024, 4.2.48",
        {"a": 1.0, "b": 1.0}, learnable=True,
    ),
    Published(
        "ptelu",
        "where(x > 0, x, a * tanh(b * x))",
        "Duggal, Gupta 2017", "A", "Kunc, Kléma 2024, 4.2.30; Non-Linear",
        {"a": 1.0, "b": 1.0}, learnable=True,
    ),
    Published(
        "erf_relu",
        "where(x > 0, x, a * erf(x))",
        "Rajanand, Singh 2023, arXiv:2306.01822", "A", "Kunc, Kléma 2024, 4.2.52; Non-Linear",
        {"a": 1.0}, learnable=True,
        note="a = sqrt(pi) / 2, as another code has it, makes it smooth",
    ),
    Published(
        "tanhlu",
        "a * tanh(b * x) + c * x",
        "Shen et al. 2022", "A", "Kunc, Kléma 2024, 4.2.33; three more codes",
        {"a": 1.0, "b": 1.0, "c": 0.0}, learnable=True,
        note="starts as tanh, as in three codes; torch_activation starts at c = 1",
    ),
    Published(
        "elu_gate",
        "x * tanh(where(x > 0, a * x, expm1(a * x)))",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 4.2.34; Non-Linear",
        {"a": 1.0}, learnable=True,
        also=("telu",),
        note="TeLU of Non-Linear and of the survey, which is also a name of tanhexp",
    ),
    Published(
        "blu",
        "a * (sqrt(x ** 2 + 1) - 1) + x",
        "Godfrey 2019, bendable linear units", "A", "Kunc, Kléma 2024, 4.2.37",
        {"a": 0.5}, learnable=True,
        note="a = 0.5 is bent_identity, a = 0 the identity; the docstring of torch_activation misplaces a bracket",
    ),
    Published(
        "acon_c",
        "(p - q) * x * sigmoid(b * (p - q) * x) + q * x",
        "Ma, Zhang, Liu, Sun 2021, arXiv:2009.04759", "A", "Kunc, Kléma 2024, 4.4.6",
        {"p": 1.0, "q": 0.0, "b": 1.0}, learnable=True,
        note="starts as silu; its authors draw p and q at random",
    ),
    Published(
        "smu",
        "((1 + a) * x + (1 - a) * x * erf(m * (1 - a) * x)) / 2",
        "Biswas et al. 2021, arXiv:2111.04682", "A", "Kunc, Kléma 2024, 4.2.7",
        {"a": 0.25, "m": 1.0}, learnable=True,
        note="a smooth leaky_relu, sharper for a larger m; m = 1 is this catalogue’s choice, torch_activation has 25",
    ),
    Published(
        "soft_clipping",
        "(softplus(a * x) - softplus(a * (x - 1))) / a",
        "Klimek, Perelstein 2018, arXiv:1810.11509", "A", "Kunc, Kléma 2024, 3.2.11",
        {"a": 50.0},
        note="the survey’s transcription has a = 1",
    ),
    Published(
        "srs",
        "x / (x / a + exp(-x / b))",
        "Zhou, Li, Huo, Kung 2020, arXiv:2003.00547", "A", "Kunc, Kléma 2024, 3.2.10",
        {"a": 2.0, "b": 3.0}, learnable=True,
        note="its least value is a b / (b - a e) = -2.463",
    ),
    Published(
        "hexpo",
        "where(x > 0, -a * expm1(-x / b), c * expm1(x / d))",
        "Kong, Takatsuka 2017, IJCNN", "A", "a Keras layer; a review of activations, eq. 8",
        {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}, learnable=True,
        note="the survey misprints the sign of x for x < 0",
    ),
    Published(
        "elish",
        "where(x > 0, x, expm1(x)) * sigmoid(x)",
        "Basirat, Roth 2018, arXiv:1808.00783", "A", "Kunc, Kléma 2024, 3.7.17",
        note="the documentation of pyzjr says another function",
    ),
    Published(
        "hard_elish",
        "where(x > 0, x, expm1(x)) * clip((x + 1) / 2, 0, 1)",
        "Basirat, Roth 2018, arXiv:1808.00783", "A", "two codes for Keras and TensorFlow",
        note="the survey misprints it in 3.7.18",
    ),
    Published(
        "soft_plus_plus",
        "softplus(k * x) + x / c - log(2)",
        "Ciuparu, Nagy-Dabacan, Muresan 2020", "A", "Kunc, Kléma 2024, 3.18.1",
        {"k": 1.0, "c": 2.0},
    ),
    Published(
        "rand_softplus",
        "(1 - a) * relu(x) + a * softplus(x)",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.19",
        {"a": 0.5}, learnable=True,
        note="the method draws a from the noise of the data",
    ),
    Published(
        "nlrelu",
        "log1p(b * relu(x))",
        "Liu, Zhang, Yu, Lu 2019", "A", "Kunc, Kléma 2024, 3.6.12",
        {"b": 1.0},
    ),
    Published(
        "vlu",
        "relu(x) + a * sin(b * x)",
        "Gupta, Ahuja 2021, arXiv:2110.12246", "B", "Kunc, Kléma 2024, 3.6.9; its defaults not confirmed",
        {"a": 1.0, "b": 1.0}, learnable=True,
        note="the survey’s transcription has a = 0.1",
    ),
    Published(
        "tent",
        "relu(a - abs(x))",
        "Rozsa, Boult 2019", "A", "Kunc, Kléma 2024, 4.2.27",
        {"a": 1.0}, learnable=True,
        note="0 where |x| > a",
    ),
    Published(
        "hat",
        "relu(min(x, a - x))",
        "Hong, Siegel, Tan, Xu 2022, arXiv:2208.04924", "A", "a PyTorch code, whose a is 1",
        {"a": 2.0}, learnable=True,
        note="0 outside [0, a]; the survey misprints its falling side in 4.2.28",
    ),
    Published(
        "penalized_tanh",
        "where(x > 0, tanh(x), a * tanh(x))",
        "Xu, Huang, Li 2016, arXiv:1602.05980; Eger, Youssef, Gurevych 2018, EMNLP", "A", "Kunc, Kléma 2024, 3.2.9",
        {"a": 0.25},
        note="tanh(x) - a tanh(x)**2 of pyzjr is another function",
    ),
    Published(
        "maxsig",
        "max(x, sigmoid(x))",
        "Ramachandran, Zoph, Le 2017, arXiv:1710.05941; Eger, Youssef, Gurevych 2018, EMNLP", "A",
        "Kunc, Kléma 2024, 3.7",
    ),
    Published(
        "minsin",
        "min(x, sin(x))",
        "Ramachandran, Zoph, Le 2017, arXiv:1710.05941; Eger, Youssef, Gurevych 2018, EMNLP", "A",
        "Kunc, Kléma 2024, 3.6.8",
    ),
    Published(
        "cosid",
        "cos(x) - x",
        "Ramachandran, Zoph, Le 2017, arXiv:1710.05941; Eger, Youssef, Gurevych 2018, EMNLP", "A",
        "Kunc, Kléma 2024, 3.31",
    ),
    Published(
        "arctid",
        "arctan(x) ** 2 - x",
        "Ramachandran, Zoph, Le 2017, arXiv:1710.05941; Eger, Youssef, Gurevych 2018, EMNLP", "A",
        "Kunc, Kléma 2024, 3.28",
    ),
    Published(
        "maxtanh",
        "max(x, tanh(x))",
        "Ramachandran, Zoph, Le 2017, arXiv:1710.05941; Eger, Youssef, Gurevych 2018, EMNLP", "A",
        "Kunc, Kléma 2024, 3.7.1",
        note="ptelu where a = b = 1",
    ),
    Published(
        "lecun_tanh",
        "1.7159 * tanh(2 * x / 3)",
        "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp", "A", "Kunc, Kléma 2024, 3.2.3",
    ),
    Published(
        "arctan",
        "arctan(x)",
        "classical", "A", "Kunc, Kléma 2024, 3.2.4",
    ),
    Published(
        "elliott",
        "x / (2 * (1 + abs(x))) + 1 / 2",
        "Elliott 1993", "A", "Kunc, Kléma 2024, 3.2.15",
    ),
    Published(
        "rootsig",
        "a * x / (1 + sqrt(1 + (a * x) ** 2))",
        "Duch, Jankowski 1999", "A", "Kunc, Kléma 2024, 3.2.25",
        {"a": 1.0},
    ),
    Published(
        "loglog",
        "exp(-exp(-x))",
        "Gomes, Ludermir, Lima 2011", "A", "Kunc, Kléma 2024, 3.2.20",
    ),
    Published(
        "sig_lin",
        "sigmoid(x) + a * x",
        "Kunc, Kléma 2024, arXiv:2402.09092", "A", "Kunc, Kléma 2024, 3.2.8",
        {"a": 0.1},
    ),
    Published(
        "soft_modulus_q",
        "where(abs(x) <= 1, x ** 2 * (2 - abs(x)), abs(x))",
        "Vallés-Pérez et al. 2023, arXiv:2301.05993", "A", "Kunc, Kléma 2024, 3.6.30",
        note="even",
    ),
    Published(
        "smooth_step",
        "where(x > g / 2, 1, where(x > -g / 2, -2 * x ** 3 / g ** 3 + 3 * x / (2 * g) + 1 / 2, 0))",
        "Hazimeh, Ponomareva, Mol, Tan, Mazumder 2020, arXiv:2002.07772", "A", "Kunc, Kléma 2024, 3.2.14",
        {"g": 1.0},
        note="a transcription of the survey has g = 2",
    ),
    Published(
        "tanhsoft1",
        "tanh(a * x) * softplus(x)",
        "Biswas et al. 2020, arXiv:2009.03863", "A", "the abstract of the source",
        {"a": 0.87}, learnable=True,
    ),
    Published(
        "tanhsoft2",
        "x * tanh(b * exp(c * x))",
        "Biswas et al. 2020, arXiv:2009.03863", "A", "the abstract of the source",
        {"b": 0.6, "c": 1.0}, learnable=True,
        note="tanhexp where b = c = 1",
    ),
    Published(
        "eis1",
        "x * softplus(x) / (x + 1.16 * exp(-x))",
        "Biswas et al. 2020, arXiv:2009.13501", "A", "the abstract of the source",
    ),
    Published(
        "eis2",
        "x * softplus(x) / sqrt(1 + x ** 2)",
        "Biswas et al. 2020, arXiv:2009.13501", "A", "the abstract of the source",
    ),
    Published(
        "flatten_t_swish",
        "relu(x) * sigmoid(x) + t",
        "Chieng et al. 2018, arXiv:1812.06247", "A", "Kunc, Kléma 2024, 3.6.46",
        {"t": -0.2}, learnable=True,
    ),
    Published(
        "dual_line",
        "where(x > 0, a * x, b * x) + m",
        "Balaji et al. 2020", "A", "Kunc, Kléma 2024, 4.2.21",
        {"a": 1.0, "b": 0.01, "m": -0.22}, learnable=True,
    ),
    Published(
        "pilu",
        "where(x > c, a * x + c * (1 - a), b * x + c * (1 - b))",
        "Inturrisi, Khoo, Kouzani, Pagliarella 2021", "B", "Kunc, Kléma 2024, 4.2.22; its defaults not confirmed",
        {"a": 1.0, "b": 0.01, "c": 1.0}, learnable=True,
        note="c = 1 is in one code only, another has 0",
    ),
    Published(
        "arelu",
        "where(x > 0, (1 + sigmoid(b)) * x, clip(a, 0.01, 0.99) * x)",
        "Chen, Li, Xu 2020, arXiv:2006.13858", "A", "Kunc, Kléma 2024, 4.2.19; three more codes",
        {"a": 0.9, "b": 2.0}, learnable=True,
        note="a is clipped to [0.01, 0.99]",
    ),
    Published(
        "aqulu",
        "where(x > (1 - b) / a, x, where(x > -b / a, a * x ** 2 + b * x, 0))",
        "Wu, Yu, Zhang, Sui 2023, Tehnički Vjesnik 30", "B", "Kunc, Kléma 2024, 4.4.10; its defaults not confirmed",
        {"a": 0.2, "b": 0.1}, learnable=True,
        note="another code has a = 0.25, b = 0.5",
    ),
    Published(
        "xsilu",
        "x * (sigmoid(x) * (1 + 2 * a) - a)",
        "Huang 2024, arXiv:2405.20768", "A", "the authors’ code, x_gate; a review that quotes it",
        {"a": 0.0}, learnable=True,
        note="starts as silu",
    ),
    Published(
        "xatlu",
        "x * ((arctan(x) / pi + 1 / 2) * (1 + 2 * a) - a)",
        "Huang 2024, arXiv:2405.20768", "A", "the authors’ code, x_gate; a review that quotes it",
        {"a": 0.0}, learnable=True,
        note="starts as calu",
    ),
    Published(
        "xielu",
        "where(x > 0, p * x ** 2 + b * x, n * (expm1(x) - x) + b * x)",
        "Huang, Schlag 2024, arXiv:2411.13010", "A", "vLLM; an MLX code",
        {"p": 0.8, "n": 0.8, "b": 0.5}, learnable=True,
        note="grows like x**2; its authors keep p above 0 and n above b by softplus",
    ),
)  # fmt: skip


class ActivationTable(Mapping[str, AnyActivation]):
    """Activations by name; those of the literature are parsed when they are looked up for the first time."""

    def __init__(self, entries: Mapping[str, AnyActivation | Published]) -> None:
        self.entries = entries

    def __getitem__(self, name: str) -> AnyActivation:
        entry = self.entries[name]
        return entry.activation if isinstance(entry, Published) else entry

    def __contains__(self, name: object) -> bool:
        return name in self.entries  # without parsing it

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def with_more(self, entries: Mapping[str, AnyActivation]) -> ActivationTable:
        """A table that has these entries, too; they take the place of those of the literature of the same name."""
        return ActivationTable({**self.entries, **entries})


ALL_ACTIVATIONS = ActivationTable({**ACTIVATIONS, **LITERATURE})


def published(entry: object) -> Published | None:
    """The entry of the literature that an activation comes from, if it does."""
    found = LITERATURE.get(getattr(entry, "name", ""))
    return found if found is not None and found.activation is entry else None


def listed_entries(activations: Mapping[str, AnyActivation]) -> list[AnyActivation | Published]:
    """The entries of a table without parsing any."""
    return [*(activations.entries if isinstance(activations, ActivationTable) else activations).values()]


# --- second names -----------------------------------------------------------------------------------------------------


def entries_called(second: str) -> list[str]:
    """The names of the entries that are also called so."""
    return [entry.name for entry in LITERATURE.values() if second in entry.also]


_SECOND_NAMES = {second: entries_called(second) for entry in LITERATURE.values() for second in entry.also}

# By a name that other frameworks or other papers use for an entry, the entry's own.
ALL_ALIASES = ALIASES | {second: names[0] for second, names in _SECOND_NAMES.items() if len(names) == 1}


def ambiguity(name: str) -> str:
    """Why a name that papers gave to different functions means none of them; empty for any other name."""
    names = _SECOND_NAMES.get(name, [])
    if len(names) < 2:
        return ""
    meanings = " and ".join(f"{own}, {LITERATURE[own].formula}" for own in names)
    return f"found '{name}', a name of different functions: {meanings}; expected {' or '.join(names)}"
