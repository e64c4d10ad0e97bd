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
    """Source of the pictures and captions."""

    language: Literal[LANGUAGES] = Field(  # type: ignore[valid-type]
        "en", description=f"language of the names of emoji: {' | '.join(LANGUAGES)}"
    )
    picture_column: str = Field("picture", description="column of the captions file with the picture's name")
    caption_column: str = Field("caption", description="column of the captions file with the caption")


class CaptionTextSettings(SubwordSettings):
    """How captions are split into pieces."""

    keep_signs: bool = Field(False, description="keep the captions' punctuation")


class AugmentationSettings(Settings):
    """Random augmentation of pictures in training."""

    flip: bool = Field(False, description="mirror half of the pictures")
    # The following need an encoder that is trained.
    shift: float = Field(0.0, ge=0, lt=0.5, description="maximum shift, as a fraction of the side")
    brightness: float = Field(
        0.0, ge=0, lt=1, description="maximum change of brightness, as a fraction of full brightness"
    )
    contrast: float = Field(0.0, ge=0, lt=1, description="maximum relative change of contrast")


class ModelSettings(Settings):
    """Encoder and decoder."""

    encoder: str = Field(
        "efficientnet_lite0",
        description="small_cnn (from scratch) | efficientnet_lite0 | a name of keras.applications",
    )
    hypercolumns: bool = Field(
        False, description="use the encoder's finer feature maps in addition to its last one"
    )
    pretrained: bool = Field(True, description="initialize the encoder with ImageNet weights")
    frozen: bool = Field(True, description="freeze the encoder; its features are computed once and cached")
    start_from: str = Field("", description="for a second stage: run whose weights are the initial weights")
    objective: Literal["likelihood", "cider"] = Field(
        "likelihood", description="likelihood (of the captions) | cider (their CIDEr-D, in a second stage)"
    )
    drawn_captions: int = Field(
        5,
        ge=2,
        description="for `cider`: number of captions sampled per picture and compared with each other",
    )
    decoder: Literal["init_inject", "attend", "merge"] = Field(
        "attend",
        description="init_inject (the picture sets the initial state) | attend (to regions, at each word) | "
        "merge (the picture is added after the recurrent layers)",
    )
    cell: Literal["elman", "lstm", "gru"] = Field("lstm", description="elman | lstm | gru")
    memory_units: int = Field(512, ge=1, description="dimension of the features of a region, for the decoder")
    embedding_dimension: int = Field(256, ge=1, description="dimension of the word embeddings")
    tied_embeddings: bool = Field(True, description="share the embeddings of input and output words")
    decoder_units: int = Field(512, ge=1, description="hidden units of each layer of the decoder")
    decoder_layers: int = Field(1, ge=1, description="layers of the decoder")
    attention: Literal["bahdanau", "dot", "general", "scaled"] = Field(
        "bahdanau", description="for `attend`: bahdanau | dot | general | scaled (the last three are Luong's)"
    )
    context_gate: bool = Field(True, description="for `attend`: gate the context vector")
    attention_cover: float = Field(
        0.0, ge=0, description="weight of the doubly stochastic loss term: total attention of 1 per region"
    )
    memory_dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate of the regions' features")
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="dropout rate of the word embeddings, the same mask in a whole caption"
    )
    recurrent_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="dropout rate of the inputs of each recurrent layer, the same mask in a whole caption",
    )
    output_dropout: float = Field(0.0, ge=0, lt=1, description="dropout rate before the output layer")
    scheduled_sampling: float = Field(
        0.0, ge=0, lt=1, description="probability that a training step gets the model's own word as input"
    )

    @pydantic.model_validator(mode="after")
    def _settings_go_together(self) -> "ModelSettings":
        if self.encoder == "small_cnn" and self.pretrained:
            raise ValueError("model.encoder=small_cnn has no ImageNet weights: set model.pretrained=false")
        if self.frozen and not self.pretrained and not self.start_from:
            raise ValueError("model.frozen=true needs model.pretrained=true or model.start_from")
        if (
            self.decoder == "attend"
            and self.attention in ("dot", "scaled")
            and self.decoder_units != self.memory_units
        ):
            raise ValueError(
                f"model.attention={self.attention} needs model.decoder_units={self.memory_units}, like "
                "model.memory_units; or set model.attention=general"
            )
        if self.objective == "cider" and not self.start_from:
            raise ValueError("model.objective=cider needs model.start_from, a trained captioning run")
        return self


class CaptionSearchSettings(SearchSettings):
    """How captions are searched for."""

    maximum_length: int = Field(30, ge=1, description="maximum number of pieces of a caption")


class CaptioningSettings(TaskSettings):
    """All settings of a captioning run."""

    data: CaptioningDataSettings
    picture: ImageSettings
    augmentation: AugmentationSettings
    text: CaptionTextSettings
    model: ModelSettings
    search: CaptionSearchSettings

    @pydantic.model_validator(mode="after")
    def _no_xla_for_cider(self) -> "CaptioningSettings":
        if self.model.objective == "cider" and self.train.xla:
            raise ValueError(
                "model.objective=cider scores texts in training, which XLA cannot do: set train.xla=false"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _only_flips_with_a_frozen_encoder(self) -> "CaptioningSettings":
        for name in ("shift", "brightness", "contrast"):
            if self.model.frozen and getattr(self.augmentation, name) > 0:
                raise ValueError(
                    f"augmentation.{name} needs model.frozen=false; a frozen encoder only supports "
                    "augmentation.flip, because its features are computed once"
                )
        return self


SETTINGS = CaptioningSettings
