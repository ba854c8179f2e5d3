"""Throw changed files and texts at every reader, and count what comes out that is neither a value nor a refusal.

    python benchmarks/fuzz.py [--inputs 1000000] [--reader csv] [--seed 1] [--minutes 5]
    python benchmarks/fuzz.py --properties [--times 10] [--room tests/data] [--seed 1] [--minutes 5]

A refusal is an error of nnlab's own whose text is printable, each fault of it on one line. Anything else is a finding:
another exception, a warning, a message with a raw control character, an input that takes longer than SLOW seconds.
Each finding is printed with the seed that makes its input again: `--seed N --inputs 1`. Exit code 1 if there are any.

tests/test_fuzz.py draws a few hundred inputs from the same `READERS`.

With --properties the suite's own property tests are run instead, with fresh seeds and ten times the examples, and each
that fails is printed with what makes it fail again; see properties.py. A finding becomes an `@example` of its test.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import io
import json
import pickle
import random
import re
import resource
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.config.document import read_file
from nnlab.config.experiment import load, validate, with_defaults
from nnlab.config.overrides import override_all
from nnlab.config.schema import Experiment
from nnlab.data.arrays import read_npz, read_npz_like
from nnlab.data.dataset import Dataset
from nnlab.data.idx import read_idx_folder, read_idx_folder_like
from nnlab.data.images.celeba import read_celeba
from nnlab.data.images.cifar import read_cifar
from nnlab.data.images.decode import BadImageError, Wanted, decode
from nnlab.data.images.folder import ImageOptions, read_image_folder, read_image_folder_like
from nnlab.data.images.pickles import read_pickle
from nnlab.data.images.pixels import read_pixels
from nnlab.data.prepare import prepare
from nnlab.data.tables import read_csv, read_csv_like
from nnlab.errors import ConfigError, DataError, InputError, NnlabError
from nnlab.gates.parse import gates_from, parse_gate
from nnlab.maths.expressions.errors import FormulaError
from nnlab.maths.expressions.formula import Formula
from nnlab.maths.expressions.functions import FUNCTIONS
from nnlab.setup.model import Model
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up
from nnlab.storage import checkpoints
from nnlab.storage.about import ModelAbout
from nnlab.storage.cache import UserCache

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
SLOW = 5.0  # seconds in which any input of a few kilobytes must be read
MEMORY = 6 * 2**30  # bytes that this process may use
TASKS = ("binary", "multiclass", "multilabel", "regression")
Content = bytes


@dataclass(frozen=True)
class Reader:
    """A reader: how its inputs are made, and what reads one, in a folder in which it may write."""

    make: Callable[[random.Random], Content]
    read: Callable[[Content, Path], None]


# --- changes that know nothing of the format --------------------------------------------------------------------------

WORDS = [
    b"", b"0", b"-1", b"1e400", b"nan", b"inf", b"-0.0", b"1_000", b"9" * 400, b"\x00", b"\x1b[2J", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\xc3\xa9", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\r\n", b"\r", b"\n\n", b"\t", b'"', b"'", b",",
    b";", b":", b": ", b"- ", b"{", b"}", b"[", b"]", b"&a", b"*a", b"<<", b"!!python/object", b"|", b">", b"%", b"@",
    b"#", b"(" * 300, b"[" * 300, b"=", b".", b"..", b"/", b"NA", b"true", b"null", b"~", b"\\", b"\xff" * 8, b"\x7f",
    b"=>", b"+-", b"baseline", b" by epoch 3", b"**", b"x", b"max(", b"where(", b"__import__('os')",
]  # fmt: skip


def changed(chance: random.Random, content: Content, words: Sequence[Content] = WORDS) -> Content:
    """The content with a few changes: bits flipped, stretches lost, doubled, moved, replaced, the end cut off."""
    made = bytearray(content)
    for _ in range(chance.choice([0, 1, 1, 1, 2, 4])):
        start = chance.randint(0, len(made))
        stop = min(len(made), start + chance.choice([0, 1, 1, 2, 5, 20, 200]))
        kind = chance.randint(0, 6)
        if kind == 0 and made:
            made[min(start, len(made) - 1)] ^= 1 << chance.randint(0, 7)
        elif kind == 1:
            del made[start:stop]
        elif kind == 2:
            made[start:start] = made[start:stop] * chance.choice([1, 1, 3, 50])
        elif kind == 3:
            made[start:stop] = chance.choice(words)
        elif kind == 4:
            made[start:start] = chance.choice(words)
        elif kind == 5:
            made[start:stop] = bytes(chance.randint(0, 255) for _ in range(chance.randint(1, 4)))
        elif chance.randint(0, 2) == 0:
            del made[start:]
    return bytes(made)


def changed_numbers(chance: random.Random, text: str) -> str:
    """The text with one number in it replaced by another that is rarely expected."""
    places = list(re.finditer(r"-?[0-9.]+(?:e[+-]?[0-9]+)?", text))
    if not places:
        return text
    place = chance.choice(places)
    odd = chance.choice(["0", "-1", "1e308", "1e-320", "1e400", "99999999999999999999", "0.5", "nan", "1e3", "", "2"])
    return text[: place.start()] + odd + text[place.end() :]


def soup(chance: random.Random, pieces: Sequence[str], most: int = 30) -> str:
    """Pieces of a language in any order."""
    return "".join(chance.choice(pieces) for _ in range(chance.randint(0, most)))


# --- experiment files, overrides, gates, formulas ---------------------------------------------------------------------

YAML_PIECES = [
    "name: a\n", "task: binary\n", "data: ", "{source: xor}\n", "  source: moons\n", "network:\n",
    "  layers: [3, {dropout: 0.1}]\n", "optimizer: ", "adam\n", "{name: sgd, learning_rate: ", "0.1", "}\n",
    "training:\n", "  epochs: 1\n", "gates:\n", "  - val/loss <= 1\n", "gates: [", "]\n", "'", '"', ": ", "- ", "\n",
    "  ", "#", "[", "]", "{", "}", ",", "1e3", "yes", "seed: ", "-1\n", "schedule: {name: step, ", "formula: x * ",
    "activation: ", "head: {loss: mse}\n", "\t", "null\n",
]  # fmt: skip


def yaml_file(chance: random.Random) -> Content:
    """A shipped experiment with changes, or pieces of some."""
    if chance.random() < 0.3:
        return changed(chance, soup(chance, YAML_PIECES).encode())
    text = chance.choice(CONFIGS).read_text(encoding="utf-8")
    for _ in range(chance.randint(0, 2)):
        text = changed_numbers(chance, text)
    return changed(chance, text.encode())


def read_yaml(content: Content, folder: Path) -> None:
    """As `nnlab train` does."""
    path = folder / "e.yaml"
    path.write_bytes(content)
    load(path)


KEYS = [
    "seed", "name", "task", "data", "data.source", "data.source.name", "network.layers", "network.layers.0",
    "network.layers.9", "network.layers.0.dense", "network.activation", "network.head.loss", "optimizer",
    "optimizer.learning_rate", "training.epochs", "training.early_stopping.monitor", "gates", "gates.0", "", ".",
    "a.b.c", "training.gradcheck.steps", "data.scale", "data.scale.epsilon", "network.init.weights", "0", "-1",
    "optimizer.schedule.name",
]  # fmt: skip
VALUES = [
    "1", "-1", "0.5", "1e-3", "1e400", "nan", "true", "yes", "null", "[]", "{}", "[1, 2]", "{a: 1}", "relu", "adam",
    "xor", "{name: prelu, alpha: 0.1}", "{formula: x * x}", "'1'", '"', "[", "=", "a=b", "val/loss <= 1",
    "[val/loss <= 1]", "\x00", "é", "{weights: normal}", "{name: step, every: 3}", "017", "&a 1", "*a", "!!int 3", "",
]  # fmt: skip


ASSIGNMENTS = [
    "seed=3", "name=b", "optimizer.learning_rate=1e-3", "optimizer={name: sgd, momentum: 0.9}", "training.batch_size=7",
    "network.layers=[3, {dropout: 0.5}]", "network.activation={formula: x * sigmoid(a * x), a: 1.5}", "network.l2=0.1",
    "training={steps: 5}", "network.layers.0=4", "gates=[train/loss <= 1]", "precision=float64", "data.validation=0.2",
]  # fmt: skip


def override(chance: random.Random) -> Content:
    """KEY=VALUE, or nearly so."""
    if chance.random() < 0.5:
        return changed(chance, changed_numbers(chance, chance.choice(ASSIGNMENTS)).encode())
    text = chance.choice(KEYS) + chance.choice(["=", "=", "=", "", "==", ": "]) + chance.choice(VALUES)
    return changed(chance, text.encode()) if chance.random() < 0.5 else text.encode()


def read_override(content: Content, _folder: Path) -> None:
    """As `--set` does, in an experiment that holds a little of everything."""
    document = override_all(read_file(CONFIGS[0]), [content.decode("utf-8", "surrogateescape")])
    validate(document)


GATE_PIECES = [
    "val/loss", "test/accuracy", "baseline", '"a b"', "relu.val/loss.low", " ", " >= ", "<=", "==", "=", "@", "3",
    "0.5", "-1e5", " +- ", " * ", " by epoch ", " by step ", "by", "1e400", '"', "dense1/weights[0,1]", "!", "<",
    "\n", "\x1b", "é", "٣", "_",
]  # fmt: skip


GATES = [
    "test/accuracy >= 0.97", "batch/loss@999 == 0.014208 +- 5e-7", "val/accuracy >= 0.95 by epoch 3",
    "val/loss <= baseline * 1.05", "relu.val/accuracy.low >= tanh.val/accuracy.high", "dense1/weights[0,1] < -1e-3",
    '"leaky_relu:negative_slope=0.1".val/loss@3 > 2 * "x * sigmoid(x)".val/loss.mean * .5 by step 7',
]  # fmt: skip


def gate(chance: random.Random) -> Content:
    """A gate, or nearly so."""
    text = soup(chance, GATE_PIECES, 8) if chance.random() < 0.3 else changed_numbers(chance, chance.choice(GATES))
    return changed(chance, text.encode())


def read_gate(content: Content, _folder: Path) -> None:
    """As `--gate` does."""
    text = content.decode("utf-8", "surrogateescape")
    (found,) = gates_from([text])
    assert parse_gate(found.text) == found
    assert np.isfinite(found.bound)


FORMULA_PIECES = [
    "x", "x", "x", "a", "pi", "e", "1", "2.5", "0", "1e308", "1e-308", " + ", " - ", " * ", " / ", " ** ", "-", "(",
    ")", ",", ", ", "sigmoid(", "tanh(", "exp(", "log(", "sqrt(", "abs(", "max(", "min(", "where(", "erf(",
    "softplus(", "sign(", "x > 0", "==", "relu(", "if", "else", "lambda", ".", "[", "]", "'", "#", "\n", "\t", "é",
    "__", "1j", "0x1", "1_0", "//", "%", "@", ":=",
]  # fmt: skip


def formula(chance: random.Random) -> Content:
    """A formula of x and perhaps a, or nearly so."""
    made = soup(chance, FORMULA_PIECES, 14) if chance.random() < 0.4 else _expression(chance, 4)
    return changed(chance, made.encode()) if chance.random() < 0.3 else made.encode()


def _expression(chance: random.Random, depth: int) -> str:
    """A formula that is well formed."""
    if depth == 0 or chance.random() < 0.1:
        return chance.choice(["x", "x", "a", "1", "2", "0.5", "-3", "pi", "1e300", "0"])
    inner = [_expression(chance, depth - 1) for _ in range(3)]
    forms = [
        f"({inner[0]} {chance.choice(['+', '-', '*', '/', '**'])} {inner[1]})",
        f"{chance.choice(sorted(FUNCTIONS))}({inner[0]})",
        f"{chance.choice(['max', 'min'])}({inner[0]}, {inner[1]})",
        f"where({inner[0]} {chance.choice(['<', '>', '<=', '>='])} {inner[1]}, {inner[2]}, x)",
    ]
    return chance.choice(forms)


_POINTS = np.array([[-1e300, -710.0, -2.0, -0.0, 0.0, 5e-324, 1.0, 3.5, 710.0, 1e300, np.inf, -np.inf, np.nan]])


def read_formula(content: Content, _folder: Path) -> None:
    """As an activation that is a formula: value, slope and kinks."""
    text = content.decode("utf-8", "surrogateescape")
    names = ("a",) if re.search(r"\ba\b", text) else ()
    try:
        found = Formula.parse(text, names)
        values = {name: np.full((1, 1), 0.75) for name in names}
        with np.errstate(all="ignore"):
            out = np.empty_like(_POINTS)
            found.value(_POINTS, out, **values)
            found.slope(_POINTS, out.copy(), out, **values)
    except FormulaError as error:
        raise ConfigError(f"{error}\n{error.pointed()}") from None


# --- data -------------------------------------------------------------------------------------------------------------

TABLES = [
    "a,b,y\n1,2.5,0\n2,-3e-2,1\n3,0,1\n4,7,0\n",
    "size,kind,price\n1,red,10\n2,blue,20\n3,red,30\n,blue,40\nNA,green,50\n",
    '"first, name","y"\r\n"1","no"\r\n"2","yes"\r\n"3","no"\r\n',
    "x1,x2,p,q\n0.1,0.2,0,1\n0.3,0.4,1,1\n0.5,0.6,1,0\n", "a,y\n" + "".join(f"{n},{n % 3}\n" for n in range(30)),
]  # fmt: skip
TABLE_PIECES = [
    "a", "b", "y", ",", ",", "\n", "\n", "1", "0", "2.5", "-1", "NA", '"', "\r", " ", "1e308", "nan", "é", "yes",
]  # fmt: skip


def table(chance: random.Random) -> Content:
    """A CSV file, or nearly so, perhaps packed."""
    text = soup(chance, TABLE_PIECES) if chance.random() < 0.3 else chance.choice(TABLES)
    text = changed_numbers(chance, text) if chance.random() < 0.3 else text
    return changed(chance, text.encode())


def read_table(content: Content, folder: Path) -> None:
    """As `nnlab train` and `nnlab eval --data` do, up to the rows that a network would see."""
    pick = _pick(content)
    packed = pick.random() < 0.2
    path = folder / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(changed(pick, gzip.compress(content, 1)) if packed else content)
    blanks = pick.choice(["refuse", "drop", "mean", "median"])
    data = read_csv(path, task=pick.choice(TASKS), blanks=blanks)
    _prepared(data, pick, blanks)
    read_csv_like(path, data.columns, task=data.task, blanks_allowed=blanks in ("mean", "median"))


def _pick(content: Content) -> random.Random:
    """Choices that depend on the input alone, so that it fails the same way again."""
    return random.Random(hashlib.sha256(content).digest())


def _prepared(data: Dataset, pick: random.Random, blanks: str) -> None:
    """Split and scale, as training does; every number is finite then."""
    prepared = prepare(
        data,
        seed=pick.randint(0, 9),
        test=None if data.own_test else pick.choice([None, 0.3]),
        validation=pick.choice([None, 0.3]),
        scale_name=pick.choice(["none", "standard", "minmax"]),
        epsilon=pick.choice([0.0, 1e-9]),
        together=pick.random() < 0.3,
        blanks=blanks,
        scale_targets=pick.random() < 0.5,
        dtype=pick.choice([np.float32, np.float64]),
    )
    assert np.isfinite(prepared.train.x).all()
    assert np.isfinite(prepared.train.y).all()


def _arrays(chance: random.Random) -> dict[str, Any]:
    rows, columns = chance.randint(1, 6), chance.randint(1, 4)
    kind = chance.choice(["<f8", "<f4", ">f8", "<i4", "|u1", "|b1", "<f2", ">i2", "<U3", "<c16"])
    x = np.arange(rows * columns).reshape(rows, columns).astype(kind)
    y = np.arange(rows) % chance.choice([1, 2, 3])
    wide = np.eye(3)[np.arange(rows) % 3]
    return chance.choice(
        [
            {"x": x, "y": y},
            {"x": np.asfortranarray(x), "y": wide},
            {"x": x.reshape(rows, 1, columns), "y": y.astype(float)},
            {"x_train": x, "y_train": y, "x_test": x[:1], "y_test": y[:1]},
        ]
    )


def archive(chance: random.Random) -> Content:
    """An .npz file: changed from outside, or inside with its checksums made good again."""
    stream = io.BytesIO()
    (np.savez if chance.random() < 0.5 else np.savez_compressed)(stream, **_arrays(chance))
    content = stream.getvalue()
    return changed(chance, content) if chance.random() < 0.5 else _rezipped(content, lambda _, m: _member(chance, m))


HEADERS = [
    b"'descr': '|O'", b"'descr': '<f8'", b"'shape': (1000000000000,)", b"'shape': (3, )", b"'shape': ()",
    b"'shape': (0, 3)", b"'fortran_order': True", b"'shape': (-1, 3)", b"__import__('os')",
    b"'shape': (99999999999999999999,)", b"(" * 300, b"\x93NUMPY\x01\x00", b"\x93NUMPY\x03\x00", b"\xff\xff", b"{}",
    b"'shape': (2147483648, 2147483648)",
]  # fmt: skip


def _member(chance: random.Random, member: Content) -> Content:
    return changed(chance, member, HEADERS + WORDS)


def _rezipped(content: Content, change: Callable[[str, Content], Content]) -> Content:
    """An archive with changed members under right checksums."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, change(info.filename, old.read(info)))
    return stream.getvalue()


