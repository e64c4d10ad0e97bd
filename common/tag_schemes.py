"""What may follow what in the tagging schemes of named entities and words."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

PREFIXES = {"iob2": "OBI", "iobes": "OBIES", "bmes": "OBMES"}
# An entity goes on with one of these...
CONTINUING = {"iob2": "I", "iobes": "IE", "bmes": "ME"}
# ...after one of those; where its end has a prefix of its own, it must.
OPEN = {"iob2": "BI", "iobes": "BI", "bmes": "BM"}
MARKS_ENDS = {"iob2": False, "iobes": True, "bmes": True}


class ForbiddenTransitions(NamedTuple):
    """Starts, neighbours and ends that a sequence of tags may not have; true is forbidden.

    Attributes:
        start: (tags,), of the first tag.
        between: (tags, tags), of a tag, in rows, and the next one, in columns.
        end: (tags,), of the last tag.
    """

    start: list[bool]
    between: list[list[bool]]
    end: list[bool]


def forbidden_transitions(
    scheme: Literal["iob2", "iobes", "bmes"], tags: Sequence[str]
) -> ForbiddenTransitions:
    """Say which tags may not stand at the start, next to each other and at the end.

    A tag is a prefix, or a prefix and a type: O, B-PER, S. The steps of an entity are of one type.
    iob2: B opens an entity, I goes on, O is outside. An entity may end after any of its steps.
    iobes: S is an entity of one step; of a longer one B is the first, I the inner and E the last.
    bmes: as iobes with M for the inner steps. Words of characters have no O and no types.

    Args:
        scheme: of the tags.
        tags: names in the order of their numbers.

    Raises:
        ValueError: if a tag is not of the scheme.

    Source: Ramshaw and Marcus, "Text chunking using transformation-based learning", 1995; Ratinov and Roth,
    "Design challenges and misconceptions in named entity recognition", 2009; Xue, "Chinese word segmentation
    as character tagging", 2003.
    """
    parts = [_prefix_and_type(tag, scheme) for tag in tags]

    def goes_on(prefix: str) -> bool:
        return prefix in CONTINUING[scheme]

    def must_go_on(prefix: str) -> bool:
        return MARKS_ENDS[scheme] and prefix in OPEN[scheme]

    def forbidden(before: tuple[str, str], after: tuple[str, str]) -> bool:
        if goes_on(after[0]):
            return before[0] not in OPEN[scheme] or before[1] != after[1]
        return must_go_on(before[0])

    return ForbiddenTransitions(
        start=[goes_on(prefix) for prefix, _ in parts],
        between=[[forbidden(before, after) for after in parts] for before in parts],
        end=[must_go_on(prefix) for prefix, _ in parts],
    )


def _prefix_and_type(tag: str, scheme: str) -> tuple[str, str]:
    prefix, _, entity_type = tag.partition("-")
    if prefix not in list(PREFIXES[scheme]):
        raise ValueError(f"{tag!r} is not a tag of {scheme}")
    return prefix, entity_type
