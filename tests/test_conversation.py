from __future__ import annotations

import io
import json
import shutil
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from fake_run import make_run
from rich.console import Console

import seif
from seif.config_file import build_config
from seif.conversation import ChatOptions, Conversation, Screen, converse, open_chat
from seif.engines.base import Request
from seif.errors import RunError
from seif.judges import Judgement
from seif.types import Instruction, Verdict


class Scripted:
    """Writes what it is told to, and finds satisfied what a rule says or what is about boats."""

    def __init__(self, *replies: str, before: Callable[[int], None] = lambda piece: None) -> None:
        self.replies, self.before = list(replies), before
        self.asked: list[Request] = []
        self.closed = 0

    def stream(self, request: Request) -> Generator[str]:
        self.asked.append(request)
        if not self.replies:
            raise RunError("context too long")
        try:
            for i, word in enumerate(self.replies.pop(0).split(" ")):
                self.before(i)
                yield word if i == 0 else f" {word}"
        finally:
            self.closed += 1

    def read(self, text: str) -> str:
        return text

    def judge(self, instruction: Instruction, reply: str) -> list[Judgement]:
        return [
            Judgement(Verdict.of(seif.verify(reply, c.instruction_id, c.kwargs)))
            if c.checkable
            else Judgement(Verdict.UNJUDGED, cause="no verdict token")
            if "odd" in c.text
            else Judgement(Verdict.of("boat" in reply), 0.875)
            for c in instruction.constraints
        ]


def talk(talker: Scripted, *lines: str, **settings: object) -> tuple[Conversation, str, str]:
    chat = Conversation(talker, build_config({"model": "m", **settings}, "test"))
    out, err = io.StringIO(), io.StringIO()
    screen = Screen(Console(file=out, width=80, soft_wrap=True), Console(file=err, width=80, soft_wrap=True))
    converse(chat, iter(lines), screen)
    return chat, out.getvalue(), err.getvalue()


def test_a_reply_with_its_verdicts() -> None:
    talker = Scripted("A boat, maybe.")
    lines = ("/constraint Avoid commas.", "/constraint Mention a boat.", "/constraint Be odd.", "What floats?")
    _, out, err = talk(talker, *lines)
    assert err == ""
    assert out.splitlines() == [
        "  1. Avoid commas.  (by rule: punctuation:no_comma)",
        "  2. Mention a boat.  (by the judge)",
        "  3. Be odd.  (by the judge)",
        "A boat, maybe.",
        "  ✗ violated  Avoid commas.  (rule)",
        "  ✓ satisfied  Mention a boat.  (judge 0.88)",
        "  ? unjudged  Be odd.  (no verdict token)",
    ]
    assert talker.asked[0].messages == [
        {"role": "user", "content": "What floats?\nAvoid commas.\nMention a boat.\nBe odd."}
    ]


def test_what_was_said_goes_along_until_it_is_forgotten() -> None:
    talker = Scripted("One.", "<think>hm</think>Two.", "Three.", "Four.")
    lines = ("a", "/system Be brief.", "b", "/reset", "c", "/seed d", "/system", "/temperature 0.7")
    talk(talker, *lines, follower={"format": "plain"})
    roles = [[(m["role"], m["content"]) for m in request.messages] for request in talker.asked]
    assert roles[1] == [("system", "Be brief."), ("user", "a"), ("assistant", "One."), ("user", "b")]
    assert roles[2] == [("system", "Be brief."), ("user", "c")]
    assert roles[3] == [("system", "Be brief."), ("user", "d")]
    assert len({request.seed for request in talker.asked}) == 4


def test_a_thought_is_not_part_of_the_answer() -> None:
    chat, _, _ = talk(Scripted("<think>hm</think>Two."), "b")
    assert chat.exchanges[0].reply == "Two."
    assert chat.said[-1]["content"] == "Two."


def test_seed_questions_are_asked_as_in_training() -> None:
    talker = Scripted("<think>a</think><answer>Yes</answer>")
    chat, _, _ = talk(talker, "/seed Why?", follower={"format": "think_answer"})
    assert "<answer>" in talker.asked[0].messages[0]["content"]
    assert chat.exchanges[0].reply == "Yes"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/nothing", "there is no /nothing; /help"),
        ("/constraint", "a constraint needs a text"),
        ("/drop 1", "no constraint '1'"),
        ("/drop x", "no constraint 'x'"),
        ("/temperature warm", "a number from 0, not 'warm'"),
        ("/temperature -1", "a number from 0"),
        ("/temperature nan", "a number from 0"),
        ("/seed", "/seed needs a text"),
        ("/save", "/save needs a file"),
        ("too much", "context too long"),
    ],
)
def test_a_mistake_is_one_line_and_the_conversation_goes_on(line: str, said: str) -> None:
    chat, out, err = talk(Scripted(), line, "/temperature 0.5")
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert (out, chat.temperature) == ("temperature 0.5\n", 0.5)
    assert chat.exchanges == chat.said == []