def read_archive(content: Content, folder: Path) -> None:
    """As `nnlab train` and `nnlab eval --data` do."""
    pick, path = _pick(content), folder / "a.npz"
    path.write_bytes(content)
    data = read_npz(path, task=pick.choice(TASKS))
    _prepared(data, pick, "refuse")
    read_npz_like(path, data.columns, task=data.task)


_MAIN = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_ROW = b'<row><c><v>%d</v></c><c t="inlineStr"><is><t>%c</t></is></c><c s="1"><v>%d</v></c></row>'
_ROWS = [_ROW % (i, 97 + i % 2, 40000 + i * i) for i in range(12)]
_NAMES = b"".join(b'<c t="str"><v>%c</v></c>' % name for name in b"abc")
_LINKS = b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>'
_LINK = b'<Relationship Id="%s" Type="' + _OFFICE + b'/%s" Target="%s"/>'
_WORKBOOK = {
    "_rels/.rels": _LINKS % (_LINK % (b"r1", b"officeDocument", b"xl/workbook.xml")),
    "xl/workbook.xml": b'<workbook %s xmlns:r="%s"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>'
    % (_MAIN, _OFFICE),
    "xl/_rels/workbook.xml.rels": _LINKS
    % (_LINK % (b"r1", b"worksheet", b"worksheets/sheet1.xml") + _LINK % (b"r2", b"styles", b"styles.xml")),
    "xl/styles.xml": b'<styleSheet %s><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>' % _MAIN,
    "xl/worksheets/sheet1.xml": b"<worksheet %s><sheetData><row>%s</row>%s</sheetData></worksheet>"
    % (_MAIN, _NAMES, b"".join(_ROWS)),
}
_CELLS = [
    b'<c r="XFD1048576"><v>1</v></c>', b' t="e"', b' t="s"', b' t="d"', b' t="b"', b' s="9"', b' r="ZZZZZZ1"', b"<row>",
    b"</row>", b"</c>", b"<v>1e999</v>", b"<v>NaN</v>", b"<v>12345678901234567890</v>", b"-1e300", b"99999999",
]  # fmt: skip


