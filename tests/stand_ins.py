"""Small stand-ins for published sets of images, in the very file formats of the originals."""

from __future__ import annotations

import io
import struct
import tarfile

import numpy as np
from PIL import Image

CIFAR_10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
COARSE = tuple(f"group_{number}" for number in range(20))
FINE = tuple(f"kind_{number}" for number in range(100))


# --- pickles as Python 2 wrote them -----------------------------------------------------------------------------------


class Python2:
    """A pickle of protocol 2, instruction by instruction as cPickle of Python 2 wrote it."""

    def __init__(self, value):
        self.memo = 0
        self.content = b"\x80\x02" + self.of(value) + b"."

    def put(self):
        """Keep the uppermost value in the memo."""
        self.memo += 1
        return b"q" + bytes([self.memo]) if self.memo < 256 else b"r" + struct.pack("<I", self.memo)

    def of(self, value):
        if isinstance(value, np.ndarray):
            return self.array(value)
        if isinstance(value, dict):
            begin = b"}" + self.put() + b"("
            return begin + b"".join(self.of(key) + self.of(item) for key, item in value.items()) + b"u"
        if isinstance(value, list):
            return b"]" + self.put() + b"(" + b"".join(map(self.of, value)) + b"e"
        return self.number(value) if isinstance(value, int) else self.text(value)

    def number(self, value):
        if 0 <= value < 256:
            return b"K" + bytes([value])
        return b"M" + struct.pack("<H", value) if 0 <= value < 65536 else b"J" + struct.pack("<i", value)

    def text(self, value):
        value = value.encode() if isinstance(value, str) else value
        head = b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<I", len(value))
        return head + value + self.put()

    def name(self, module, name):
        return f"c{module}\n{name}\n".encode() + self.put()

    def array(self, values):
        begin = self.name("numpy.core.multiarray", "_reconstruct") + self.name("numpy", "ndarray")
        begin += b"K\x00\x85" + self.put() + self.text("b") + b"\x87" + self.put() + b"R" + self.put()
        shape = b"(K\x01" + b"".join(map(self.number, values.shape)) + b"\x86" + self.put()
        kind = self.name("numpy", "dtype") + self.text(values.dtype.str[1:]) + b"K\x00K\x01\x87" + self.put() + b"R"
        kind += self.put() + b"(K\x03" + self.text(values.dtype.str[0]) + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t"
        kind += self.put() + b"b"
        return begin + shape + kind + b"\x89" + self.text(values.tobytes()) + b"t" + self.put() + b"b"


def python2(value):
    """The pickle of a value."""
    return Python2(value).content


# --- CIFAR ------------------------------------------------------------------------------------------------------------


def cifar(seed=0, batches=6, count=20, classes=10):
    """Pixels (N, 3072), class by class drawn around another colour, and labels of each batch, the last the test."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(batches):
        labels = random.permutation(np.arange(count) % classes)
        colours = (labels[:, None] * [23, 57, 101] + 40) % 256
        pixels = np.repeat(colours, 1024, axis=1) + random.normal(0, 20, (count, 3072))
        made.append((np.clip(pixels, 0, 255).astype(np.uint8), labels))
    return made


def cifar_10_python(made):
    """The files of the Python version by name."""
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    files = {}
    for number, (name, (pixels, labels)) in enumerate(zip(names, made, strict=True), start=1):
        files[name] = python2(
            {
                "batch_label": "testing batch 1 of 1" if name == "test_batch" else f"training batch {number} of 5",
                "labels": labels.tolist(),
                "data": pixels,
                "filenames": [f"{CIFAR_10[label]}_s_{row:06}.png" for row, label in enumerate(labels)],
            }
        )
    meta = {"num_cases_per_batch": len(made[0][1]), "label_names": list(CIFAR_10), "num_vis": 3072}
    return {**files, "batches.meta": python2(meta), "readme.html": b"<html></html>"}


def cifar_10_binary(made):
    """The files of the binary version by name."""
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    files = {
        name: np.column_stack([labels.astype(np.uint8), pixels]).tobytes()
        for name, (pixels, labels) in zip(names, made, strict=True)
    }
    return {**files, "batches.meta.txt": ("\n".join(CIFAR_10) + "\n\n").encode()}


def cifar_100_python(made):
    """The files of the Python version of CIFAR-100; `made` has a training and a test batch of fine labels."""
    files = {}
    for name, (pixels, labels) in zip(("train", "test"), made, strict=True):
        batch = {
            "filenames": [f"image_{row}.png" for row in range(len(labels))],
            "batch_label": "training batch 1 of 1",
            "fine_labels": labels.tolist(),
            "coarse_labels": (labels // 5).tolist(),
            "data": pixels,
        }
        files[name] = python2(batch)
    return {**files, "meta": python2({"fine_label_names": list(FINE), "coarse_label_names": list(COARSE)})}


def cifar_100_binary(made):
    """The files of its binary version."""
    files = {
        name: np.column_stack([(labels // 5).astype(np.uint8), labels.astype(np.uint8), pixels]).tobytes()
        for name, (pixels, labels) in zip(("train.bin", "test.bin"), made, strict=True)
    }
    names = {"fine_label_names.txt": FINE, "coarse_label_names.txt": COARSE}
    return {**files, **{name: ("\n".join(words) + "\n").encode() for name, words in names.items()}}


def write_files(folder, files):
    """Files by name in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def archived(path, files, folder="cifar-10-batches-py"):
    """Files by name in a folder of a new .tar.gz."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo(folder)
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


# --- image files ------------------------------------------------------------------------------------------------------


def image_file(pixels, form="PNG", **options):
    """The bytes of an image file of pixels (rows, columns) or (rows, columns, 3)."""
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(stream, form, **options)
    return stream.getvalue()


def class_folders(folder, rows, labels, shape, classes, suffix="png"):
    """A folder for each class, with images of the rows in planes; their names keep the order of the rows."""
    for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
        (folder / classes[label]).mkdir(parents=True, exist_ok=True)
        pixels = row.reshape(shape).transpose(1, 2, 0)
        pixels = pixels[:, :, 0] if shape[0] == 1 else pixels
        (folder / classes[label] / f"{number:06}.{suffix}").write_bytes(image_file(pixels))
    return folder


def celeba(folder, images, attributes, values, parts):
    """CelebA's layout: images by file name, attributes, a row of True and False for each image, and parts 0, 1, 2."""
    write_files(folder / "img_align_celeba", images)
    rows = [
        f"{name} " + " ".join(f"{1 if value else -1:2}" for value in row)
        for name, row in zip(images, values, strict=True)
    ]
    text = "\n".join([str(len(images)), " ".join(attributes) + " ", *rows]) + "\n"
    (folder / "list_attr_celeba.txt").write_text(text)
    partition = "".join(f"{name} {part}\n" for name, part in zip(images, parts, strict=True))
    (folder / "list_eval_partition.txt").write_text(partition)
    return folder
