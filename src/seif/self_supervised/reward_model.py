"""The reward model: a sequence classifier trained on pseudo-labels, calibrated, and measured on prompts that it never
saw (arXiv 2510.14420).
"""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
)
from transformers import TrainingArguments as Arguments

from seif.atomic import new_directory, write_json
from seif.config import RewardModel
from seif.constraints.taxonomy import type_of
from seif.constraints.verifiers import verdict_of
from seif.engines.memory import release_memory
from seif.engines.precision import TrainingTypes, training_types
from seif.engines.tokens import tokenizer_to_save
from seif.errors import RunError, UsageError
from seif.evaluation.held_out import reliability, tabulate, whole
from seif.evaluation.results import (
    ClassifierReliability,
    ClassifierReliabilityByType,
    RewardModelNumbers,
)
from seif.quantities import quantity
from seif.self_supervised.calibration import (
    calibration_error,
    cross_fitted,
    fit_temperature,
    probability,
    reliability_curve,
)
from seif.self_supervised.inputs import Encoded, encode, item_of
from seif.self_supervised.pseudo_labels import Pair
from seif.self_supervised.scorer import Scorer, check_base, context_of, give_padding
from seif.stage_log import StageLog
from seif.training import ranks
from seif.training.callbacks import MarkWhole
from seif.training.checkpoints import continue_from, finish_killed, step_of, whole_weights
from seif.training.job import TrainingJob
from seif.types import Verdict


@dataclass(frozen=True, kw_only=True)
class ClassifierJob(TrainingJob):
    """One training of a reward model, from a causal LM or from a classifier with two labels."""

    pairs: list[Pair]
    settings: RewardModel
    numbers: Path
    """What was measured (JSON); written before `out`."""

    @property
    def types(self) -> TrainingTypes:
        """Of the weights, and of forward and backward."""
        return training_types(self.settings.dtype, self.dtype)


