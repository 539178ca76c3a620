"""The stages of a turn. Each takes files and writes files, is skipped when its output is whole, and is also a command."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from seif.config import Config, Grpo
from seif.constraints.conflicts import find_conflict
from seif.constraints.verifiers import verify
from seif.engines.base import Engine, Request
from seif.errors import RunError, UsageError
from seif.evaluation import held_out
from seif.frozen import Engines, make_filter, make_judger, model_judger
from seif.instructions import read_instructions, write_instructions
from seif.roles import follower, instructor
from seif.roles.filter import Decision
from seif.run_dir import new_directory, read_json, write_json
from seif.scoring import BAD_ANSWER, FollowerScorer, InstructorScorer, Score, check_unjudged, item_seed, type_of, within_limit
from seif.types import Instruction, Verdict


class StageLog(Protocol):
    """Where a stage reports: metrics and rollouts that a resume can wind back, and progress for people."""

    def begin(self, total: int) -> None: ...

    def resumed(self, step: int) -> None: ...

    def step(self, step: int, metrics: dict[str, Any], records: list[dict[str, Any]]) -> None: ...


# --- [1] train the Instructor -----------------------------------------------------------------------------------------


def instructor_steps(config: Config, seeds: int) -> int:
    """Steps of one Instructor turn: whole batches of seeds, times epochs; at least one."""
    if config.instructor.steps is not None:
        return config.instructor.steps
    return max(1, seeds // config.instructor.grpo.prompts_per_step) * config.instructor.epochs


def follower_epochs(config: Config, turn: int) -> int:
    """Epochs of the Follower in `turn`; the last one given repeats."""
    return config.follower.epochs[min(turn, len(config.follower.epochs)) - 1]


def follower_steps(config: Config, turn: int, instructions: int) -> int:
    """Steps of one Follower turn."""
    if config.follower.steps is not None:
        return config.follower.steps
    return max(1, instructions // config.follower.grpo.prompts_per_step) * follower_epochs(config, turn)


def train_instructor(config: Config, turn: int, start: str, answerer: str, judger: str, seeds: Sequence[str], out: Path, log: StageLog) -> None:
    """GRPO on the Instructor: seeds in, a model directory out. Filter and Judger share the weights `judger`."""
    if _done(out):
        return
    from seif.training.grpo import Payment, Sample

    settings = config.instructor
    templates = [instructor.choose_template(settings.templates, config.seed, turn, i) for i in range(len(seeds))]
    frozen = Engines(config, _verdicts(out))
    judging, cache = frozen.get(judger), frozen.cache(judger)
    answering = judging if answerer == judger else Engines(config).get(answerer)
    scorer = InstructorScorer(
        filter=make_filter(config, judging, cache),
        answerer=answering,
        judger=make_judger(config, judging, cache),
        style=config.prompts,
        response_format=config.follower.format,
        answers=settings.answers,
        max_answer_tokens=config.follower.grpo.max_new_tokens,
        temperature=config.follower.grpo.temperature,
        reward=settings.reward,
        share_penalty=settings.share_penalty,
        known_types=settings.known_types,
        seed=item_seed(config.seed, turn, "instructor"),
    )

    async def reward(samples: list[Sample], step: int) -> Payment:
        scores = await scorer.score_batch([(seeds[s.row], templates[s.row].constraints, s.text, s.finished) for s in samples], step)
        types = [type_of(c) for s in scores for c in s.constraints]
        top = max((types.count(t) for t in set(types)), default=0)
        metrics = {
            "parsable": _share(scores, lambda s: s.outcome != "bad format"),
            "contradictory": _share(scores, lambda s: s.outcome == "contradictory"),
            "bad_answers": sum(BAD_ANSWER in s.causes for s in scores) / len(scores),
            "top_type_share": top / max(1, len(types)),
            **_judged_metrics(scores, config),
        }
        return Payment([s.reward for s in scores], metrics, _records(samples, scores, [seeds[s.row] for s in samples], config), _checks(scores))

    prompts = [instructor.messages(config.prompts, t, s) for t, s in zip(templates, seeds, strict=True)]
    _train(config, turn, "instructor", start, prompts, instructor_steps(config, len(seeds)), settings.grpo, reward, out, log)


# --- [2] generate -----------------------------------------------------------------------------------------------------


def generate(config: Config, turn: int, writer: str, filter_model: str, seeds: Sequence[str], out: Path, stats: Path) -> None:
    """The Instructor writes constraints for every seed; what can't be parsed or the Filter rejects is drawn again or dropped.

    Writes `stats` (JSON, what was written, in numbers) and then `out` (the released schema).
    """
    if out.exists():
        return
    engines = Engines(config, _verdicts(out))
    raw, pool, parsable, drawn = asyncio.run(_generate(config, turn, engines, writer, filter_model, seeds))
    engines.close()
    if not pool:
        raise RunError(f"none of {len(seeds)} seeds got a usable instruction ({parsable} of {drawn} replies could be parsed); the Instructor has collapsed")
    everything = held_out.describe_instructions(raw)
    accepted = held_out.describe_instructions(pool)
    write_json(
        stats,
        {
            "parsable": parsable / drawn,
            "conflict_share": everything["conflict_share"],
            "pool_conflict_share": accepted["conflict_share"],
            "top_type_share": accepted["top_type_share"],
            "type_entropy": accepted["type_entropy"],
            "drawn": drawn,
            "pool": accepted,
        },
    )
    write_instructions(out, pool)


async def _generate(
    config: Config, turn: int, engines: Engines, writer: str, filter_model: str, seeds: Sequence[str]
) -> tuple[list[Instruction], list[Instruction], int, int]:
    """All parsed instructions, the accepted ones in seed order, and how many replies were parsable and drawn."""
    settings = config.instructor
    raw: list[Instruction] = []
    accepted: dict[int, Instruction] = {}
    parsable = drawn = asked = 0
    unread: Counter[str] = Counter()
    open_seeds = list(range(len(seeds)))
    for attempt in range(settings.attempts):
        writing = engines.get(writer)
        requests = []
        templates = {i: instructor.choose_template(settings.templates, config.seed, turn, i) for i in open_seeds}
        for i, template in templates.items():
            seed = item_seed("generate", config.seed, turn, i, attempt)
            requests.append(
                Request(instructor.messages(config.prompts, template, seeds[i]), settings.grpo.max_new_tokens, settings.generation_temperature, seed)
            )
        completions = await asyncio.gather(*(writing.complete(r) for r in requests))
        drawn += len(completions)
        written: dict[int, Instruction] = {}
        for i, completion in zip(open_seeds, completions, strict=True):
            constraints = instructor.parse(completion.text, completion.finish_reason == "stop", templates[i].constraints)
            if constraints is not None:
                written[i] = Instruction(seeds[i], constraints)
        parsable += len(written)
        raw += written.values()
        candidates = {i: x for i, x in written.items() if not instructor.invalid(x.constraints, settings.known_types)}
        if config.filter.generation:
            checking = make_filter(config, engines.get(filter_model), engines.cache(filter_model))
            decisions = await asyncio.gather(*(checking.check(x) for x in candidates.values()))
        else:
            decisions = [Decision(Verdict.SATISFIED)] * len(candidates)
        asked += len(decisions)
        unread.update(d.reason for d in decisions if d.verdict is Verdict.UNJUDGED)
        accepted |= {i: x for (i, x), d in zip(candidates.items(), decisions, strict=True) if d.verdict is Verdict.SATISFIED}
        open_seeds = [i for i in open_seeds if i not in accepted]
        if not open_seeds:
            break
    within_limit(unread, asked, config.judger.max_unjudged)
    return raw, [accepted[i] for i in sorted(accepted)], parsable, drawn


# --- [3] train the Follower -------------------------------------------------------------------------------------------


def train_follower(config: Config, turn: int, start: str, judger: str, instructions: Path, out: Path, log: StageLog) -> None:
    """GRPO on the Follower: instructions in, a model directory out."""
    if _done(out):
        return
    from seif.training.grpo import Payment, Sample, fitting

    everything = read_instructions(instructions)
    asked = [follower.messages(config.prompts, task, config.follower.format) for task in everything]
    kept = fitting(start, asked, config.follower.grpo.max_prompt_tokens)
    if not kept:
        raise UsageError(f"every instruction of {instructions} is longer than max_prompt_tokens={config.follower.grpo.max_prompt_tokens}")
    tasks, prompts = [everything[i] for i in kept], [asked[i] for i in kept]
    engines = Engines(config, _verdicts(out))
    scorer = FollowerScorer(make_judger(config, engines.get(judger), engines.cache(judger)), config.follower.format)

    async def reward(samples: list[Sample], step: int) -> Payment:
        scores = await asyncio.gather(*(scorer.score(tasks[s.row], s.text, s.finished) for s in samples))
        metrics = {"well_formed": _share(scores, lambda s: s.outcome != "bad format"), **_judged_metrics(scores, config)}
        metrics["too_long"] = float(len(everything) - len(tasks))
        metrics["repetition"] = sum(held_out.repetition(s.text) for s in samples) / len(samples)
        return Payment([s.reward for s in scores], metrics, _records(samples, scores, [tasks[s.row].prompt for s in samples], config), _checks(scores))

    _train(config, turn, "follower", start, prompts, follower_steps(config, turn, len(tasks)), config.follower.grpo, reward, out, log)


def _train(config: Config, turn: int, role: str, start: str, prompts: list[Any], steps: int, settings: Grpo, reward: Any, out: Path, log: StageLog) -> None:
    from seif.training.grpo import Hooks, Job, train

    def save(model: Any, tokenizer: Any) -> None:
        with new_directory(out) as folder:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)

    work = _checkpoints(out)
    seed = item_seed(config.seed, turn, role) % (1 << 31)
    name = f"{out.parent.parent.name}-turn{turn}-{role}"
    log.begin(steps)
    train(
        Job(start, prompts, steps, settings, seed, work, out, config.report_to, name, config.engine.token_budget, config.attn_implementation),
        reward,
        Hooks(log.resumed, log.step),
        save,
    )


def _checkpoints(out: Path) -> Path:
    """Where a stage keeps its checkpoints while it runs."""
    return out.with_name(f"{out.name}.checkpoints")


def _verdicts(out: Path) -> Path:
    """Where a stage keeps verdicts, beside its output."""
    return out.with_name(f"{out.name}.verdicts.jsonl")


def _done(out: Path) -> bool:
    """Whether a training stage is done; checkpoints that a kill left behind after that are dropped."""
    if out.exists():
        shutil.rmtree(_checkpoints(out), ignore_errors=True)
    return out.exists()


def _share(scores: Sequence[Score], holds: Callable[[Score], bool]) -> float:
    return sum(map(holds, scores)) / len(scores)


def _judged_metrics(scores: Sequence[Score], config: Config) -> dict[str, float]:
    known = [s.adherence for s in scores if s.adherence is not None]
    metrics = {"unjudged": check_unjudged(scores, config.judger.max_unjudged)}
    if known:
        metrics["adherence"] = sum(known) / len(known)
    tables = _checks(scores)
    if tables:
        whole = held_out.reliability(held_out.whole(tables))
        metrics |= {f"judger_{k}": whole[k] for k in ("precision_violated", "recall_violated") if whole[k] is not None}
    return metrics


def _checks(scores: Sequence[Score]) -> held_out.Tables:
    """How often, per type, rule and model said what of the same answers."""
    return held_out.tabulate((c.kind, c.rule, c.model) for s in scores for c in s.checks)


def _records(samples: Sequence[Any], scores: Sequence[Score], prompts: Sequence[str], config: Config) -> list[dict[str, Any]]:
    return [
        {
            "prompt": prompt,
            "completion": sample.text,
            "finished": sample.finished,
            "reward": score.reward,
            "outcome": score.outcome,
            "verdicts": [v.name.lower() for v in score.verdicts],
            "constraints": [c.text for c in score.constraints],
        }
        for sample, score, prompt in list(zip(samples, scores, prompts, strict=True))[: config.rollouts]
    ]


# --- [4] evaluate -----------------------------------------------------------------------------------------------------


def evaluate(
    config: Config,
    turn: int,
    model: str,
    judger: str | None,
    seeds: Sequence[str],
    instructions: Path | None,
    stats: Path | None,
    out: Path,
    showcase: Path,
    checks: Sequence[held_out.Tables] = (),
) -> dict[str, Any]:
    """Held-out accuracy of one Follower, the Judger against the verifiers, and the Instructor's numbers of the turn.

    `checks` are the turn's verdicts in training on what rules can check, step by step.
    """
    if out.exists():
        return dict(read_json(out))
    began = time.time()
    engines = Engines(config, _verdicts(out))
    result = asyncio.run(measure(config, engines, turn, model, judger))
    if instructions is not None:
        write_json(showcase, asyncio.run(_showcase(config, engines.get(model), seeds, read_instructions(instructions))))
    engines.close()
    if checks:
        result["judger"]["in_training"] = held_out.describe_tables(held_out.add_up(checks))
    if stats is not None:
        numbers = read_json(stats)
        keys = ("parsable", "conflict_share", "pool_conflict_share", "top_type_share", "type_entropy")
        result["instructor"] = {k: numbers[k] for k in keys} | {"types": numbers["pool"]["types"], "mean_constraints": numbers["pool"]["mean_constraints"]}
    result["seconds"] = round(time.time() - began, 1)
    write_json(out, result)
    return result


async def measure(config: Config, engines: Engines, turn: int, model: str, judger: str | None) -> dict[str, Any]:
    """Greedy and sampled held-out accuracy of `model`; with `judger`, how far that one agrees with the verifiers."""
    result: dict[str, Any] = {"turn": turn, "held_out": {}, "judger": {}, "instructor": {}}
    if config.held_out is None:
        return result
    tasks = held_out.load_tasks(Path(config.held_out))[: config.evaluation.tasks]
    limit = config.evaluation.max_new_tokens or config.follower.grpo.max_new_tokens
    engine = engines.get(model)
    greedy: list[held_out.Answer] = []
    for name, temperature in (("greedy", 0.0), ("sampled", 1.0)):
        answers = await held_out.answer_tasks(engine, tasks, config.prompts, config.follower.format, limit, temperature, config.seed)
        result["held_out"][name] = held_out.accuracy(answers)
        greedy = greedy or answers
    if judger is not None and config.evaluation.judger:
        result["judger"] = await held_out.judger_agreement(model_judger(config, engines.get(judger), engines.cache(judger)), greedy[: config.evaluation.judged])
    return result


async def _showcase(config: Config, engine: Engine, seeds: Sequence[str], instructions: list[Instruction]) -> list[dict[str, Any]]:
    """The first seeds, what the Instructor made of them, and the Follower's greedy answers."""
    by_seed = {x.seed: x for x in instructions}
    shown: list[dict[str, Any]] = []
    limit = config.evaluation.max_new_tokens or config.follower.grpo.max_new_tokens
    for seed in seeds[: config.evaluation.showcase]:
        task = by_seed.get(seed)
        if task is None:
            shown.append({"seed": seed, "constraints": [], "answer": None, "conflict": None})
            continue
        completion = await engine.complete(Request(follower.messages(config.prompts, task, config.follower.format), limit))
        reply = follower.parse(completion.text, completion.finish_reason == "stop", config.follower.format)
        constraints = [
            {
                "text": c.text,
                "holds": verify(reply, c.instruction_id, c.kwargs) if c.checkable and reply is not None else None,
            }
            for c in task.constraints
        ]
        shown.append({"seed": seed, "constraints": constraints, "answer": reply, "conflict": find_conflict(task.constraints)})
    return shown
