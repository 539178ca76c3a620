"""The card of an exported model: a README with front matter, all of whose numbers are the run's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from seif import __version__
from seif.artifacts import RunDir
from seif.config import Config
from seif.config.changes import without_changeable
from seif.evaluation.results import Accuracy, Decoding, Evaluation
from seif.manifest import Manifest
from seif.redaction import redacted
from seif.report.blocks import constraints
from seif.report.data import count_seeds
from seif.report.text import NOTHING, percent_error, shorten, suite_number, visible
from seif.results import Run, read_run

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

PAPER = "https://arxiv.org/abs/2605.07465"
_OF_THE_MACHINE = ("engine.base_urls", "engine.api_key_env", "engine.vllm", "launcher", "report_to")
"""Config keys that say nothing of the model."""
_DECODINGS: tuple[Decoding, ...] = ("greedy", "sampled")


def model_card(root: RunDir, turn: int, adapter: bool) -> str:
    """The card of the Follower of `turn`. Raises UsageError when `root` is no run directory."""
    from huggingface_hub import ModelCardData

    from seif.engines.publishing import card_of, hub_id

    run, config = read_run(root), root.config()
    name = f"{shorten(visible(root.root.resolve().name))}, turn {turn}"
    known, base = card_of(config.model), hub_id(config.model)
    results = _results(_evaluation(run, turn))
    data = ModelCardData(
        library_name="peft" if adapter else "transformers",
        pipeline_tag="text-generation",
        base_model=base,
        base_model_relation=None if base is None else "adapter" if adapter else "finetune",
        tags=["seif", "instruction-following", "grpo", "self-evolving", *(["lora"] if adapter else [])],
        license=known.get("license"),
        license_name=known.get("license_name"),
        license_link=known.get("license_link"),
        model_name=name if results else None,
        eval_results=results or None,
    )
    parts = [f"---\n{data.to_yaml()}\n---\n", f"# {_cell(name)}\n", _about(config, root, turn)]
    parts += [_use(adapter), _accuracy(run, turn), _training(config, root.manifest()), _config(config)]
    return "\n".join(parts)


def base_name(config: Config) -> str:
    """What the base is called: its hub id, or the end of its path."""
    from seif.engines.publishing import hub_id

    return hub_id(config.model) or "/".join(Path(config.model).parts[-2:])


def _about(config: Config, root: RunDir, turn: int) -> str:
    return (
        f"The Follower of turn {turn} of {config.turns} of the run `{_code(root.root.resolve().name)}`: "
        f"`{_code(base_name(config))}`, trained by self-evolving reinforcement learning to follow instructions "
        f"([SEIF]({PAPER})), without human labels and without a stronger teacher. Made with seif {__version__}.\n"
    )


def _use(adapter: bool) -> str:
    load = 'AutoModelForCausalLM.from_pretrained("PATH OR HUB ID", dtype="auto")'
    how = "With peft installed, transformers loads the adapter and its base." if adapter else ""
    return f"""## Use

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("PATH OR HUB ID")
model = {load}
question = [{{"role": "user", "content": "Write about the river.\\nAvoid commas."}}]
inputs = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=200)[0], skip_special_tokens=True))
```
{how}
"""


def _accuracy(run: Run, turn: int) -> str:
    """A table of the run's numbers: the base beside this turn."""
    ours, base = _evaluation(run, turn), _evaluation(run, 0)
    rows: list[tuple[str, str, str, str]] = []
    for title, read in (("constraints", _held_out), ("constraints of types that no Instructor writes", _new_types)):
        for decoding in _DECODINGS:
            a, b = read(ours, decoding), read(base, decoding)
            if a.constraint_accuracy is not None:
                before, after = (percent_error(x.constraint_accuracy, x.stderr) for x in (b, a))
                rows.append((f"{title}, {decoding}", before, after, f"{a.n:,}"))
    a, b = _held_out(ours, "greedy"), _held_out(base, "greedy")
    for k in sorted(a.instruction_accuracy, key=lambda k: (len(k), k)):
        before, after = (percent_error(x.instruction_accuracy.get(k), x.instruction_stderr.get(k)) for x in (b, a))
        rows.append((f"whole instructions of {constraints(k)}, greedy", before, after, NOTHING))
    for name, suite in (ours.suites if ours else {}).items():
        of_base = base.suites.get(name) if base else None
        for key in suite.numbers:
            before = suite_number(of_base, key) if of_base else NOTHING
            rows.append((f"{name}: {key}", before, suite_number(suite, key), f"{suite.n:,}"))
    audits = {audit.turn: audit for audit in run.audits}
    if turn in audits:
        before = percent_error(audits[0].accuracy, audits[0].stderr) if 0 in audits else NOTHING
        here = audits[turn]
        rows.append(("audit tasks", before, percent_error(here.accuracy, here.stderr), f"{len(here.constraints):,}"))
    if not rows:
        return "## Accuracy\n\nThe run did not measure this turn.\n"
    table = "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)
    return f"""## Accuracy

Measured on held-out tasks by exact verifiers, never by the judge; ± is one standard error, n the number of tasks.

| | base | this model | n |
|---|---|---|---|
{table}
"""


def _training(config: Config, manifest: Manifest) -> str:
    """What the run learned from, and what it ran on."""
    judge = config.judger.kind
    if judge == "hybrid":
        judge = f"rules where they are certain, else {config.judger.model}"
    adapters = f"LoRA adapters of rank {config.lora.r}" if config.lora else "all weights"
    seeds = count_seeds(config)
    digest = manifest.files.get("seeds")
    facts = [
        ("base", base_name(config)),
        ("trained", adapters),
        ("judge", f"{judge}; weights: {config.judger.weights}"),
        ("reward of the Follower", config.follower.reward),
        ("seed questions", NOTHING if seeds is None else f"{seeds:,}"),
        ("SHA-256 of the seed questions", digest or NOTHING),
        ("random seed", str(config.seed)),
        ("computed in", manifest.dtype or NOTHING),
        ("seif", manifest.seif or NOTHING),
        *sorted(manifest.versions.items()),
    ]
    rows = "\n".join(f"| {_cell(name)} | {_cell(value)} |" for name, value in facts if value != NOTHING)
    return f"## Training\n\n| | |\n|---|---|\n{rows}\n"


def _config(config: Config) -> str:
    """The settings, but where servers and files are on the machine of the run."""
    tree = without_changeable(config, keys=_OF_THE_MACHINE)
    text = yaml.safe_dump(_without_folders(tree), sort_keys=False, allow_unicode=True)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    shown = f"{fence}yaml\n{redacted(visible(text))}{fence}"
    note = "Paths are cut to names; where servers are is left out."
    return f"<details>\n<summary>Config</summary>\n\n{shown}\n\n{note}\n\n</details>\n"


def _without_folders(node: object) -> object:
    """The tree with absolute paths cut to their names."""
    if isinstance(node, dict):
        return {key: _without_folders(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_folders(value) for value in node]
    return Path(node).name if isinstance(node, str) and Path(node).is_absolute() else node


def _results(evaluation: Evaluation | None) -> list[EvalResult]:
    """The accuracies of the front matter, as shares."""
    from huggingface_hub import EvalResult

    found = []
    for name, read in (("held-out tasks", _held_out), ("held-out constraint types", _new_types)):
        for decoding in _DECODINGS:
            accuracy = read(evaluation, decoding)
            if accuracy.constraint_accuracy is not None:
                found.append(
                    EvalResult(
                        task_type="text-generation",
                        dataset_type="seif-held-out",
                        dataset_name=f"{name} of the run",
                        dataset_args={"n": accuracy.n},
                        metric_type="accuracy",
                        metric_name=f"constraint accuracy, {decoding}",
                        metric_value=round(accuracy.constraint_accuracy, 4),
                    )
                )
    return found


def _evaluation(run: Run, turn: int) -> Evaluation | None:
    return next((e for e in run.evaluations if e.turn == turn), None)


def _held_out(evaluation: Evaluation | None, decoding: Decoding) -> Accuracy:
    return evaluation.held_out.get(decoding, Accuracy()) if evaluation else Accuracy()


def _new_types(evaluation: Evaluation | None, decoding: Decoding) -> Accuracy:
    return evaluation.held_out_types.get(decoding, Accuracy()) if evaluation else Accuracy()


def _cell(text: str) -> str:
    """Text in a Markdown table or heading, without any markup of its own."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", shorten(visible(text), 120))


def _code(text: str) -> str:
    return shorten(visible(text)).replace("`", "'")