def workbook(chance: random.Random) -> Content:
    """An Excel workbook: changed from outside, or in one of its files under right checksums."""
    wrong = chance.choice([*_WORKBOOK, "xl/worksheets/sheet1.xml"]) if chance.random() < 0.7 else ""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _WORKBOOK.items():
            archive.writestr(zipfile.ZipInfo(name), changed(chance, content, _CELLS) if name == wrong else content)
    return stream.getvalue() if wrong else changed(chance, stream.getvalue())


def parquet(chance: random.Random) -> Content:
    """A Parquet file, changed."""
    import pyarrow as pa
    from pyarrow import parquet as written

    columns = {
        "a": range(12),
        "b": [*"ab" * 6],
        "c": [None, *np.arange(11) / 4],
        "d": (np.arange(12) * 9000).astype("M8[s]"),
    }
    packing = chance.choice(["none", "snappy", "zstd"])
    stream = io.BytesIO()
    written.write_table(pa.table(columns), stream, compression=packing, row_group_size=5, write_page_checksum=False)
    return changed(chance, stream.getvalue())


def read_sheets(suffix: str) -> Callable[[Content, Path], None]:
    """As `nnlab train` and `nnlab eval --data` do."""

    def read(content: Content, folder: Path) -> None:
        pick, path = _pick(content), folder / f"t{suffix}"
        path.write_bytes(content)
        data = read_csv(path, task=pick.choice(TASKS), blanks="mean", target=[pick.choice("ab")])
        _prepared(data, pick, "mean")
        read_csv_like(path, data.columns, task=data.task, blanks_allowed=True)

    return read


_IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_IDX_WORDS = [
    b"\x00\x00\x08\x03", b"\x00\x00\x08\x01", b"\x00\x00\x0d\x03", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00",
    b"\x7f\xff\xff\xff", b"",
]  # fmt: skip


def idx_folder(chance: random.Random) -> Content:
    """The files of an IDX folder, one behind the other, one of them changed."""
    files = []
    for count, names in ((6, _IDX_NAMES[:2]), (3, _IDX_NAMES[2:])):
        images = b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (count, 2, 2)) + bytes(range(4 * count))
        labels = b"\x00\x00\x08\x01" + count.to_bytes(4, "big") + bytes(n % 3 for n in range(count))
        files += list(zip(names, (images, labels), strict=True))
    wrong = chance.randint(0, len(files) - 1)
    packed, outside = chance.random() < 0.5, chance.random() < 0.5
    parts = []
    for index, (name, content) in enumerate(files):
        made = changed(chance, content, _IDX_WORDS) if index == wrong and not outside else content
        made = gzip.compress(made, 1) if packed else made
        made = changed(chance, made) if index == wrong and outside else made
        parts.append((f"{name}.gz" if packed else name, made.hex()))
    return json.dumps(parts[: chance.choice([4, 4, 4, 2, 3])]).encode()


def read_idx(content: Content, folder: Path) -> None:
    """As `nnlab train` and `nnlab eval --data` do."""
    pick = _pick(content)
    for old in folder.iterdir():
        old.unlink()
    for name, made in json.loads(content):
        (folder / name).write_bytes(bytes.fromhex(made))
    data = read_idx_folder(folder, task=pick.choice(("multiclass", "multiclass", *TASKS)))
    _prepared(data, pick, "refuse")
    read_idx_folder_like(folder, data.columns, task=data.task)


