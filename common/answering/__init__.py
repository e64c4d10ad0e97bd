"""From a finished run or an export to answers, scores and SavedModels."""
