"""Interfaces that a task implements: training, evaluation, prediction and export; and finding tasks."""
