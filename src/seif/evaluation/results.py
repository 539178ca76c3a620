"""The results of an evaluation as types, the same in memory and in JSON: what a turn's `evaluation.json` holds.

A part that was not measured is empty, and its keys are left out of the JSON; so is what an older version did not write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from seif.errors import DamagedFile
from seif.types import Json

Decoding = Literal["greedy", "sampled"]
"""How held-out tasks are answered: greedily, or sampled at temperature 1."""


def _finite(value: float | None) -> float | None:
    """NaN and infinities count as not measured."""
    return value if value is None or abs(value) < float("inf") else None


Number = Annotated[float | None, AfterValidator(_finite)]
"""A finite number; None where there was nothing to measure."""


class Result(BaseModel):
    """A frozen part of an evaluation. Keys that it does not know are ignored, so that newer files can be read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_json(self) -> dict[str, Any]:
        """The keys that were set, in plain JSON values."""
        return self.model_dump(exclude_unset=True)

    @classmethod
    def from_json(cls, tree: object, source: object) -> Self:
        """The inverse of `to_json`. Raises DamagedFile naming `source` and the key for what is no such result."""
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise DamagedFile(
                f"{source} is not as seif wrote it: {key or 'all of it'}: {first['msg']}; restore or remove it"
            ) from error

    def flat(self) -> dict[str, float]:
        """Every number by its path, e.g. `per_type/punctuation:no_comma`; what was not measured is left out."""
        return dict(_flat(self.to_json(), ""))


