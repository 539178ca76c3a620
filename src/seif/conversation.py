"""Talk to a model, with constraints whose verdicts are shown: the conversation, its loop, and what that prints."""

from __future__ import annotations

import asyncio
import math
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rich.console import Console

from seif.artifacts import RunDir
from seif.atomic import write_atomically
from seif.chat import ChatFormat, chat_format, split_thought
from seif.config import Config
from seif.config_file import build_config
from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import explain
from seif.engines.base import Engine, Messages, Request
from seif.engines.quiet import quiet
from seif.errors import SeifError, UsageError
from seif.extensions import load_extensions
from seif.judges import Judge, Judgement, judging_kind
from seif.outputs import check_new
from seif.preflight import settle
from seif.report.text import visible
from seif.roles import follower
from seif.scoring import item_seed, judge_all
from seif.selection import trained_follower
from seif.signals import Stopped
from seif.tables import write_json_lines
from seif.types import Constraint, Instruction, Json, Verdict

HELP = """\
Every line is a prompt. Constraints are added to it; each gets a verdict below.
  /constraint TEXT  add one: rules check it where they can, else the judge does
  /constraints      list them              /drop N       remove one
  /seed TEXT        start anew with this seed question, asked as in training
  /reset            forget what was said   /system TEXT  set the system message
  /temperature X    0 is greedy            /save FILE    JSON lines of it all
  /help             this                   /quit         end; so does Ctrl-D
Ctrl-C stops a reply."""
MARKS = {Verdict.SATISFIED: "✓ satisfied", Verdict.VIOLATED: "✗ violated", Verdict.UNJUDGED: "? unjudged"}


@dataclass(frozen=True)
class ChatOptions:
    """How a conversation begins."""

    base_url: str | None = None
    """An OpenAI-compatible server that has the model; None: it is loaded here."""
    judge_model: str | None = None
    """A checkpoint that judges what no rule can; None: the model itself."""
    turn: str | None = None
    """Of a run directory: `best`, `last` or a number; None: the best by its audit, or the last without one."""
    system: str = ""
    temperature: float = 0.0
    """0: greedy."""
    max_new_tokens: int = 1024


@dataclass(frozen=True)
class Exchange:
    """A prompt with its reply."""

    instruction: Instruction
    """The prompt as a seed question, and its constraints."""
    reply: str
    """Without a thought."""
    judgements: tuple[Judgement, ...] = ()
    """One per constraint; none where the reply is empty or was stopped."""
    stopped: bool = False
    """Whether Ctrl-C cut it off."""
    system: str = ""
    temperature: float = 0.0

    def record(self) -> Json:
        """As a line of a file that `seif judge` reads."""
        return {
            "seed_question": self.instruction.seed,
            "constraint": [c.text for c in self.instruction.constraints],
            "response": self.reply,
            "verdicts": [judgement.verdict.name.lower() for judgement in self.judgements],
            "system": self.system,
            "temperature": self.temperature,
            "stopped": self.stopped,
        }


class Talker(Protocol):
    """A model that writes, and a judge."""

    def stream(self, request: Request) -> Generator[str]:
        """The reply, piece by piece. Raises SeifError where there is none."""
        ...

    def read(self, text: str) -> str:
        """A whole reply with its thought between the project's own marks."""
        ...

    def judge(self, instruction: Instruction, reply: str) -> list[Judgement]:
        """One judgement per constraint."""
        ...


