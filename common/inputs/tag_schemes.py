"""What may follow what in the tagging schemes of named entities and words."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Scheme = Literal["iob1", "iob2", "iobes", "bmes"]

PREFIXES = {"iob1": "OBI", "iob2": "OBI", "iobes": "OBIES", "bmes": "OBMES"}
# An entity goes on with one of these...
CONTINUING = {"iob1": "I", "iob2": "I", "iobes": "IE", "bmes": "ME"}
# ...after one of those; where its end has a prefix of its own, it must.
OPEN = {"iob2": "BI", "iobes": "BI", "bmes": "BM"}
MARKS_ENDS = {"iob1": False, "iob2": False, "iobes": True, "bmes": True}
ENDING = "ES"


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


class Span(NamedTuple):
    """An entity: the steps from `start` up to, and without, `end`."""

    start: int
    end: int
    type: str


class BrokenTags(ValueError):  # noqa: N818  It is the tags that are named.
    """A sequence of tags is none of its scheme.

    Attributes:
        step: of the first tag that cannot stand where it does.
    """

    def __init__(self, step: int, problem: str) -> None:
        super().__init__(problem)
        self.step = step


def spans_of(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """Read the entities off a sequence of tags.

    iob1: I goes on with an entity, or opens one; B opens one behind another of its type. The other schemes
    are those of `forbidden_transitions`.

    Raises:
        BrokenTags: if the tags are not of the scheme, or one may not follow the one before.
    """
    spans: list[Span] = []
    start, open_type = 0, None
    for step, tag in enumerate([*tags, "O"]):
        prefix, entity_type = _parse(tag, scheme, step)
        goes_on = prefix in CONTINUING[scheme] and entity_type == open_type
        if open_type is not None and not goes_on:
            if MARKS_ENDS[scheme]:
                raise BrokenTags(step, f"the entity {open_type!r} that began before is not ended")
            spans.append(Span(start, step, open_type))
        if prefix == "O":
            open_type = None
        elif not goes_on:
            if prefix in CONTINUING[scheme] and scheme != "iob1":
                raise BrokenTags(step, f"{tag!r} goes on with an entity that was not begun")
            start, open_type = step, entity_type
        if MARKS_ENDS[scheme] and prefix in ENDING:
            spans.append(Span(start, step + 1, entity_type))
            open_type = None
    return spans


def tags_of(spans: Sequence[Span], length: int, scheme: Literal["iob2", "iobes"] = "iob2") -> list[str]:
    """Write entities, which do not overlap, as a sequence of tags."""
    tags = ["O"] * length
    for span in spans:
        inner, last, only = ("I", "E", "S") if scheme == "iobes" else ("I", "I", "B")
        prefixes = ["B", *[inner] * (span.end - span.start - 2), last] if span.end - span.start > 1 else only
        tags[span.start : span.end] = [f"{prefix}-{span.type}" for prefix in prefixes]
    return tags


def tag_names(types: Sequence[str], scheme: Literal["iob2", "iobes"] = "iobes") -> list[str]:
    """List the tags of a scheme for these types: O, then those of each type."""
    return ["O", *(f"{prefix}-{name}" for name in types for prefix in PREFIXES[scheme] if prefix != "O")]


class SchemeEvidence:
    """Recognises the scheme of a file from its tags, sentence by sentence."""

    def __init__(self) -> None:
        self.prefixes: set[str] = set()
        # Whether B stands where iob1 would have I, and I where iob2 would have B.
        self.opens_with_b = self.opens_with_i = False

    def add(self, tags: Sequence[str]) -> None:
        """Look at a sentence."""
        before = ("O", "")
        for tag in tags:
            prefix, _, entity_type = tag.partition("-")
            self.prefixes.add(prefix)
            opens = before[0] == "O" or before[1] != entity_type
            self.opens_with_b |= prefix == "B" and opens
            self.opens_with_i |= prefix == "I" and opens
            before = (prefix, entity_type)

    def scheme(self) -> Scheme:
        """The scheme that fits; where none does, the one that is nearest, whose reader will name the line."""
        if "M" in self.prefixes:
            return "bmes"
        if self.prefixes & set(ENDING):
            return "iobes"
        # Files of one habit; with both, I after O is a slip in a file of the commoner one.
        return "iob1" if self.opens_with_i and not self.opens_with_b else "iob2"


def _parse(tag: str, scheme: str, step: int) -> tuple[str, str]:
    try:
        prefix, entity_type = _prefix_and_type(tag, scheme)
    except ValueError as error:
        raise BrokenTags(step, str(error)) from None
    if (prefix == "O") == bool(entity_type):
        raise BrokenTags(step, f"{tag!r} is not a tag of {scheme}: write O, or a prefix, a dash and a type")
    return prefix, entity_type
