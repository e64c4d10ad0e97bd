"""Settings of the search for a written sequence. Nothing here needs TensorFlow."""

from pydantic import Field

from common.config import Settings


class SearchSettings(Settings):
    """How a sequence is searched for; a task adds how long it may become."""

    beam: int = Field(5, ge=1, description="unfinished sequences kept at each step; 1: greedy search")
    length_penalty: float = Field(0.6, ge=0, description="the larger, the longer the sequences")
    no_repeat_ngram: int = Field(
        0, ge=0, description="length of n-grams that may not repeat; 0 allows repetition"
    )