# --- images -----------------------------------------------------------------------------------------------------------

_CIFAR_CLASSES = [f"class {number}" for number in range(10)]
_PICKLE_WORDS = [
    b"cos\nsystem\n", b"cnumpy\nload\n", b"c__builtin__\neval\n", b"R", b"b", b"o", b"i", b"\x81", b"\x93",
    b"\x82\x01", b"(", b"t", b".", b"2\x86", b"]" * 300, b"q\x01", b"h\x01", b"K\x01", b"N", b"}", b"u", b"e",
    b"T\xff\xff\xff\x7f", b"\x8a\xff", b"I99999999999999999999999\n", b"\x8e" + b"\xff" * 8, b"Pid\n",
    b"\x80\x05", b"\x85", b"0", b"1", b"F1e400\n", b"|O8", b"f8",
]  # fmt: skip


def _batch(rows: int, label: int) -> dict[str, Any]:
    data = np.arange(rows * 3072).reshape(rows, 3072).astype(np.uint8)
    return {
        "data": data,
        "labels": [(label + row) % 10 for row in range(rows)],
        "batch_label": b"a",
        "filenames": ["a"],
    }


def pickled(chance: random.Random) -> Content:
    """A batch of CIFAR as a pickle of any protocol, or nearly so."""
    small = {
        **_batch(1, 3),
        "data": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "more": (1.5, None, True, "é", -(2**40)),
    }
    content = pickle.dumps(small, chance.randint(0, 5))
    if chance.random() < 0.2:
        return b"".join(chance.choice(_PICKLE_WORDS) for _ in range(chance.randint(0, 30)))
    return changed(chance, content, _PICKLE_WORDS)


def read_pickled(content: Content, _folder: Path) -> None:
    """As the reader of CIFAR does."""
    assert all(isinstance(key, str) for key in read_pickle(content, "batch"))


