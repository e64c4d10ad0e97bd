import itertools
import re

import pytest

from common.inputs.tag_schemes import (
    BrokenTags,
    SchemeEvidence,
    Span,
    forbidden_transitions,
    spans_of,
    tag_names,
    tags_of,
)

# Valid tag sequences of each scheme, as a regular expression with one letter per tag.
SCHEMES = {
    "iob2": (["O", "B-x", "I-x", "B-y", "I-y"], "(o|bi*|ce*)*", "obice"),
    "iobes": (["O", "B-x", "I-x", "E-x", "S-x", "B-y", "E-y"], "(o|bi*e|s|cf)*", "obiescf"),
    "bmes": (["B", "M", "E", "S"], "(bm*e|s)*", "bmes"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_allows_what_the_grammar_allows(scheme):
    tags, grammar, letters = SCHEMES[scheme]
    forbidden = forbidden_transitions(scheme, tags)
    for length in (1, 2, 3, 4):
        for path in itertools.product(range(len(tags)), repeat=length):
            is_forbidden = (
                forbidden.start[path[0]]
                or forbidden.end[path[-1]]
                or any(forbidden.between[before][after] for before, after in itertools.pairwise(path))
            )
            assert is_forbidden == (re.fullmatch(grammar, "".join(letters[tag] for tag in path)) is None), (
                path
            )


def test_types_may_hold_hyphens():
    forbidden = forbidden_transitions("iob2", ["B-work-of-art", "I-work-of-art", "I-work"])
    assert forbidden.between[0] == [False, False, True]


@pytest.mark.parametrize("tag", ["E-x", "x", "", "BI"])
def test_unknown_tags_are_named(tag):
    with pytest.raises(ValueError, match=f"'{tag}' is not a tag of iob2"):
        forbidden_transitions("iob2", ["O", tag])


# Two adjacent persons, then a location: the same names in each scheme.
NAMES = [Span(0, 2, "PER"), Span(2, 3, "PER"), Span(4, 7, "LOC")]
WRITTEN = {
    "iob1": ["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-LOC", "I-LOC"],
    "iob2": ["B-PER", "I-PER", "B-PER", "O", "B-LOC", "I-LOC", "I-LOC"],
    "iobes": ["B-PER", "E-PER", "S-PER", "O", "B-LOC", "I-LOC", "E-LOC"],
    "bmes": ["B-PER", "E-PER", "S-PER", "O", "B-LOC", "M-LOC", "E-LOC"],
}


@pytest.mark.parametrize("scheme", WRITTEN)
def test_reads_and_recognises_every_scheme(scheme):
    assert spans_of(WRITTEN[scheme], scheme) == NAMES
    evidence = SchemeEvidence()
    evidence.add(WRITTEN[scheme])
    assert evidence.scheme() == scheme


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
def test_writes_what_it_reads(scheme):
    assert tags_of(NAMES, 7, scheme) == WRITTEN[scheme]
    assert set(WRITTEN[scheme]) <= set(tag_names(["LOC", "PER"], scheme))


@pytest.mark.parametrize(
    ("tags", "scheme", "step", "problem"),
    [
        (["O", "I-x"], "iob2", 1, "'I-x' continues an entity that was not begun"),
        (["B-x", "I-y"], "iob2", 1, "'I-y' continues"),
        (["B-x", "O"], "iobes", 1, "has no end tag"),
        (["B-x"], "bmes", 1, "has no end tag"),
        (["O", "Q-x"], "iob1", 1, "'Q-x' is not a tag of iob1"),
        (["B"], "iob2", 0, "a prefix, a dash and a type"),
    ],
)
def test_broken_tags_are_named_by_their_step(tags, scheme, step, problem):
    with pytest.raises(BrokenTags, match=problem) as caught:
        spans_of(tags, scheme)
    assert caught.value.step == step
