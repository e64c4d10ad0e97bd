"""Parts of the results page."""

import re


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def line_with(text, *parts):
    found = [line for line in text.splitlines() if all(part in line for part in parts)]
    assert len(found) == 1, (parts, found)
    return found[0]


def sections_of_page(page):
    """Text of each data set's section, by its title."""
    return {text.partition("\n")[0]: text for text in re.split(r"^###? ", page, flags=re.MULTILINE)[1:]}