def _cifar_files(chance: random.Random) -> dict[str, Content]:
    if chance.random() < 0.5:
        files = {f"data_batch_{n}.bin": bytes([n]) + bytes(3072) for n in range(1, 6)}
        files |= {"test_batch.bin": bytes([7]) + bytes(3072), "batches.meta.txt": "\n".join(_CIFAR_CLASSES).encode()}
        return files
    names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    files = {name: pickle.dumps(_batch(1, n), chance.choice([0, 2, 4])) for n, name in enumerate(names)}
    return {**files, "batches.meta": pickle.dumps({"label_names": _CIFAR_CLASSES}, 2)}


def cifar(chance: random.Random) -> Content:
    """An archive of CIFAR-10, changed from outside, as a tar under a right checksum, or in one of its files."""
    files, level = _cifar_files(chance), chance.randint(0, 2)
    wrong = chance.choice(sorted(files))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            made = changed(chance, content, _PICKLE_WORDS) if level == 2 and name == wrong else content
            member = tarfile.TarInfo(f"folder/{name}")
            member.size = len(made)
            archive.addfile(member, io.BytesIO(made))
    tar = changed(chance, stream.getvalue()) if level == 1 else stream.getvalue()
    packed = gzip.compress(tar, 1)
    return changed(chance, packed) if level == 0 else packed


def read_archived(content: Content, folder: Path) -> None:
    """As `nnlab train` does."""
    path = folder / "c.tar.gz"
    path.write_bytes(content)
    _prepared(read_cifar(path, task="multiclass"), _pick(content), "refuse")


_FORMS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
_PICTURE_WORDS = [
    b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"acTL", b"eXIf", b"\xff\xd9", b"\xff\xd8", b"\xff\xe1",
    b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"GIF89a", b"BM", b"RIFF", b"WEBP", b"ANIM", b";",
    b"!\xf9",
]  # fmt: skip


def _picture(chance: random.Random, rows: int = 6, columns: int = 5) -> Content:
    """An image file of any format and mode."""
    from PIL import Image

    values = np.array([chance.randint(0, 255) for _ in range(3 * rows * columns)], np.uint8).reshape(rows, columns, 3)
    form, stream = chance.choice(_FORMS), io.BytesIO()
    mode = chance.choice(
        {"PNG": ["RGB", "L", "P", "RGBA", "LA", "1", "I;16"], "JPEG": ["RGB", "L", "CMYK"]}.get(form, ["RGB"])
    )
    picture = Image.fromarray(values).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = chance.randint(0, 9)
    picture.save(stream, form, **({"exif": exif} if form in ("PNG", "JPEG", "WEBP") else {}))
    return stream.getvalue()


def picture(chance: random.Random) -> Content:
    """An image file, or nearly so."""
    return changed(chance, _picture(chance), _PICTURE_WORDS + WORDS)


def read_picture(content: Content, _folder: Path) -> None:
    """As the reader of folders does."""
    pick = _pick(content)
    wanted = Wanted(pick.choice([None, (3, 4)]), pick.choice([None, "rgb", "gray"]))
    try:
        pixels = decode(content, wanted)
    except BadImageError as error:
        raise DataError(str(error)) from None
    assert pixels.dtype == np.uint8
    assert pixels.shape[0] in (1, 3)
    assert wanted.size in (None, pixels.shape[1:])


def picture_folder(chance: random.Random) -> Content:
    """A folder with a few pictures in a few folders with hardly likely names, as JSON of names and contents."""
    names = ["a", "b", "train", "test", "val", "c\x1bd", "é", " ", ".hidden", "x.png"]
    files = {}
    for _ in range(chance.randint(1, 8)):
        depth = chance.choice([2] * 18 + [1, 3])
        where = "/".join(
            [*(chance.choice(names[:2] if chance.random() < 0.9 else names) for _ in range(depth - 1)), ""]
        )
        name = chance.choice(["1.png", "2.jpg", "3.PNG", "4.gif", "notes.txt", ".DS_Store", "é.webp", "5.png"])
        content = _picture(chance) if chance.random() < 0.95 else changed(chance, _picture(chance))
        files[where + name] = content.hex()
    return json.dumps(files).encode()


def read_picture_folder(content: Content, folder: Path) -> None:
    """As `nnlab train` and `nnlab eval --data` do."""
    place, pick = folder / "pictures", _pick(content)
    shutil.rmtree(place, ignore_errors=True)
    for name, made in json.loads(content).items():
        with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(bytes.fromhex(made))
    place.mkdir(exist_ok=True)
    options = ImageOptions(
        Wanted((3, 3), "rgb") if pick.random() < 0.8 else Wanted(),
        skip=pick.random() < 0.5,
        in_blocks=pick.choice([None, None, 3]),
        cache=pick.choice([None, UserCache(folder / "cache")]),
    )
    data = read_image_folder(place, task=pick.choice(("binary", "multiclass")), options=options)
    read_image_folder_like(place, data.columns, task=data.task, options=options)


