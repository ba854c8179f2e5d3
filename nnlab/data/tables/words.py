"""Words in cells that have a usual meaning."""

from __future__ import annotations

from collections.abc import Mapping

# The parts of a data set, as tables name them, with their places in PARTS.
PART_WORDS = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("val", "valid", "validation", "dev"), 1),
    **dict.fromkeys(("test", "testing"), 2),
}

_BOOLEAN = {"true", "false"}


def with_spellings(places: Mapping[str, int]) -> dict[str, int]:
    """The places of texts, where true and false also have those of True and TRUE: programs write them differently."""
    if {text.lower() for text in places} != _BOOLEAN or len(places) > len(_BOOLEAN):
        return {**places}
    spelled = (str.lower, str.upper, str.capitalize)
    return {spell(text): place for text, place in places.items() for spell in spelled} | {**places}
