"""Published numbers to compare with, as benchmarks/references.yaml has them."""

from pydantic import Field

from benchmarks.entries import Entry, check_entries, read_yaml
from benchmarks.recipe import BENCHMARKS_FOLDER
from common.errors import UserError, unknown_name


class Paper(Entry):
    """Where numbers were published."""

    authors: str = Field(description="family names, or the first with et al.")
    title: str = Field(description="title")
    venue: str = Field(description="conference, journal or archive")
    year: int = Field(description="year of publication")
    address: str = Field(description="where its authors or their publisher keep it")

    @property
    def link(self) -> str:
        """Markdown link named by authors and year, as a table cites it."""
        return f"[{self.authors} {self.year}]({self.address})"


class Reference(Entry):
    """Numbers of one model that somebody else has published."""

    model: str = Field(description="as the paper calls it")
    paper: str = Field(description="key of the paper")
    scores: dict[str, dict[str, float]] = Field(
        min_length=1, description="data set here -> metric -> number on this project's scale"
    )
    where: str = Field(description="where in the paper the numbers stand, and how they are written there")
    data: str = Field(description="split, and what else it was trained on")
    outside_data: bool = Field(description="whether it learned from more than the labelled training split")
    seen_at: str | None = Field(None, description="where the numbers were seen in print")


class References(Entry):
    """What benchmarks/references.yaml holds."""

    papers: dict[str, Paper]
    results: dict[str, list[Reference]]

    def of_task(self, task: str) -> list[tuple[Reference, Paper]]:
        """References of a task with their papers; none if the file names none."""
        return [(reference, self.papers[reference.paper]) for reference in self.results.get(task, [])]


def read_references() -> References:
    """Read benchmarks/references.yaml.

    Raises:
        UserError: if it is missing or wrong, or a result names a paper that it does not list.
    """
    path = BENCHMARKS_FOLDER / "references.yaml"
    references = check_entries(References, read_yaml(path), path)
    cited = {reference.paper for of_task in references.results.values() for reference in of_task}
    for key in sorted(cited - set(references.papers)):
        raise unknown_name("paper", key, references.papers)
    for key in sorted(set(references.papers) - cited):
        raise UserError(f"{path}: no result is of paper {key!r}; remove it.")
    return references