@dataclass
class Conversation:
    """What was said and what is asked for; it prints nothing."""

    talker: Talker
    config: Config
    system: str = ""
    temperature: float = 0.0
    max_new_tokens: int = 1024
    constraints: list[Constraint] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    said: Messages = field(default_factory=list)
    """Prompts and replies so far, without the system message."""

    def constrain(self, text: str) -> Constraint:
        """Add a constraint. Raises UsageError for an empty one."""
        if not text:
            raise UsageError("a constraint needs a text, e.g. /constraint Avoid commas.")
        self.constraints.append(compile_text(text))
        return self.constraints[-1]

    def conflict(self) -> str | None:
        """Why the constraints certainly exclude each other; None where rules see no conflict."""
        found = explain(tuple(self.constraints))
        return None if found is None else found.reason

    def drop(self, number: str) -> Constraint:
        """Remove a constraint by its number from 1. Raises UsageError for any other."""
        if not number.isdecimal() or not 1 <= int(number) <= len(self.constraints):
            raise UsageError(f"no constraint {number!r}; /constraints lists them with their numbers")
        return self.constraints.pop(int(number) - 1)

    def heat(self, value: str) -> None:
        """Set the temperature. Raises UsageError for what is none."""
        try:
            temperature = float(value)
        except ValueError:
            temperature = -1.0
        if not 0 <= temperature < math.inf:
            raise UsageError(f"a temperature is a number from 0, not {value!r}")
        self.temperature = temperature

    def reset(self) -> None:
        """Forget what was said; constraints and the system message stay."""
        self.said.clear()

    def save(self, file: Path) -> None:
        """Write every exchange as a line of JSON. Raises UsageError for a file that exists."""
        if not file.name:
            raise UsageError("/save needs a file, e.g. /save chat.jsonl")
        check_new(file, option="file")
        write_atomically(file, lambda partial: write_json_lines(partial, (e.record() for e in self.exchanges)))

    def ask(self, prompt: str, as_seed: bool = False, hear: Callable[[str], None] | None = None) -> Exchange:
        """Ask, and judge the reply; `hear` gets its pieces. Ctrl-C (KeyboardInterrupt) ends the reply where it is.

        `as_seed`: in a new conversation, in the words of training. Raises SeifError where the model or the judge
        fails, and then nothing was said.
        """
        if as_seed:
            self.reset()
        instruction = Instruction(prompt, tuple(self.constraints))
        asked: Messages = [{"role": "user", "content": instruction.prompt}]
        if as_seed:
            asked = follower.messages(self.config.prompts, instruction, self.config.follower.format)
        system = [{"role": "system", "content": self.system}] if self.system else []
        seed = item_seed("chat", self.config.seed, len(self.exchanges))
        request = Request([*system, *self.said, *asked], self.max_new_tokens, self.temperature, seed)
        pieces: list[str] = []
        judgements: list[Judgement] = []
        stopped = False
        try:
            with closing(self.talker.stream(request)) as written:
                for piece in written:
                    pieces.append(piece)
                    if hear is not None:
                        hear(piece)
            if instruction.constraints and (reply := self._answer(pieces)):
                judgements = self.talker.judge(instruction, reply)
        except Stopped:
            raise
        except KeyboardInterrupt:
            stopped = True
        reply = self._answer(pieces)
        self.said += [*asked, {"role": "assistant", "content": reply}]
        exchange = Exchange(instruction, reply, tuple(judgements), stopped, self.system, self.temperature)
        self.exchanges.append(exchange)
        return exchange

    def _answer(self, pieces: list[str]) -> str:
        """The part of a reply that counts; without the tags of training all behind the thought."""
        written = self.talker.read("".join(pieces))
        return follower.parse(written, True, self.config.follower.format) or split_thought(written)[1].strip()


# --- opening ----------------------------------------------------------------------------------------------------------


@contextmanager
def open_chat(
    model: str | Path, options: ChatOptions = ChatOptions(), config: Config | None = None
) -> Iterator[Conversation]:
    """A conversation with a checkpoint, an adapter, a hub id or the Follower of a run directory, until the block ends.

    `config` has the prompts and the judge: a run's are its own, and others' are by default the paper's, without tags
    around the answer. Raises UsageError for a model that can't be used, a server that does not answer, a turn that a
    run doesn't have, and a `config` beside a run.
    """
    from seif.engines.checkpoint import check_checkpoint
    from seif.engines.probe import check_server
    from seif.models import ModelPool, endpoint, judging, served

    weights = str(model)
    run = RunDir(Path(model))
    if run.started():
        if config is not None:
            raise UsageError(f"{model} is a run and has its own config; leave out --config and --set")
        config, weights = load_extensions(run.config()), str(trained_follower(run.root, options.turn)[1])
    elif options.turn is not None:
        raise UsageError(f"--turn goes with a run directory, and {model} is none")
    elif config is None:
        config = build_config({"model": weights, "follower": {"format": "plain"}}, "chat")
    config = _settings(config, weights, options)
    quiet()
    settled, _ = settle(config)
    for name in dict.fromkeys((weights, options.judge_model or weights)):
        if served(settled, name):
            server = endpoint(settled, settled.engine.base_urls, timeout=20.0, retries=1)
            check_server(server, settled.engine.api_key_env, logprobs=False)
        else:
            check_checkpoint(name)
    with ModelPool(settled) as pool, asyncio.Runner() as runner, ExitStack() as stack:
        engine = stack.enter_context(pool.use(weights))
        judge = stack.enter_context(judging(pool, options.judge_model or weights))

        talker = _Loaded(engine, judge, runner, chat_format(settled.chat))
        yield Conversation(talker, settled, options.system, options.temperature, options.max_new_tokens)


@dataclass(frozen=True)
class _Loaded:
    """An engine and a judge, within one event loop."""

    engine: Engine
    judging: Judge
    runner: asyncio.Runner
    format: ChatFormat

    def stream(self, request: Request) -> Generator[str]:
        from seif.engines.streaming import stream

        return stream(self.engine, request)

    def read(self, text: str) -> str:
        return self.format.read(text)

    def judge(self, instruction: Instruction, reply: str) -> list[Judgement]:
        return self.runner.run(judge_all(self.judging, instruction, reply))