def celeba_folder(chance: random.Random) -> Content:
    """The tables of a set in CelebA's layout, one of them changed."""
    attributes = "3\nBald Smiling \n1.png -1  1\n2.png  1 -1\n3.png  1  1\n"
    partition = "1.png 0\n2.png 0\n3.png 2\n"
    tables = [attributes, partition]
    which = chance.randint(0, 1)
    tables[which] = changed_numbers(chance, tables[which]) if chance.random() < 0.5 else tables[which]
    parts = [table.encode() for table in tables]
    parts[which] = changed(chance, parts[which])
    return json.dumps([part.hex() for part in parts]).encode()


def read_celeba_folder(content: Content, folder: Path) -> None:
    """As `nnlab train` does."""
    place = folder / "faces"
    (place / "img_align_celeba").mkdir(parents=True, exist_ok=True)
    for number in (1, 2, 3):
        (place / "img_align_celeba" / f"{number}.png").write_bytes(_picture(random.Random(number)))
    for name, made in zip(("list_attr_celeba.txt", "list_eval_partition.txt"), json.loads(content), strict=True):
        (place / name).write_bytes(bytes.fromhex(made))
    data = read_celeba(place, task="multilabel", options=ImageOptions(Wanted((2, 2), "gray")))
    assert np.isin(data.y, (0, 1)).all()


def kept_pixels(chance: random.Random) -> Content:
    """A cache file, or nearly so."""
    with tempfile.TemporaryDirectory() as folder:
        content = _kept(Path(folder))
    return changed(chance, content)


def _kept(folder: Path) -> Content:
    path, cache = folder / "1.png", UserCache(folder / "cache")
    path.write_bytes(_picture(random.Random(1)))
    read_pixels([path], Wanted((4, 4), "rgb"), skip=False, cache=cache)
    return next(cache.folder.iterdir()).read_bytes()


def read_kept(content: Content, folder: Path) -> None:
    """A changed cache file must not change the pixels: it is noticed and made again."""
    whole = _kept(folder)
    (kept,) = (folder / "cache").iterdir()
    kept.write_bytes(content)
    blocks = _pick(content).choice([None, 1])
    found = read_pixels(
        [folder / "1.png"], Wanted((4, 4), "rgb"), skip=False, in_blocks=blocks, cache=UserCache(kept.parent)
    )
    assert found.rows[:].tobytes() == whole[:48]
    if content != whole:
        raise DataError("found a cache file that was damaged, expected the one that was written")


# --- checkpoints ------------------------------------------------------------------------------------------------------


def _experiment() -> tuple[Experiment, Content]:
    """A small experiment, and the checkpoint that it would begin with."""
    values = {"name": "c", "task": "multiclass", "data": {"source": "iris", "test": 0.2}, "network": {"layers": [4]}}
    chosen = with_defaults(Experiment.model_validate(values))
    setup = set_up(chosen, prepare_rows(chosen, read_rows(chosen, None, ROOT), [0]))
    state, rows = setup.start(), setup.rows
    first = rows.of(0)
    model = Model(
        chosen, setup.network, state.theta, state.statistics, rows.dataset.columns, first.scaling, first.target_scaling
    )
    return chosen, checkpoints.to_bytes(model.to_checkpoint({}, ModelAbout, {}))


_FRESH: list[tuple[Experiment, Content]] = []


def _fresh() -> tuple[Experiment, Content]:
    if not _FRESH:
        _FRESH.append(_experiment())
    return _FRESH[0]


def checkpoint(chance: random.Random) -> Content:
    """A checkpoint: changed from outside, or inside with its seals made good again."""
    content, kind = _fresh()[1], chance.random()
    if kind < 0.4:
        return changed(chance, content)
    if kind < 0.6:
        return _sealed(chance, {name: _promising(chance, member) for name, member in _members(content)})
    wrong = chance.choice(zipfile.ZipFile(io.BytesIO(content)).namelist())
    arrays = {name.removesuffix(".npy"): _load(member) for name, member in _members(content)}
    about = json.loads(arrays.pop("about").tobytes())
    if wrong == "about.npy":
        text = changed_numbers(chance, json.dumps(about))
        about = _json(changed(chance, text.encode())) or about
    else:
        arrays[wrong.removesuffix(".npy")] = _other(chance, arrays[wrong.removesuffix(".npy")])
    facts = {key: value for key, value in about.items() if key not in ("format", "members")}
    return checkpoints.to_bytes(checkpoints.Checkpoint(arrays, facts))


def _members(content: Content) -> Iterator[tuple[str, Content]]:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        for name in opened.namelist():
            yield name, opened.read(name)


def _promising(chance: random.Random, member: Content) -> Content:
    """A member as it is, or one whose header tells of another shape, version or type."""
    if chance.random() < 0.7:
        return member
    header, rest = member[:128], member[128:]
    return changed_numbers(chance, header.decode("latin-1")).encode("latin-1", "replace") + rest


