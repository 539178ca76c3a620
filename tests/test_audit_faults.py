"""Faults that are put into whole runs of the embedded model: each is caught by the audit or the stop rule."""

import zlib

import pyarrow.parquet as pq
import pytest

import seif
from seif.artifacts import EarlyStop, RunDir
from seif.atomic import read_json
from seif.constraints.compiler import compile_text
from seif.constraints.verifiers import verify
from seif.evaluation.audit import Audit
from seif.instructions import write_instructions
from seif.judges import JUDGES, Judgement, register_judge
from seif.nano.build import RUN_SEEDS, audit_tasks, split_seeds
from seif.roles import instructor
from seif.types import Verdict
from support import NANO

pytestmark = pytest.mark.slow
BIASED = "length_constraints:number_sentences"
SMALL = (
    "evaluation.tasks=4",
    "evaluation.showcase=0",
    "evaluation.judger=false",
    "filter.model=false",
    "instructor.steps=1",
    "follower.steps=1",
    "instructor.grpo.prompts_per_step=4",
    "follower.grpo.prompts_per_step=8",
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Config keys: 160 audit tasks and 24 seeds."""
    folder = tmp_path_factory.mktemp("audit")
    seen, _ = split_seeds()
    audit, seeds = folder / "audit.parquet", folder / "seeds.parquet"
    write_instructions(audit, audit_tasks(seen[RUN_SEEDS:])[:160])
    pq.write_table(pq.read_table(NANO / "data" / "seeds.parquet").slice(0, 24), seeds)
    return {"audit": str(audit), "seeds": str(seeds)}


def load(files, *overrides):
    return seif.load_config("nano-tiny", [*SMALL, *overrides], **files)


def audit(run, turn):
    file = RunDir(run).audit(turn)
    return Audit.from_json(read_json(file), file)


@pytest.fixture
def register():
    """Registers a judge that says `lenient(response, constraint)` or else what verifiers say."""

    class Injected:
        def __init__(self, lenient):
            self.lenient = lenient

        async def judge(self, instruction, response, constraint):
            holds = verify(response, constraint.instruction_id, constraint.kwargs)
            return Judgement(Verdict.of(holds or self.lenient(response, constraint)))

    def register(lenient):
        register_judge("injected", uses_model=False)(lambda context: Injected(lenient))

    yield register
    JUDGES.remove("injected")


def test_a_type_on_which_the_judge_is_biased_is_unjudged_in_the_next_rewards(files, register, tmp_path):
    register(lambda response, constraint: constraint.instruction_id == BIASED)
    run = tmp_path / "run"
    config = load(files, "judger.kind=injected", "instructor.train=false", "rollouts=100")
    assert seif.run(config, run).state == "finished"
    known = audit(run, 0).judge
    assert known.per_type[BIASED].fpr.value == 1.0
    assert known.gap > 0.02
    assert [kind for kind, rates in known.per_type.items() if rates.unreliable(0.5)] == [BIASED]
    verdicts = {"biased": set(), "other": set()}
    for rollout in RunDir(run).rollouts(1, "train_follower").read():
        # An answer that was cut off or has a bad format has no verdicts.
        for text, verdict in zip(rollout["constraints"], rollout["verdicts"], strict=bool(rollout["verdicts"])):
            verdicts["biased" if compile_text(text).instruction_id == BIASED else "other"].add(verdict)
    assert verdicts == {"biased": {"unjudged"}, "other": {"satisfied", "violated"}}
    assert RunDir(run).steps()[-1].metrics["unjudged"] == 0.0
    # What is unjudged counts in no reward, so the gap of what counts is closed.
    assert audit(run, 1).judge.gap == 0.0
    assert audit(run, 1).judge.mean > audit(run, 1).judge.verifier_mean


def test_a_judge_that_is_talked_round_stops_the_loop_and_the_run_can_go_on(files, register, tmp_path):
    run = RunDir(tmp_path / "run")

    def lenient(response, constraint):
        """15% more of the violations with every Follower that the run has trained."""
        trained = sum(run.follower(turn).exists() for turn in (1, 2, 3))
        return zlib.crc32(f"{constraint.text} {response}".encode()) % 100 < 15 * trained

    register(lenient)
    overrides = (
        "judger.kind=injected",
        "instructor.train=false",
        "turns=3",
        "stop.fall=false",
        "judger.min_reliability=0",
    )
    found = seif.run(load(files, *overrides), run.root)
    assert found.state == "finished"
    assert [e.turn for e in found.evaluations] == [0, 1, 2]
    assert [a.judge.gap > 0.02 for a in found.audits] == [False, True, True]
    assert found.stopped_early == EarlyStop(2, found.stopped_early.reason)
    assert found.stopped_early.reason.startswith("the judge's mean is above the verifiers' for 2 turns in a row")
    stops = [event for event in run.events.read() if event["event"] == "stopped_early"]
    assert [(stop["turn"], stop["reason"]) for stop in stops] == [(2, found.stopped_early.reason)]
    assert (run.root / "best").resolve() == (run.follower(found.best) if found.best else NANO / "model").resolve()

    before = len(run.events.read())
    assert seif.run(load(files, *overrides), run.root).stopped_early == found.stopped_early
    assert len(run.events.read()) == before

    went_on = seif.run(load(files, *overrides, "stop.enabled=false"), run.root)
    assert (went_on.state, went_on.stopped_early) == ("finished", None)
    assert [e.turn for e in went_on.evaluations] == [0, 1, 2, 3]
    assert [event["turn"] for event in run.events.read() if event["event"] == "stop_ignored"] == [2]


def test_an_instructor_that_collapses_stops_the_loop(files, tmp_path, monkeypatch):
    """Its instructions have three types, always the same ones, so none has more than a third of the constraints."""
    run, parse = RunDir(tmp_path / "run"), instructor.parse
    texts = ("Avoid commas.", "Put the whole reply in double quotation marks.", "Write in lowercase letters only.")
    always = tuple(compile_text(text) for text in texts)

    def collapsing(*reply):
        return always if run.instructor(1).exists() else parse(*reply)

    monkeypatch.setattr(instructor, "parse", collapsing)
    found = seif.run(load(files, "judger.kind=rules", "turns=2"), run.root)
    assert [e.turn for e in found.evaluations] == [0, 1]
    assert found.stopped_early is not None
    assert found.stopped_early.turn == 1
    assert "as varied as 3.0 equally common types, the base's as 7." in found.stopped_early.reason
    assert all(a.judge is None for a in found.audits)
