"""The run that a second stage starts from, and checks that it fits."""

from common.data.source import Source
from common.errors import UserError
from common.runs.run import Run, find_run
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.preprocessing import CaptioningPreprocessing


def first_run(settings: CaptioningSettings) -> Run:
    """Find the run that `model.start_from` names.

    Raises:
        UserError: there is no such run, or it is unfinished.
    """
    run = find_run(settings.model.start_from, "captioning")
    run.check_finished()
    return run


def check_first_run(
    settings: CaptioningSettings, source: Source, preprocessing: CaptioningPreprocessing
) -> None:
    """Check that the first run was trained on the same data, with the same vocabulary.

    With other splits, its training images could be in the test split; with another vocabulary, its embeddings
    would belong to other words.

    Raises:
        UserError: it was not.
    """
    run = first_run(settings)
    where = f"model.start_from={run.name}"
    if not run.learned_from(source.fingerprint):
        raise UserError(f"{where}: that run was trained on other data; use the same data settings and files.")
    first = CaptioningPreprocessing.load(run.settings(CaptioningSettings), run.preprocessing_folder)
    if first.text.vocabulary != preprocessing.text.vocabulary:
        raise UserError(f"{where}: that run has another vocabulary; use the same text settings.")
