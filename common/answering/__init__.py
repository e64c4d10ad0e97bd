"""Inference with a finished run or an export: answers, scores and SavedModels."""