def _settings(config: Config, weights: str, options: ChatOptions) -> Config:
    """The model in this process or on the given server; rules judge first, then a language model."""
    asks = config.judging_model if judging_kind(config).uses_model else "logprob"
    engine = config.engine.model_copy(update={"kind": "local", "base_urls": (), "served_model": None})
    if options.base_url is not None:
        server = {"kind": "openai", "base_urls": [options.base_url], "served_model": weights}
        tree = {"model": weights, "engine": {**server, "api_key_env": engine.api_key_env}}
        engine = build_config(tree, "--base-url").engine
    judger = config.judger.model_copy(update={"kind": "hybrid", "model": asks, "sample": 0.0})
    self_supervised = config.self_supervised.model_copy(update={"soft_types": ()})
    changes = {"model": weights, "engine": engine, "judger": judger, "self_supervised": self_supervised}
    return config.model_copy(update=changes)


# --- the loop ---------------------------------------------------------------------------------------------------------


def converse(chat: Conversation, lines: Iterator[str], screen: Screen) -> None:
    """Answer lines until they end or one says /quit. A mistake is one line, and the conversation goes on."""
    with _interrupts():
        for line in lines:
            text = line.strip()
            if text in ("/quit", "/exit"):
                return
            try:
                if text.startswith("/"):
                    _command(chat, text, screen)
                elif text:
                    screen.show(chat.ask(text, hear=screen.piece))
            except Stopped:
                raise
            except KeyboardInterrupt:
                # Between two pieces of work there is nothing to stop.
                screen.say("")
            except SeifError as error:
                screen.error(str(error))


def _command(chat: Conversation, text: str, screen: Screen) -> None:
    name, _, rest = text.partition(" ")
    rest = rest.strip()
    match name:
        case "/constraint":
            screen.constraint(len(chat.constraints) + 1, chat.constrain(rest), chat.conflict())
        case "/constraints":
            screen.constraints(chat.constraints)
        case "/drop":
            screen.say(f"dropped: {chat.drop(rest).text}")
        case "/seed":
            if not rest:
                raise UsageError("/seed needs a text, e.g. /seed Tell me about the river.")
            screen.show(chat.ask(rest, as_seed=True, hear=screen.piece))
        case "/reset":
            chat.reset()
            screen.say("forgotten")
        case "/system":
            chat.system = rest
            screen.say(f"system message: {rest or 'none'}")
        case "/temperature":
            chat.heat(rest)
            screen.say(f"temperature {chat.temperature:g}")
        case "/save":
            chat.save(Path(rest))
            screen.say(f"saved: {rest}")
        case "/help":
            screen.say(HELP)
        case _:
            raise UsageError(f"there is no {name}; /help lists the commands")


@contextmanager
def _interrupts() -> Iterator[None]:
    """Ctrl-C raises a plain KeyboardInterrupt, and does not end the command; SIGTERM and SIGHUP do as before."""
    before, wakes = signal.signal(signal.SIGINT, signal.default_int_handler), signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakes)
        signal.signal(signal.SIGINT, before)


# --- what it prints ---------------------------------------------------------------------------------------------------


class Screen:
    """Shows a conversation as plain text; what a model writes can't steer the terminal."""

    def __init__(self, out: Console, err: Console) -> None:
        self.out, self.err = out, err

    def piece(self, text: str) -> None:
        """A piece of a reply."""
        self.out.print(visible(text), end="", markup=False, highlight=False, emoji=False)
        self.out.file.flush()

    def show(self, exchange: Exchange) -> None:
        """What stands under a reply."""
        self.say("" if exchange.reply else "(an empty reply)")
        if exchange.stopped:
            self.say("(stopped)")
        for constraint, found in zip(exchange.instruction.constraints, exchange.judgements, strict=False):
            by = "rule" if constraint.checkable else "judge"
            sure = "" if found.probability is None else f" {found.probability:.2f}"
            why = found.cause if found.verdict is Verdict.UNJUDGED else by + sure
            self.say(f"  {MARKS[found.verdict]}  {constraint.text}  ({why})")

    def constraint(self, number: int, added: Constraint, conflict: str | None) -> None:
        """A constraint that was added, the `number`th, and why not all can hold."""
        self._numbered(number, added)
        if conflict is not None:
            self.say(f"note: no reply can satisfy them all: {conflict}")

    def constraints(self, found: list[Constraint]) -> None:
        """All constraints with their numbers."""
        for number, constraint in enumerate(found, 1):
            self._numbered(number, constraint)
        if not found:
            self.say("no constraints; /constraint TEXT adds one")

    def _numbered(self, number: int, constraint: Constraint) -> None:
        how = f"by rule: {constraint.instruction_id}" if constraint.checkable else "by the judge"
        self.say(f"  {number}. {constraint.text}  ({how})")

    def say(self, line: str) -> None:
        """A line of seif's own."""
        self.out.print(visible(line), markup=False, highlight=False, emoji=False)

    def error(self, line: str) -> None:
        """A mistake, or what went wrong."""
        self.err.print(f"error: {visible(line)}", style="red", markup=False, highlight=False, emoji=False)