def _flat(node: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(node, Mapping):
        for key, child in node.items():
            yield from _flat(child, f"{path}/{key}" if path else str(key))
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield path, float(node)


class Accuracy(Result):
    """Held-out answers by verifiers alone; shares from 0 to 1, errors are standard errors."""

    constraint_accuracy: Number = None
    """Satisfied constraints / all constraints."""
    instruction_accuracy: dict[str, Number] = {}
    """By the number of constraints: the share of tasks with every one satisfied."""
    n: int = 0
    """Tasks."""
    stderr: Number = None
    """Of `constraint_accuracy`; tasks, not constraints, count as independent (ratio estimator)."""
    instruction_stderr: dict[str, Number] = {}
    per_type: dict[str, Number] = {}
    per_type_n: dict[str, int] = {}
    well_formed: Number = None
    """Share of replies in the required format."""
    mean_words: Number = None
    repetition: Number = None
    """Mean share of three-word runs that a reply has had before."""
    holds: list[str] = []
    """Of each task, one character per constraint: 1 where it holds, else 0. Runs are compared task by task."""
    per_type_holds: dict[str, str] = {}
    """The same by type, over all tasks in their order; empty where an older version measured."""


class Reliability(Result):
    """A judge against the verifiers; None where nothing was there to be right about."""

    balanced_accuracy: Number = None
    """Mean of the recalls on satisfied and on violated, over the classes that occur."""
    mean: Number = None
    """Share that the judge calls satisfied."""
    verifier_mean: Number = None
    """Share that is satisfied."""
    precision_violated: Number = None
    """How often *violated* is right when the judge says it."""
    recall_violated: Number = None
    """Share of the violations that the judge finds."""
    n: int = 0
    """Verdicts."""


class ReliabilityByType(Reliability):
    """`Reliability` over all constraint types, and of each."""

    per_type: dict[str, Reliability] = {}


class JudgeAgreement(ReliabilityByType):
    """The judge on held-out answers."""

    unjudged: int = 0
    """Verdicts that it did not give; they are in none of the other numbers."""
    in_training: ReliabilityByType | None = None
    """The turn's verdicts in training on what rules can check."""


class PoolNumbers(Result):
    """What a pool of instructions is made of."""

    instructions: int = 0
    types: dict[str, int] = {}
    """Constraints of each of the commonest types."""
    top_type: str | None = None
    top_type_share: float = 0.0
    type_entropy: float = 0.0
    """Bits."""
    conflict_share: float = 0.0
    """Share of instructions that rules prove contradictory."""
    mean_constraints: float = 0.0


class GateNumbers(Result):
    """What the frontier gate chose from, and what it left out. Probes are for choosing: they measure no difficulty."""

    candidates: int
    """Instructions that passed the Filter."""
    edited: int
    """Those of them that are edits of the turn before."""
    probed: int
    """Candidates with a verdict."""
    dropped_unjudged: int
    """Candidates without one."""
    dropped_always: int
    """Candidates of which every verdict was satisfied."""
    dropped_never: int
    """Candidates of which every verdict was violated."""
    over_quota: int
    """Candidates whose types had filled their quota when their turn came, while their seed had no instruction."""
    mean_p: Number = None
    """Share of the verdicts that were satisfied, over all probed candidates."""


class GenerationNumbers(Result):
    """What one generation wrote: `generation.json`."""

    parsable: Number = None
    """Share of replies with constraints; None where the instructions were given."""
    conflict_share: float
    """Share of instructions that rules prove contradictory, before the Filter."""
    pool_conflict_share: float
    """The same behind the Filter."""
    top_type_share: float
    type_entropy: float
    """Bits."""
    drawn: int = 0
    """Replies, repeated attempts included."""
    pool: PoolNumbers
    """The instructions that were accepted."""
    tokens: dict[str, int] = {}
    """By role, the tokens that it read and wrote."""
    calls: dict[str, int] = {}
    """By role, how often it was asked."""
    gate: GateNumbers | None = None
    """None: no gate chose the instructions."""

    @classmethod
    def of(cls, pool: PoolNumbers, conflict_share: float, drawn: int, parsable: float | None = None) -> Self:
        """The numbers of a generation with this pool."""
        return cls(
            parsable=parsable,
            conflict_share=conflict_share,
            pool_conflict_share=pool.conflict_share,
            top_type_share=pool.top_type_share,
            type_entropy=pool.type_entropy,
            drawn=drawn,
            pool=pool,
        )


class InstructorNumbers(Result):
    """What the Instructor wrote in a turn."""

    parsable: Number = None
    """Share of replies with constraints; None where the instructions were given."""
    conflict_share: Number = None
    """Share of instructions that rules prove contradictory, before the Filter."""
    pool_conflict_share: Number = None
    """The same behind the Filter."""
    top_type_share: Number = None
    type_entropy: Number = None
    """Bits."""
    types: dict[str, int] = {}
    """Constraints of each of the commonest types."""
    mean_constraints: Number = None

    @property
    def shares(self) -> dict[str, float]:
        """Each recorded type's share of all constraints, from 0 to 1."""
        if not self.types:
            return {}
        # Only the commonest types are recorded; the top one's share gives the number of all constraints.
        top = self.top_type_share
        total = max(sum(self.types.values()), round(max(self.types.values()) / top) if top else 0)
        return {kind: count / total for kind, count in self.types.items()}


class GeneralAccuracy(Result):
    """Questions with a known answer, greedily."""

    accuracy: Number = None
    stderr: Number = None
    n: int = 0


class SuiteResult(Result):
    """What an evaluation suite measured."""

    numbers: dict[str, Number]
    """By name; the first one stands for the suite where there is space for one."""
    stderr: dict[str, Number] = {}
    """Standard errors of those that have one."""
    n: int
    """Prompts, or whatever the numbers are means over."""
    percent: bool = True
    """The numbers are shares from 0 to 1, shown in percent."""
    lines: tuple[str, ...] = ()
    """The result in words for a terminal, where the numbers alone are not enough."""
    details: Json = {}
    """More, as JSON values; where there are any, `seif evaluate` writes them in place of the rest."""


class Evaluation(Result):
    """One turn's `evaluation.json`."""

    turn: int
    held_out: dict[Decoding, Accuracy] = {}
    held_out_types: dict[Decoding, Accuracy] = {}
    """The same on constraint types that no Instructor may write."""
    judger: JudgeAgreement = JudgeAgreement()
    instructor: InstructorNumbers = InstructorNumbers()
    general: GeneralAccuracy | None = None
    suites: dict[str, SuiteResult] = {}
    """Of the suites that the config runs every turn, by the name with which it lists them."""
    seconds: Number = None
    """Wall-clock time of the evaluation."""

    @property
    def greedy(self) -> Accuracy:
        """Held-out accuracy with greedy decoding; empty where it was not measured."""
        return self.held_out.get("greedy", Accuracy())


def flat(evaluation: Evaluation) -> dict[str, float]:
    """An evaluation as flat numbers for trackers, e.g. `held_out/greedy/constraint_accuracy`, `judger/mean`.

    `types/<id>` is the share of a constraint type among the turn's instructions, `suites/<suite>/<number>` what a suite
    measured. What was not measured is left out.
    """
    numbers = {k: v for k, v in evaluation.flat().items() if not k.startswith(("turn", "suites/", "instructor/types/"))}
    numbers |= {f"types/{kind}": share for kind, share in evaluation.instructor.shares.items()}
    for name, result in evaluation.suites.items():
        numbers |= {f"suites/{name}/{key}": value for key, value in result.numbers.items() if value is not None}
    return numbers


# --- the reward model -------------------------------------------------------------------------------------------------


class CalibrationBin(Result):
    """Pairs of about the same probability: its mean, the share labelled satisfied, and how many they are."""

    mean: float
    share: float
    n: int


class ClassifierReliability(Reliability):
    """`Reliability` of a classifier, with its plain accuracy."""

    accuracy: Number = None


class ClassifierReliabilityByType(ClassifierReliability):
    """`ClassifierReliability` over all constraint types, and of each."""

    per_type: dict[str, ClassifierReliability] = {}


class RewardModelNumbers(Result):
    """One turn's `reward_model.json`: how good the classifier is on held-out questions."""

    held_out_pairs: int = 0
    temperature: Number = None
    calibration_error: Number = None
    """Expected calibration error."""
    calibration_error_before: Number = None
    curve: list[CalibrationBin] = []
    against_labels: ClassifierReliabilityByType | None = None
    against_verifiers: ClassifierReliabilityByType | None = None
    """None where no verifier checks any of the pairs."""
    train_pairs: int = 0
    train_positives: int = 0
    shortened: Number = None
    """Share of responses that lost their middle."""
    labels_against_verifiers: ClassifierReliabilityByType | None = None
    """How often the pseudo-labels are right."""
