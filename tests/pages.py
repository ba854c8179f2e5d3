"""Shared by the tests of pages: a strict reader of HTML, a hostile text and a picture."""

import re
import struct
import zlib
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "wbr"}
HOSTILE = "</script><script>alert(1)</script> & \"quoted\" 'too' <b> \x00 \x1b[31m \u202e 猫 \udc80"


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in its turn; text, attributes and headings are kept."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts, self.headings = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names)
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open:
            self.texts.append((self.open[-1], data))

    def text(self, *tags):
        return " ".join(data for tag, data in self.texts if not tags or tag in tags)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def png(width=3, height=2):
    """A black picture, written by hand."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\x00" + b"\x00" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
