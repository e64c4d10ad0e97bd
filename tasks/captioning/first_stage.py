"""The run that a second stage starts from, and whether it fits."""

from common.data.source import Source
from common.errors import UserError
from common.runs.run import Run, find_run
from tasks.captioning.config import CaptioningSettings
from tasks.captioning.preprocessing import CaptioningPreprocessing


def first_run(settings: CaptioningSettings) -> Run:
    """Find the run that `model.start_from` names.

    Raises:
        UserError: there is no such run, or it has not ended.
    """
    run = find_run(settings.model.start_from, "captioning")
    run.check_finished()
    return run


def check_first_run(
    settings: CaptioningSettings, source: Source, preprocessing: CaptioningPreprocessing
) -> None:
    """See whether the first run learned from the same data, with the same words at the same numbers.

    With another split, pictures that it learned from would be tested on; with other words, its vectors would
    stand for other ones.

    Raises:
        UserError: it did not.
    """
    run = first_run(settings)
    where = f"model.start_from={run.name}"
    if not run.learned_from(source.fingerprint):
        raise UserError(f"{where}: that run learned from other data; give the same data settings and files.")
    first = CaptioningPreprocessing.load(run.settings(CaptioningSettings), run.preprocessing_folder)
    if first.text.vocabulary != preprocessing.text.vocabulary:
        raise UserError(f"{where}: that run has other words; give the same text settings.")