def test_constraints_are_listed_dropped_and_compared() -> None:
    _, out, _ = talk(
        Scripted(),
        "/constraints",
        "/constraint Use only lowercase.",
        "/constraint Use only uppercase.",
        "/drop 1",
        "/constraints",
    )
    lines = out.splitlines()
    assert lines[0] == "no constraints; /constraint TEXT adds one"
    assert lines[3].startswith("note: no reply can satisfy them all: ")
    assert lines[4:] == [
        "dropped: Use only lowercase.",
        "  1. Use only uppercase.  (by rule: change_case:english_capital)",
    ]


def test_quit_and_help() -> None:
    talker = Scripted("never")
    _, out, _ = talk(talker, "/help", "", "/quit", "a prompt")
    assert "/constraint TEXT" in out
    assert max(map(len, out.splitlines())) <= 80
    assert talker.asked == []


def test_ctrl_c_stops_the_reply_and_not_the_conversation() -> None:
    def interrupt(piece: int) -> None:
        if piece == 2 and len(talker.asked) == 1:
            signal.raise_signal(signal.SIGINT)

    talker = Scripted("one two three four", "five", before=interrupt)
    before = signal.getsignal(signal.SIGINT)
    chat, out, _ = talk(talker, "/constraint Avoid commas.", "a", "b")
    assert signal.getsignal(signal.SIGINT) is before
    assert [(e.reply, e.stopped, len(e.judgements)) for e in chat.exchanges] == [
        ("one two", True, 0),
        ("five", False, 1),
    ]
    assert "one two\n(stopped)\n" in out
    assert talker.closed == 2


def test_what_is_saved_can_be_judged_again(tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    _, out, err = talk(
        Scripted("A boat."), "/constraint Avoid commas.", "What floats?", f"/save {file}", f"/save {file}"
    )
    assert f"saved: {file}" in out
    assert "exists already" in err
    (row,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert (row["seed_question"], row["constraint"], row["response"]) == ("What floats?", ["Avoid commas."], "A boat.")
    assert row["verdicts"] == ["satisfied"]
    from seif.constraints.files import constraints_of

    assert [c.instruction_id for c in constraints_of(row, "row 1")] == ["punctuation:no_comma"]


def test_a_reply_can_not_steer_the_terminal() -> None:
    _, out, _ = talk(Scripted("\x1b[2J[red]a[/red] :smile: \x07"), "a")
    assert out == "␛[2J[red]a[/red] :smile: ␇\n"


def test_a_checkpoint_answers_and_judges_as_elsewhere(model: Path) -> None:
    config = seif.load_config("nano-tiny")
    with open_chat(model, ChatOptions(max_new_tokens=32), config) as chat:
        chat.constrain("Avoid commas.")
        chat.constrain("Sound like a ferryman.")
        pieces: list[str] = []
        exchange = chat.ask("Write about the river.", hear=pieces.append)
        from seif.engines.local import LocalEngine

        (alone,) = LocalEngine.load(model).answer(
            [Request([{"role": "user", "content": exchange.instruction.prompt}], 32)]
        )
    assert exchange.reply == "".join(pieces) == alone.text
    assert len(pieces) > 1
    rule, judged = exchange.judgements
    assert rule.model is None
    assert judged.probability is not None


def test_a_run_is_its_best_follower(tmp_path: Path, model: Path) -> None:
    run = make_run(tmp_path / "run", model=str(model), seed=5, judger={"kind": "rules"})
    with pytest.raises(seif.UsageError, match="has no trained Follower yet"), open_chat(run.root):
        pass
    shutil.copytree(model, run.follower(1))
    with open_chat(run.root, ChatOptions(turn="1")) as chat:
        assert (chat.config.model, chat.config.seed) == (str(run.follower(1)), 5)
        assert (chat.config.judger.kind, chat.config.judger.model) == ("hybrid", "logprob")
    config = seif.load_config("nano-tiny")
    with pytest.raises(seif.UsageError, match="is a run and has its own config"), open_chat(run.root, config=config):
        pass


def test_mistakes_before_the_conversation_are_one_line(tmp_path: Path, model: Path) -> None:
    for target, options, said in (
        (tmp_path / "none", ChatOptions(), "no model directory at"),
        (model, ChatOptions(turn="1"), "--turn goes with a run directory"),
        (model, ChatOptions(judge_model=str(tmp_path / "none")), "no model directory at"),
        (model, ChatOptions(base_url="localhost"), "is no URL"),
        ("m", ChatOptions(base_url="http://127.0.0.1:9/v1"), "nothing answers at"),
    ):
        with pytest.raises(seif.UsageError, match=said) as error, open_chat(target, options):
            pass
        assert "\n" not in str(error.value)
