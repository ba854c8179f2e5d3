"""Labels of arms as they are typed. This module imports nothing: TAB needs it."""

from __future__ import annotations


def typed(label: str) -> str:
    """A label as it is given to -a: `elu:alpha=0.5` for elu(alpha=0.5); one without settings as it is, × as an x."""
    label = label.replace("×", "x")
    name, bracket, values = label.partition("(")
    return f"{name}:{values[:-1].replace(', ', ',')}" if bracket and values.endswith(")") else label