def split(pairs: Sequence[Pair], share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """(to train on, held out), such that no question is on both sides.

    Raises UsageError when a side would lack one of the labels.
    """
    questions = sorted({p.seed_question for p in pairs})
    random.Random(f"reward model/{seed}").shuffle(questions)
    held = set(questions[: max(1, round(share * len(questions)))])
    sides = [p for p in pairs if p.seed_question not in held], [p for p in pairs if p.seed_question in held]
    counts = [sum(p.label == label for p in pairs) for label in (0, 1)]
    if not all(counts):
        raise UsageError(
            f"all {len(pairs):,} pseudo-labels are {int(counts[1] > 0)}: a "
            "classifier needs both; let the model answer more instructions"
        )
    for name, side in zip(("to train on", "held out"), sides, strict=True):
        if len({p.label for p in side}) < 2:
            raise UsageError(
                f"too few questions ({len(questions):,}): the {quantity(len(side), 'pair')} {name} "
                "don't have both labels; add instructions"
            )
    return sides


def train(job: ClassifierJob, log: StageLog) -> None:
    """Train or resume, keep the epoch with the least held-out loss, calibrate, measure, and write the model and its
    numbers.

    Raises UsageError for pairs that can't be learned from or don't fit, a start with other than two labels, and
    checkpoints of another job; RunError when the loss is no longer finite.
    """
    _train(job, log)
    # Once nothing refers to the trainer any more.
    release_memory()


def _train(job: ClassifierJob, log: StageLog) -> None:
    settings = job.settings
    train_pairs, held = split(job.pairs, settings.eval_share, job.seed)
    check_base(job.model, settings.max_length)
    tokenizer = tokenizer_to_save(job.model)
    limit = settings.max_length or context_of(AutoConfig.from_pretrained(job.model), tokenizer)
    encoded = [_encode(tokenizer, part, limit) for part in (train_pairs, held)]
    model = _load(job)
    give_padding(model, tokenizer)
    tokenizer.model_max_length = limit
    # Not who answered, which is a path: the directory of the run may have been moved since.
    pairs = [asdict(replace(p, model="")) for p in job.pairs]
    identity = [job.model, pairs, settings.model_dump(), job.seed]
    processes = ranks.current()
    resume, done = processes.from_first(
        lambda: (continue_from(job.work, identity, job.dtype), finish_killed(job.work, job.out))
    )
    if done:
        return
    trainer = _Classifying(
        model=model,
        args=_arguments(job),
        train_dataset=[{"input_ids": e.ids, "labels": p.label} for e, p in zip(encoded[0], train_pairs, strict=True)],
        eval_dataset=[{"input_ids": e.ids, "labels": p.label} for e, p in zip(encoded[1], held, strict=True)],
        data_collator=DataCollatorWithPadding(tokenizer, pad_to_multiple_of=16),
        compute_metrics=lambda found: {"accuracy": float((found.predictions.argmax(-1) == found.label_ids).mean())},
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_Log(trainer, log))
    trainer.add_callback(_KeepBest())
    log.begin(math.ceil(len(train_pairs) / update_size(settings, processes.world)) * settings.epochs)
    log.resumed(step_of(resume))
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    everything = [e for part in encoded for e in part]
    training = {
        "train_pairs": len(train_pairs),
        "train_positives": sum(p.label for p in train_pairs),
        "shortened": sum(e.shortened for e in everything) / len(everything),
        "labels_against_verifiers": _against_verifiers(job.pairs, [bool(p.label) for p in job.pairs]),
    }
    weights = whole_weights(trainer)
    trained = trainer.accelerator.unwrap_model(trainer.model)

    def finish() -> None:
        model = trained.eval() if weights is None else _filled(job, tokenizer, weights).to(trained.device)
        numbers = _measure(Scorer(model, tokenizer), held).model_copy(update=training)
        write_json(job.numbers, numbers.to_json())
        with new_directory(job.out) as folder:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        shutil.rmtree(job.work, ignore_errors=True)

    processes.from_first(finish)


def _filled(job: ClassifierJob, tokenizer: Any, weights: Any) -> Any:
    """The classifier in one piece, after it was trained in several."""
    model = _load(job)
    give_padding(model, tokenizer)
    model.load_state_dict(weights)
    return model.eval()


def micro_batch(settings: RewardModel, processes: int) -> int:
    """Pairs per forward of one process: as in the config, or fewer where an update has not as many for each."""
    return max(1, min(settings.micro_batch, settings.batch_size // processes))


def update_size(settings: RewardModel, processes: int) -> int:
    """Pairs of one update, over all processes."""
    together = micro_batch(settings, processes) * processes
    return together * max(1, settings.batch_size // together)


def _encode(tokenizer: Any, pairs: Sequence[Pair], limit: int) -> list[Encoded]:
    found = encode(tokenizer, [item_of(p.instruction, p.judged, p.response) for p in pairs], limit)
    for p, e in zip(pairs, found, strict=True):
        if e is None:
            where = f"instruction {p.index + 1}, constraint {p.level}"
            raise UsageError(
                f"{where}: question and constraint alone leave no room for "
                f"a response in {quantity(limit, 'token')}; raise max_length or drop it"
            )
    return [e for e in found if e is not None]


def _load(job: ClassifierJob) -> Any:
    # The head is new, and its first weights must be the same in every run.
    torch.manual_seed(job.seed)
    dtype = getattr(torch, job.types.weights)
    # transformers would note the type of problem in the first step of training, which a resume may be past.
    return AutoModelForSequenceClassification.from_pretrained(
        job.model,
        num_labels=2,
        problem_type="single_label_classification",
        dtype=dtype,
        attn_implementation=job.attn_implementation,
    )


def _arguments(job: ClassifierJob) -> Arguments:
    s, processes = job.settings, ranks.current().world
    micro = micro_batch(s, processes)
    return Arguments(
        output_dir=str(job.work),
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=micro,
        gradient_accumulation_steps=update_size(s, processes) // (micro * processes),
        num_train_epochs=s.epochs,
        learning_rate=s.learning_rate,
        lr_scheduler_type="linear",
        weight_decay=s.weight_decay,
        max_grad_norm=1.0,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        logging_steps=1,
        logging_nan_inf_filter=False,
        bf16=job.types.mixed_bf16,
        gradient_checkpointing=s.gradient_checkpointing,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=job.seed,
        data_seed=job.seed,
        disable_tqdm=True,
        report_to="none",
    )


class _Classifying(Trainer):
    """Also counts how often the training batches are classified right."""

    right: float = 0.0
    seen: int = 0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # The loss is a mean over a micro-batch, however many make an update and in how many processes. transformers
        # believes that the model divides it by the update's pairs, and would add up the means.
        self.model_accepts_loss_kwargs = False

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **options: Any) -> Any:
        loss, out = super().compute_loss(model, inputs, return_outputs=True, **options)
        if model.training:
            self.right += float((out["logits"].argmax(-1) == inputs["labels"]).sum())
            self.seen += len(inputs["labels"])
        return (loss, out) if return_outputs else loss

    def accuracy(self) -> float:
        """Share of the pairs that were classified right since this was asked last. Collective."""
        counts = torch.tensor([self.right, self.seen], device=self.accelerator.device)
        right, seen = self.accelerator.reduce(counts, "sum").tolist()
        self.right, self.seen = 0.0, 0
        return float(right / max(1, seen))


class _Log(TrainerCallback):
    def __init__(self, trainer: _Classifying, log: StageLog) -> None:
        self.trainer, self.log = trainer, log

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        logs = logs or {}
        if "loss" in logs:
            if not math.isfinite(logs["loss"]) or not math.isfinite(logs.get("grad_norm", 0.0)):
                raise RunError(
                    f"the loss became {logs['loss']} at step {state.global_step}; "
                    "lower self_supervised.reward_model.learning_rate"
                )
            accuracy = self.trainer.accuracy()
            self.log.step(state.global_step, {"loss": logs["loss"], "accuracy": accuracy})
        elif "eval_loss" in logs:
            self.log.step(
                state.global_step, {"held_out_loss": logs["eval_loss"], "held_out_accuracy": logs["eval_accuracy"]}
            )


class _KeepBest(MarkWhole):
    """Keeps the newest checkpoint and the best one, which is loaded at the end. transformers would remove others before
    the newest is marked as whole, and notes where the best one lies, though its directory may be moved."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.best_global_step:
            state.best_model_checkpoint = str(Path(args.output_dir) / f"checkpoint-{state.best_global_step}")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        super().on_save(args, state, control)
        if ranks.current().first:
            kept = {f"checkpoint-{step}" for step in (state.global_step, state.best_global_step)}
            for path in Path(args.output_dir).glob("checkpoint-*"):
                if path.name not in kept:
                    shutil.rmtree(path, ignore_errors=True)


# --- measuring --------------------------------------------------------------------------------------------------------


def _measure(scorer: Scorer, held: Sequence[Pair]) -> RewardModelNumbers:
    """Calibrate the model in place, then everything about it on the held-out pairs.

    They give the model its temperature, so the curve uses temperatures that were fitted on other questions.
    """
    items = [item_of(p.instruction, p.judged, p.response) for p in held]
    labels = [p.label for p in held]
    margins = [s.margin for s in scorer.score(items)]
    known = [m for m in margins if m is not None]
    if len(known) < len(held):
        raise RunError(
            "the trained reward model gives probabilities that are no "
            "numbers; lower self_supervised.reward_model.learning_rate"
        )
    raw = reliability_curve([probability(m) for m in known], labels)
    temperature = fit_temperature(known, labels)
    _fold(scorer.model, temperature)
    said = [m >= 0 for m in known]
    curve = reliability_curve(cross_fitted(known, labels, [p.seed_question for p in held]), labels)
    return RewardModelNumbers(
        held_out_pairs=len(held),
        temperature=temperature,
        calibration_error=calibration_error(curve),
        calibration_error_before=calibration_error(raw),
        curve=curve,
        against_labels=_table((type_of(p.judged), bool(p.label), s) for p, s in zip(held, said, strict=True)),
        against_verifiers=_against_verifiers(held, said),
    )


def _fold(model: Any, temperature: float) -> None:
    """Divide the logits by `temperature` in the head itself, so that every program that loads the checkpoint gets
    calibrated ones.
    """
    head = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.out_features == 2][-1]
    with torch.no_grad():
        for weight in head.parameters():
            weight /= temperature


def _against_verifiers(pairs: Sequence[Pair], said: Sequence[bool]) -> ClassifierReliabilityByType | None:
    """`said` against the verifiers, where there is one; None where there is none for any pair."""
    ruled = [
        (p.judged.instruction_id, verdict_of(p.response, p.judged), s)
        for p, s in zip(pairs, said, strict=True)
        if p.judged.checkable
    ]
    known = [(kind, v is Verdict.SATISFIED, s) for kind, v, s in ruled if v is not Verdict.UNJUDGED]
    return _table(known) if known else None


def _table(found: Iterable[tuple[str, bool, bool]]) -> ClassifierReliabilityByType:
    tables = tabulate(found)
    per_type = {kind: _reliability(table) for kind, table in sorted(tables.items())}
    return ClassifierReliabilityByType(**dict(_reliability(whole(tables))), per_type=per_type)


def _reliability(table: Sequence[int]) -> ClassifierReliability:
    return ClassifierReliability(accuracy=(table[0] + table[3]) / sum(table), **dict(reliability(table)))
