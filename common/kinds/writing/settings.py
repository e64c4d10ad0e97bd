"""Settings of the search for a generated sequence. Nothing here imports TensorFlow."""

from pydantic import Field

from common.config import Settings


class SearchSettings(Settings):
    """How sequences are searched for; tasks add a limit for their length."""

    beam: int = Field(5, ge=1, description="beam size; 1 for greedy search")
    length_penalty: float = Field(
        0.6, ge=0, description="exponent of the length penalty; larger values favour longer sequences"
    )
    no_repeat_ngram: int = Field(
        0, ge=0, description="length of n-grams that may not repeat; 0 allows repetition"
    )
