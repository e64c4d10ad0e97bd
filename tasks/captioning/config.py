"""Settings of the captioning task."""

from typing import Literal

import pydantic
from pydantic import Field

from common.config import DataSettings, Settings, TaskSettings
from common.inputs.settings import ImageSettings, SubwordSettings
from common.kinds.writing.settings import SearchSettings

# Languages of the names of emoji.
LANGUAGES = ("en", "ar", "de", "es", "fa", "fr", "id", "it", "ja", "ko", "pt", "ru", "tr", "zh")


class CaptioningDataSettings(DataSettings):
    """Where the pictures and their captions come from."""

    language: Literal[LANGUAGES] = Field(  # type: ignore[valid-type]
        "en", description=f"of the names of the emoji: {' | '.join(LANGUAGES)}"
    )
    picture_column: str = Field("picture", description="column of the captions file with a picture's name")
    caption_column: str = Field("caption", description="column of the captions file with its caption")


class CaptionTextSettings(SubwordSettings):
    """How captions become numbers."""

    keep_signs: bool = Field(
        False, description="whether captions keep commas, full stops and other punctuation"
    )


class AugmentationSettings(Settings):
    """How pictures are changed in training, each time another way."""

    flip: bool = Field(False, description="whether half of the pictures are mirrored")
    # Those below need an encoder that learns.
    shift: float = Field(0.0, ge=0, lt=0.5, description="share of a side by which a picture is moved at most")
    brightness: float = Field(0.0, ge=0, lt=1, description="share of full brightness added at most")
    contrast: float = Field(0.0, ge=0, lt=1, description="by what share contrast is changed at most")


class ModelSettings(Settings):
    """Encoder and decoder."""

    encoder: str = Field(
        "efficientnet_lite0",
        description="small_cnn (from scratch) | efficientnet_lite0 | a name of keras.applications",
    )
    hypercolumns: bool = Field(
        False, description="whether the decoder sees finer maps of the encoder, too, or its last one only"
    )
    pretrained: bool = Field(True, description="whether the encoder starts with weights of ImageNet")
    frozen: bool = Field(
        True, description="whether the encoder stays as it is; its features are then computed once and kept"
    )
    start_from: str = Field("", description="run whose weights this one starts with: a second stage")
    objective: Literal["likelihood", "cider"] = Field(
        "likelihood", description="likelihood of the captions | cider (their CIDEr-D, in a second stage)"
    )
    drawn_captions: int = Field(
        5,
        ge=2,
        description="of `cider`: captions drawn of a picture, each weighed against the others",
    )
    decoder: Literal["init_inject", "attend", "merge"] = Field(
        "attend",
        description="init_inject (the picture is the first state) | attend (to regions, at each word) | "
        "merge (the picture joins behind the recurrent layers)",
    )
    cell: Literal["elman", "lstm", "gru"] = Field("lstm", description="elman | lstm | gru")
    memory_units: int = Field(512, ge=1, description="numbers of each region that the decoder sees")
    embedding_dimension: int = Field(256, ge=1, description="numbers that stand for a word")
    tied_embeddings: bool = Field(True, description="whether words are read and written by the same vectors")
    decoder_units: int = Field(512, ge=1, description="hidden units of each layer of the decoder")
    decoder_layers: int = Field(1, ge=1, description="layers of the decoder")
    attention: Literal["bahdanau", "dot", "general", "scaled"] = Field(
        "bahdanau", description="of `attend`: bahdanau | dot | general | scaled (the last three are Luong's)"
    )
    context_gate: bool = Field(True, description="whether `attend` may turn away from what it attends to")
    attention_cover: float = Field(
        0.0, ge=0, description="weight of the term that asks for attention to every region in the end"
    )
    memory_dropout: float = Field(0.0, ge=0, lt=1, description="share of the regions' features dropped")
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of a word's numbers dropped, the same in a whole caption"
    )
    recurrent_dropout: float = Field(
        0.0, ge=0, lt=1, description="share dropped before each recurrent layer, the same in a whole caption"
    )
    output_dropout: float = Field(0.0, ge=0, lt=1, description="share dropped before the words are chosen")
    scheduled_sampling: float = Field(
        0.0, ge=0, lt=1, description="share of the steps that are given the model's own word in training"
    )

    @pydantic.model_validator(mode="after")
    def _settings_go_together(self) -> "ModelSettings":
        if self.encoder == "small_cnn" and self.pretrained:
            raise ValueError("model.encoder=small_cnn needs model.pretrained=false: there are no weights")
        if self.frozen and not self.pretrained and not self.start_from:
            raise ValueError("model.frozen=true needs model.pretrained=true: a random encoder sees nothing")
        if (
            self.decoder == "attend"
            and self.attention in ("dot", "scaled")
            and self.decoder_units != self.memory_units
        ):
            raise ValueError(
                f"model.attention={self.attention} needs model.decoder_units={self.memory_units}, as many as "
                "model.memory_units; or use general"
            )
        if self.objective == "cider" and not self.start_from:
            raise ValueError("model.objective=cider needs model.start_from, a run that has learned to write")
        return self


class CaptionSearchSettings(SearchSettings):
    """How captions are searched for."""

    maximum_length: int = Field(30, ge=1, description="pieces after which a caption ends")


class CaptioningSettings(TaskSettings):
    """All settings of a captioning run."""

    data: CaptioningDataSettings
    picture: ImageSettings
    augmentation: AugmentationSettings
    text: CaptionTextSettings
    model: ModelSettings
    search: CaptionSearchSettings

    @pydantic.model_validator(mode="after")
    def _captions_are_not_drawn_in_compiled_steps(self) -> "CaptioningSettings":
        if self.model.objective == "cider" and self.train.xla:
            raise ValueError(
                "model.objective=cider scores texts in training, which XLA cannot: train.xla=false"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _a_frozen_encoder_sees_each_picture_once(self) -> "CaptioningSettings":
        for name in ("shift", "brightness", "contrast"):
            if self.model.frozen and getattr(self.augmentation, name) > 0:
                raise ValueError(
                    f"augmentation.{name} needs model.frozen=false: features are computed once; "
                    "augmentation.flip is possible"
                )
        return self


SETTINGS = CaptioningSettings
