"""Tagging schemes of entities and words: allowed transitions, and conversion between tags and spans."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Scheme = Literal["iob1", "iob2", "iobes", "bmes"]

PREFIXES = {"iob1": "OBI", "iob2": "OBI", "iobes": "OBIES", "bmes": "OBMES"}
# An entity continues with one of these...
CONTINUING = {"iob1": "I", "iob2": "I", "iobes": "IE", "bmes": "ME"}
# ...after one of those; it must continue in schemes that mark ends.
OPEN = {"iob2": "BI", "iobes": "BI", "bmes": "BM"}
MARKS_ENDS = {"iob1": False, "iob2": False, "iobes": True, "bmes": True}
ENDING = "ES"


class ForbiddenTransitions(NamedTuple):
    """Forbidden starts, transitions and ends of a sequence of tags; true is forbidden.

    Attributes:
        start: (tags,), of the first tag.
        between: (tags, tags), from a tag (row) to the next (column).
        end: (tags,), of the last tag.
    """

    start: list[bool]
    between: list[list[bool]]
    end: list[bool]


def forbidden_transitions(
    scheme: Literal["iob2", "iobes", "bmes"], tags: Sequence[str]
) -> ForbiddenTransitions:
    """Compute which tags may not start a sequence, follow each other or end a sequence.

    A tag is a prefix, or a prefix and a type: O, B-PER, S. All steps of an entity have the same type.
    iob2: B begins an entity, I continues it, O is outside. An entity may end after any of its steps.
    iobes: S is an entity of one step; in a longer one B is the first step, I an inner one and E the last.
    bmes: like iobes with M for inner steps. For words as sequences of characters there is no O and no type.

    Args:
        scheme: of the tags.
        tags: names in the order of their indices.

    Raises:
        ValueError: if a tag is not of the scheme.

    Source: Ramshaw and Marcus, "Text chunking using transformation-based learning", 1995; Ratinov and Roth,
    "Design challenges and misconceptions in named entity recognition", 2009; Xue, "Chinese word segmentation
    as character tagging", 2003.
    """
    parts = [_prefix_and_type(tag, scheme) for tag in tags]

    def continues(prefix: str) -> bool:
        return prefix in CONTINUING[scheme]

    def must_continue(prefix: str) -> bool:
        return MARKS_ENDS[scheme] and prefix in OPEN[scheme]

    def forbidden(before: tuple[str, str], after: tuple[str, str]) -> bool:
        if continues(after[0]):
            return before[0] not in OPEN[scheme] or before[1] != after[1]
        return must_continue(before[0])

    return ForbiddenTransitions(
        start=[continues(prefix) for prefix, _ in parts],
        between=[[forbidden(before, after) for after in parts] for before in parts],
        end=[must_continue(prefix) for prefix, _ in parts],
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


class BrokenTags(ValueError):  # noqa: N818  Named for the tags.
    """A sequence of tags violates its scheme.

    Attributes:
        step: index of the first invalid tag.
    """

    def __init__(self, step: int, problem: str) -> None:
        super().__init__(problem)
        self.step = step


def spans_of(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """Convert a sequence of tags to entities.

    iob1: I continues or begins an entity; B begins one directly after another of its type. The other schemes
    are described in `forbidden_transitions`.

    Raises:
        BrokenTags: if a tag is not of the scheme, or may not follow the previous one.
    """
    spans: list[Span] = []
    start, open_type = 0, None
    for step, tag in enumerate([*tags, "O"]):
        prefix, entity_type = _parse(tag, scheme, step)
        continues = prefix in CONTINUING[scheme] and entity_type == open_type
        if open_type is not None and not continues:
            if MARKS_ENDS[scheme]:
                raise BrokenTags(step, f"the entity {open_type!r} before it has no end tag")
            spans.append(Span(start, step, open_type))
        if prefix == "O":
            open_type = None
        elif not continues:
            if prefix in CONTINUING[scheme] and scheme != "iob1":
                raise BrokenTags(step, f"{tag!r} continues an entity that was not begun")
            start, open_type = step, entity_type
        if MARKS_ENDS[scheme] and prefix in ENDING:
            spans.append(Span(start, step + 1, entity_type))
            open_type = None
    return spans


def tags_of(spans: Sequence[Span], length: int, scheme: Literal["iob2", "iobes"] = "iob2") -> list[str]:
    """Convert entities, which must not overlap, to a sequence of tags."""
    tags = ["O"] * length
    for span in spans:
        inner, last, only = ("I", "E", "S") if scheme == "iobes" else ("I", "I", "B")
        prefixes = ["B", *[inner] * (span.end - span.start - 2), last] if span.end - span.start > 1 else only
        tags[span.start : span.end] = [f"{prefix}-{span.type}" for prefix in prefixes]
    return tags


def tag_names(types: Sequence[str], scheme: Literal["iob2", "iobes"] = "iobes") -> list[str]:
    """List the tags of a scheme for these types: O, then the tags of each type."""
    return ["O", *(f"{prefix}-{name}" for name in types for prefix in PREFIXES[scheme] if prefix != "O")]


class SchemeEvidence:
    """Detects the tagging scheme of a file from its sentences."""

    def __init__(self) -> None:
        self.prefixes: set[str] = set()
        # Whether an entity begins with B where iob1 has I, or with I where iob2 has B.
        self.opens_with_b = self.opens_with_i = False

    def add(self, tags: Sequence[str]) -> None:
        """Add the tags of a sentence."""
        before = ("O", "")
        for tag in tags:
            prefix, _, entity_type = tag.partition("-")
            self.prefixes.add(prefix)
            opens = before[0] == "O" or before[1] != entity_type
            self.opens_with_b |= prefix == "B" and opens
            self.opens_with_i |= prefix == "I" and opens
            before = (prefix, entity_type)

    def scheme(self) -> Scheme:
        """The scheme that fits, or the nearest one if none does: reading the file will name the line."""
        if "M" in self.prefixes:
            return "bmes"
        if self.prefixes & set(ENDING):
            return "iobes"
        # With both, the file is probably iob2, the more common scheme, with mistakes.
        return "iob1" if self.opens_with_i and not self.opens_with_b else "iob2"


def _parse(tag: str, scheme: str, step: int) -> tuple[str, str]:
    try:
        prefix, entity_type = _prefix_and_type(tag, scheme)
    except ValueError as error:
        raise BrokenTags(step, str(error)) from None
    if (prefix == "O") == bool(entity_type):
        raise BrokenTags(step, f"{tag!r} is not a tag of {scheme}: write O, or a prefix, a dash and a type")
    return prefix, entity_type
