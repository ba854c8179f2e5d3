"""Outcomes as JUnit XML, which build servers show: one suite with one test case for each gate or check.

Build servers follow a test over its builds by the names of suite and case: nothing in them may change from run to run.
What does, such as the run's folder, is a property of the suite.

Source of the format: the schema of the Apache Ant JUnit task, as Jenkins and GitLab read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from nnlab.errors import printable
from nnlab.storage.folder import now
from nnlab.storage.outputs import NamedOutput


@dataclass(frozen=True)
class JUnitCase:
    """One test case; `failure` says what was found and expected, and is empty if it passed."""

    name: str
    failure: str = ""


def write_junit(
    output: NamedOutput,
    suite: str,
    cases: Sequence[JUnitCase],
    seconds: float,
    properties: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the cases of a suite that took `seconds`, with its properties, each a name and a value."""
    counts = {"tests": str(len(cases)), "failures": str(sum(bool(case.failure) for case in cases)), "errors": "0"}
    times = {"time": f"{seconds:.3f}", "timestamp": now().removesuffix("Z")}
    root = ET.Element("testsuites", {**counts, "time": times["time"]})
    inside = ET.SubElement(root, "testsuite", {"name": printable(suite), **counts, "skipped": "0", **times})
    if properties:
        listed = ET.SubElement(inside, "properties")
        for name, value in properties:
            ET.SubElement(listed, "property", {"name": printable(name), "value": printable(value)})
    for case in cases:
        about = {"classname": printable(suite), "name": printable(case.name), "time": "0"}
        element = ET.SubElement(inside, "testcase", about)
        if case.failure:
            message = printable(case.failure)
            ET.SubElement(element, "failure", {"message": message, "type": "gate"}).text = message
    ET.indent(root)
    text = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    output.write(text + b"\n")
