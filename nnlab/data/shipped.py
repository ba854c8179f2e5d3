"""The data files of the repository by their SHA-256, so that a file of the same name elsewhere is told from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

SHIPPED: Mapping[str, str] = {
    "auto-mpg.csv": "19717f8322a0ecd369c5da9d8ce866c30d24479faddf545a4105e54e169fc3ec",
    "breast-cancer.csv": "557d6f6bc4c63f3b4691ae6570fbfd5c1ae0a13f5ff51dca673fb4b38ff55e01",
    "concrete.csv": "c05f71241fcbb7b8d9451876b43f0d8b1614dcb35d8b30606cb67f389a111dfe",
    "digits.csv.gz": "0f56de2f1bc9b71437ebce37b2eb4b7b0ab3d0b7c7c2d25b2fa83bf5118a48cd",
    "energy.csv": "7fefb8b1936e5e1c731e5c7cfe3c93be47e2fa3042742381ddea8016395f4fd1",
    "iris.csv": "9cc1c345c71bcc9b486b74cbf6063fa66f4bb5e0f603a4b3c3471ec2e5e8e355",
    "penguins.csv": "f2d6493fc64ad958edbabd55eb0fc989af2c5a0458a2c79ccffe7985606feb60",
    "mnist/t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "mnist/t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    "mnist/train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "mnist/train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
}


def is_shipped(path: Path, file: str) -> bool:
    """Whether `path`, a file or a folder, has the content of data/`file` of the repository."""
    known = {
        path / name.removeprefix(file).lstrip("/"): digest for name, digest in SHIPPED.items() if _is_in(name, file)
    }
    return bool(known) and all(one.is_file() and _digest(one) == digest for one, digest in known.items())


def _is_in(name: str, file: str) -> bool:
    return name == file or name.startswith(f"{file}/")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
