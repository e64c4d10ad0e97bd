"""The model card of an export: what it is, its training data, its scores, and how to call it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.answering.signature import Signature
from common.contract.evaluation import baseline_title
from common.contract.task import Task
from common.files import read_record
from common.runs.run import Run


@dataclass(frozen=True)
class RunRecords:
    """Records in a run's folder: data.json, environment.json, training.json, metrics.json.

    Attributes:
        metrics: None if the run has not been evaluated.
    """

    data: dict[str, Any]
    environment: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any] | None

    @classmethod
    def read(cls, run: Run) -> "RunRecords":
        """Read all records.

        Raises:
            UserError: if a record is missing or damaged.
        """
        return cls(
            read_record(run.folder / "data.json", "name", "counts", "licence", "citation", "homepage"),
            read_record(run.folder / "environment.json", "versions"),
            read_record(run.training_file, "parameters", "train_seconds"),
            read_record(run.metrics_file, "metrics", "metric") if run.metrics_file.is_file() else None,
        )


def model_card(
    task: Task,
    run: Run,
    records: RunRecords,
    target: Path,
    signature: Signature,
    notes: list[str],
) -> str:
    """Write the model card as Markdown.

    Args:
        task: of the run.
        run: that is exported.
        records: of the run.
        target: the export's folder.
        signature: the default signature for servers.
        notes: sentences about the inputs and outputs.
    """
    data, environment, training = records.data, records.environment, records.training
    counts = ", ".join(f"{count:,} {split}" for split, count in data["counts"].items())
    lines = [
        f"# {task.title}, version {target.name}",
        "",
        f"Exported from run `{run.name}` of the task `{task.name}`; {training['parameters']:,} parameters, "
        f"trained in {training['train_seconds']:.0f} s.",
        "",
        "## Data",
        f"{data['name']}: {counts} examples.",
        "",
        f"- Licence: {data['licence'] or 'not stated'}",
        f"- Citation: {data['citation'] or 'none'}",
        f"- Home: {data['homepage'] or 'none'}",
        "",
        "## Scores",
        *_scores(records.metrics),
        "",
        "## Signature",
        "`serving_default` (also named `serve`):",
        "",
        "| | name | type and shape |",
        "| --- | --- | --- |",
        *(f"| input | `{name}` | {kind} |" for name, kind in signature.inputs.items()),
        *(f"| output | `{name}` | {kind} |" for name, kind in signature.outputs.items()),
        "",
        *(line for note in notes for line in (note, "")),
        *_calls(task.name, signature),
        "",
        "## Made with",
        f"Python {environment['python']}, "
        + ", ".join(f"{package} {number}" for package, number in environment["versions"].items())
        + f"; commit {environment['commit'] or 'unknown'}; seed {environment['seed']}.",
        "",
        "Every setting is in `task.json`.",
        "",
    ]
    return "\n".join(lines)


def _scores(metrics: dict[str, Any] | None) -> list[str]:
    if metrics is None:
        return ["Not scored yet: run `make evaluate`, then export again."]
    names = list(metrics["metrics"])
    rows = [
        f"Test split, {metrics['examples']:,} examples.",
        "",
        "| model | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
        "| this one | " + " | ".join(f"{metrics['metrics'][name]:.4f}" for name in names) + " |",
    ]
    for baseline, scores in metrics["baselines"].items():
        rows.append(
            f"| {baseline_title(baseline, scores)} | "
            + " | ".join(f"{scores[name]:.4f}" if name in scores else "" for name in names)
            + " |"
        )
    return rows


def _calls(task: str, signature: Signature) -> list[str]:
    inputs = signature.inputs
    required = {name: tensor for name, tensor in inputs.items() if tensor.default is None}
    arguments = ", ".join(f"{name}={tensor.sample()}" for name, tensor in required.items())
    if len(required) < len(inputs):
        # Not the signature of the same name: it would require the optional inputs.
        python = ['model = tf.saved_model.load(".")', f"model.serve({arguments})"]
        # Columnar format, because a scalar cannot be repeated per instance.
        columns = {
            name: ["..."] if tensor.default is None else tensor.default for name, tensor in inputs.items()
        }
        request: dict[str, Any] = {"inputs": columns}
    else:
        python = ['serve = tf.saved_model.load(".").signatures["serving_default"]', f"serve({arguments})"]
        # TensorFlow Serving takes the one input of a signature without its name.
        request = {"instances": ["..." if len(inputs) == 1 else dict.fromkeys(inputs, "...")]}
    return [
        "From Python, in the folder of this file; only TensorFlow is needed:",
        "",
        "```python",
        "import tensorflow as tf",
        *python,
        "```",
        "",
        "With TensorFlow Serving's REST API, which serves the newest of the versions:",
        "",
        "```sh",
        "docker run -p 8501:8501 \\",
        f'  -v "$(dirname "$PWD"):/models/{task}" \\',
        f"  -e MODEL_NAME={task} tensorflow/serving",
        f"curl http://localhost:8501/v1/models/{task}:predict -d '{json.dumps(request)}'",
        "```",
    ]
