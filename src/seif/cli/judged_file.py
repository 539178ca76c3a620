"""The rows of a file that `seif judge` judges, and what it counts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seif.errors import UsageError
from seif.evaluation.results import ReliabilityByType, Result
from seif.judges import Judgement
from seif.judging import Response
from seif.stage_log import Tables
from seif.types import Instruction, Json, Verdict


@dataclass(frozen=True)
class Row:
    """A row of the file as it is, and as a response to be judged."""

    record: Json
    response: Response


class Responses:
    """The responses of a file, read anew by every iteration, and how many they are."""

    def __init__(self, file: Path, by_rules: bool) -> None:
        """Raises UsageError naming the row that can't be judged."""
        self.file, self.by_rules = file, by_rules
        self._count = sum(1 for _ in self)

    def __iter__(self) -> Iterator[Response]:
        return (row.response for row in read(self.file, self.by_rules))

    def __len__(self) -> int:
        return self._count


@dataclass(frozen=True)
class Counted(Iterable[Response]):
    """Responses that come one after the other, and how many there will be."""

    source: Iterable[Response]
    count: int

    def __iter__(self) -> Iterator[Response]:
        return iter(self.source)

    def __len__(self) -> int:
        return self.count


def read(file: Path, by_rules: bool) -> Iterator[Row]:
    """The file's rows, one after the other. Raises UsageError naming the row that can't be judged."""
    from seif.constraints.files import constraints_of, needs_texts
    from seif.constraints.verifiers import verify
    from seif.tables import iter_rows

    number = 0
    for number, record in enumerate(iter_rows(file), 1):
        where = f"{file} row {number}"
        constraints = constraints_of(record, where)
        response, question = record.get("response"), record.get("seed_question", record.get("prompt"))
        if not isinstance(response, str) or not isinstance(question, str):
            raise UsageError(f"{where}: needs `response` and `seed_question` or `prompt`, all texts")
        if not constraints or not (by_rules or record.get("constraint")):
            raise UsageError(f"{where}: {needs_texts(record)}")
        try:
            for c in constraints:
                if c.checkable:
                    verify("probe", c.instruction_id, c.kwargs)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error
        # A prompt in the paper's composition ends with its constraints, and an instruction adds them itself.
        seed = question.removesuffix("\n".join(["", *(c.text for c in constraints)]))
        yield Row(record, Response(Instruction(seed, constraints), response))
    if not number:
        raise UsageError(f"{file} holds no rows")


def judged(
    rows: Iterator[Row], ask: Callable[[Iterable[Response]], Iterable[list[Judgement]]], counts: Counts
) -> Iterator[Json]:
    """Every row with its verdicts, which are counted; some rows wait for theirs."""
    waiting: deque[Row] = deque()

    def responses() -> Iterator[Response]:
        for row in rows:
            waiting.append(row)
            yield row.response

    for judgements in ask(responses()):
        row = waiting.popleft()
        counts.add(row.response, judgements)
        yield {**row.record, **_verdicts(judgements)}


class Summary(Result):
    """A file's verdicts in numbers."""

    judger: str
    model: str | None
    """None where rules alone judge."""
    rows: int
    verdicts: int
    satisfied: int
    violated: int
    unjudged: dict[str, int]
    """By cause, the commonest first."""
    agreement: ReliabilityByType
    """Over what both a rule and a model judged."""


class Counts:
    """Counts verdicts, row after row."""

    def __init__(self) -> None:
        self._rows = 0
        self._verdicts: Counter[Verdict] = Counter()
        self._unjudged: Counter[str] = Counter()
        self._tables: Tables = {}

    def add(self, response: Response, judgements: list[Judgement]) -> None:
        """Count the verdicts on one response."""
        from seif.evaluation.held_out import add_up, tabulate
        from seif.scoring import check

        self._rows += 1
        self._verdicts.update(j.verdict for j in judgements)
        self._unjudged.update(j.cause for j in judgements if j.verdict is Verdict.UNJUDGED)
        checks = check(response.instruction, response.text, judgements)
        if checks:
            self._tables = add_up([self._tables, tabulate((c.kind, c.rule, c.model) for c in checks)])

    def summary(self, judger: str, model: str | None) -> Summary:
        """What the command prints."""
        from seif.evaluation.held_out import describe_tables

        return Summary(
            judger=judger,
            model=model,
            rows=self._rows,
            verdicts=self._verdicts.total(),
            satisfied=self._verdicts[Verdict.SATISFIED],
            violated=self._verdicts[Verdict.VIOLATED],
            unjudged=dict(self._unjudged.most_common()),
            agreement=describe_tables(self._tables),
        )


def _verdicts(judgements: list[Judgement]) -> Json:
    return {
        "verdicts": [j.verdict.name.lower() for j in judgements],
        "probabilities": [j.probability for j in judgements],
        "causes": [j.cause for j in judgements],
    }
