"""Published results to compare with, from benchmarks/references.yaml."""

from pydantic import Field

from benchmarks.entries import Entry, check_entries, read_yaml
from benchmarks.recipe import BENCHMARKS_FOLDER
from common.errors import UserError, unknown_name


class Paper(Entry):
    """A publication with results."""

    authors: str = Field(description="family names, or the first with et al.")
    title: str = Field(description="title")
    venue: str = Field(description="conference, journal or archive")
    year: int = Field(description="year of publication")
    address: str = Field(description="URL of the authors or the publisher")

    @property
    def link(self) -> str:
        """Markdown link with authors and year, as cited in tables."""
        return f"[{self.authors} {self.year}]({self.address})"


class Reference(Entry):
    """Published results of one model."""

    model: str = Field(description="name in the paper")
    paper: str = Field(description="key of the paper")
    scores: dict[str, dict[str, float]] = Field(
        min_length=1, description="name of our data -> metric -> score on our scale"
    )
    where: str = Field(description="where in the paper the numbers are, and on which scale")
    data: str = Field(description="split, and further training data")
    outside_data: bool = Field(description="whether it was trained on more than the labelled training split")
    seen_at: str | None = Field(None, description="URL where the numbers were looked up")


class References(Entry):
    """Content of benchmarks/references.yaml."""

    papers: dict[str, Paper]
    results: dict[str, list[Reference]]

    def of_task(self, task: str) -> list[tuple[Reference, Paper]]:
        """Return the references of a task, with their papers; empty if there are none."""
        return [(reference, self.papers[reference.paper]) for reference in self.results.get(task, [])]


def read_references() -> References:
    """Read benchmarks/references.yaml.

    Raises:
        UserError: if it is missing or invalid, or a result names a paper that it does not list.
    """
    path = BENCHMARKS_FOLDER / "references.yaml"
    references = check_entries(References, read_yaml(path), path)
    cited = {reference.paper for of_task in references.results.values() for reference in of_task}
    for key in sorted(cited - set(references.papers)):
        raise unknown_name("paper", key, references.papers)
    for key in sorted(set(references.papers) - cited):
        raise UserError(f"{path}: paper {key!r} has no results; remove it.")
    return references