def _sealed(chance: random.Random, members: dict[str, Content]) -> Content:
    """An archive of these members, packed or not, with the seal that a checkpoint has at its end."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as opened:
        for name, member in members.items():
            opened.writestr(name, member)
    content = stream.getvalue()[:-2] + (64).to_bytes(2, "little")
    return content + hashlib.sha256(content).hexdigest().encode()


def _load(member: Content) -> Any:
    return np.lib.format.read_array(io.BytesIO(member), allow_pickle=False)


def _json(content: Content) -> Any:
    try:
        found = json.loads(content)
        json.dumps(found, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _other(chance: random.Random, array: Any) -> Any:
    """An array of another shape, type or content."""
    flat = array.reshape(-1)
    others = [
        array.astype(np.float16), flat, flat[:-1], flat[None], array[None], np.zeros((0,)), np.full_like(array, 7),
        array.astype("<U5"), array.astype(complex), np.full(array.shape, np.nan), np.array(3.0), array.astype(bool),
    ]  # fmt: skip
    return chance.choice(others)


def read_checkpoint(content: Content, folder: Path) -> None:
    """As `nnlab eval` does, up to the outputs for a few rows."""
    path = folder / "c.npz"
    path.write_bytes(content)
    model = Model.from_checkpoint(_fresh()[0], checkpoints.load(path))
    assert model.outputs(np.ones((2, 4))).shape == (2, 3)


READERS = {
    "yaml": Reader(yaml_file, read_yaml),
    "override": Reader(override, read_override),
    "gate": Reader(gate, read_gate),
    "formula": Reader(formula, read_formula),
    "csv": Reader(table, read_table),
    "workbook": Reader(workbook, read_sheets(".xlsx")),
    "parquet": Reader(parquet, read_sheets(".parquet")),
    "npz": Reader(archive, read_archive),
    "idx": Reader(idx_folder, read_idx),
    "pickle": Reader(pickled, read_pickled),
    "cifar": Reader(cifar, read_archived),
    "picture": Reader(picture, read_picture),
    "picture_folder": Reader(picture_folder, read_picture_folder),
    "celeba": Reader(celeba_folder, read_celeba_folder),
    "pixels": Reader(kept_pixels, read_kept),
    "checkpoint": Reader(checkpoint, read_checkpoint),
}


# --- what comes of an input -------------------------------------------------------------------------------------------


class TooSlowError(Exception):
    """An input took longer than SLOW seconds."""


def outcome(reader: Reader, content: Content, folder: Path) -> str:
    """`read`, or the kind of the refusal. What is neither is raised."""
    try:
        with warnings.catch_warnings(), _limited(SLOW):
            warnings.simplefilter("error")
            reader.read(content, folder)
    except NnlabError as error:
        _check(error)
        return type(error).__name__
    return "read"


def _check(error: NnlabError) -> None:
    """Hold the text of a refusal against what a terminal should get: printable lines, one for each fault."""
    lines = [str(fault) for fault in error.faults] if isinstance(error, InputError) else [str(error)]
    if isinstance(error, ConfigError):  # the fault of a formula shows it, and a caret below
        lines = [part for line in lines for part in line.split("\n")]
    assert lines
    assert all(line.isprintable() for line in lines), lines


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise TooSlowError where the body takes longer."""

    def stop(_number: int, _frame: object) -> None:
        raise TooSlowError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def input_of(name: str, seed: int) -> Content:
    """The input number `seed` of a reader."""
    return READERS[name].make(random.Random(f"{name} {seed}"))


def fuzz(name: str, seeds: range, minutes: float) -> int:
    """Read the inputs of these seeds, as many as the time allows; how many findings there were."""
    counts: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    clock = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            content = input_of(name, seed)
            try:
                counts[outcome(READERS[name], content, Path(folder))] += 1
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                where = traceback.extract_tb(error.__traceback__)[-1]
                kind = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
                findings[kind] += 1
                if findings[kind] == 1:
                    print(f"{name} --seed {seed}: {kind}: {str(error)[:200]!r}\n  {content[:300]!r}", flush=True)
            if time.monotonic() - clock > 60 * minutes:
                break
    total, spent = counts.total() + findings.total(), time.monotonic() - clock
    outcomes = ", ".join(f"{kind} {count:,}" for kind, count in counts.most_common())
    print(f"{name}: {total:,} inputs in {spent:.0f} s: {outcomes}; findings: {findings.total():,}", flush=True)
    return findings.total()


def main() -> None:
    """Fuzz one reader or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="how many for each reader")
    parser.add_argument("--reader", choices=READERS, action="append", help="which one; by default all of them")
    parser.add_argument("--seed", type=int, help="number of the first input; of properties, hypothesis' own seed")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="the longest for a reader or a test file")
    parser.add_argument("--properties", action="store_true", help="run the suite's property tests")
    parser.add_argument("--times", type=int, default=10, help="how many times as many examples each of them tries")
    parser.add_argument("--room", action="append", help="a folder, a file or a test; by default all of tests/")
    chosen = parser.parse_args()
    if chosen.properties:
        from properties import try_properties

        sys.exit(1 if try_properties(chosen.room or ["tests"], chosen.times, chosen.seed, chosen.minutes) else 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    first = chosen.seed or 0
    seeds = range(first, first + chosen.inputs)
    found = [fuzz(name, seeds, chosen.minutes) for name in chosen.reader or READERS]
    sys.exit(1 if any(found) else 0)


if __name__ == "__main__":
    main()
