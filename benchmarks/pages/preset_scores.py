"""The second line of a preset: the recorded time and score of its recipe."""

from pathlib import Path
from typing import Any

from benchmarks.best_baseline import best_baseline
from benchmarks.recipe import read_recipes, read_records, recipe_tasks
from common.contract.find import TASKS_FOLDER
from common.files import write_text


def score_line(record: dict[str, Any]) -> str:
    """Write a record of a task's main metric as a comment for a preset."""
    score = f"{record['value']:.4f}"
    if record["spread"] is not None:
        score += f" +- {record['spread']:.4f}"
    seeds = len(record["seeds"])
    parts = [
        f"{record['train_seconds']:.0f} s on {record['machine']['cores']} CPU cores",
        f"test {record['metric']} {score} ({seeds} seed{'s' if seeds > 1 else ''})",
    ]
    baseline = best_baseline(record, record["metric_mode"])
    if baseline:
        parts.append(f"{baseline[0]} {baseline[1]:.4f}")
    return f"# {'; '.join(parts)}."


def presets_with_scores() -> dict[Path, str]:
    """Return the up-to-date text of each preset whose score is stated by a recorded recipe."""
    texts = {}
    for task in recipe_tasks():
        judged = {record["recipe"]: record for record in read_records(task) if record["metric_mode"]}
        for recipe in read_recipes(task):
            if not recipe.states_preset or recipe.name not in judged:
                continue
            path = TASKS_FOLDER / task / "presets" / f"{recipe.preset}.yaml"
            command, _, rest = path.read_text(encoding="utf-8").partition("\n")
            old, _, below = rest.partition("\n")
            below = below if old.startswith("#") else rest
            texts[path] = "\n".join([command, score_line(judged[recipe.name]), below])
    return texts


def write_preset_scores() -> None:
    """Update the scores in the presets."""
    for path, text in presets_with_scores().items():
        if path.read_text(encoding="utf-8") != text:
            write_text(path, text)
