import itertools
import re

import pytest

from common.tag_schemes import forbidden_transitions

# A whole sequence of tags in each scheme, as a regular expression over letters: one for each tag.
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
