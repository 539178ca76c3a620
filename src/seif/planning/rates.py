"""How fast a machine is, and how long texts are: measured by `seif bench`, or rough values of a known device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seif.config import Config, Grpo
from seif.errors import UsageError
from seif.footprint import Architecture
from seif.planning.hardware import Hardware

FORMAT: Literal["seif rates 1"] = "seif rates 1"
LONGEST = 4
"""The longest reply of a batch is taken to be this many times as long as the mean one."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Speed(_Part):
    """Seconds on one device, for the model that was measured."""

    step: float = Field(ge=0)
    """To write one token in each row of a batch, however many rows there are."""
    written: float = Field(gt=0)
    """More for each row in it."""
    read: float = Field(gt=0)
    """To read one token of a prompt."""
    trained: float = Field(gt=0)
    """Per token of prompt and completion in a GRPO update: reference, forward, backward and optimizer."""
    around: float = Field(default=0.0, ge=0)
    """Per step of GRPO beside all that: weights for the sampler, batches, logs."""
    verdict: float | None = Field(default=None, ge=0)
    """Per constraint that is judged; None where that was not measured."""
    decision: float | None = Field(default=None, ge=0)
    """Per decision of the Filter."""
    load: float = Field(default=0.0, ge=0)
    """To load the model for a role that is not trained."""
    stage: float = Field(default=0.0, ge=0)
    """To set up and to end the training of a role."""
    group: float = Field(default=20.0, ge=0)
    """To start the processes of a training stage, where it has processes of its own: torchrun and their imports."""

    def scaled(self, factor: float) -> Speed:
        """For a model with `factor` times as many parameters."""
        found = {
            name: value if value is None or name in ("stage", "group") else value * factor
            for name, value in dict(self).items()
        }
        return Speed(**found)


class Lengths(_Part):
    """Mean tokens of a text, and what becomes of it."""

    instructor_prompt: float
    instructor_reply: float
    follower_prompt: float
    follower_reply: float
    judge_prompt: float
    judge_reply: float
    filter_prompt: float
    filter_reply: float
    parsable: float = Field(default=1.0, ge=0, le=1)
    """Share of the Instructor's replies that are sets of constraints."""
    accepted: float = Field(default=1.0, ge=0, le=1)
    """Share of those that the Filter accepts."""
    answered: float = Field(default=1.0, ge=0, le=1)
    """Share of the Follower's replies that have the right form, and so are judged."""


class Rates(_Part):
    """What `seif plan` needs to know of a machine."""

    format: Literal["seif rates 1"] = FORMAT
    source: str
    """Where the numbers come from, for people."""
    measured: bool = True
    """False: they follow from a data sheet."""
    parameters: int = Field(gt=0)
    """Of the model that was measured."""
    gpu: bool
    compute: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    memory: float | None
    """Bytes of the device; None where that is not known."""
    process: float
    """Bytes that a process takes beside the parts that are counted."""
    speed: Speed
    lengths: Lengths

    def for_model(self, parameters: int) -> Self:
        """The rates for another model, in proportion to its parameters."""
        if parameters == self.parameters:
            return self
        return self.model_copy(
            update={
                "source": f"{self.source}, scaled from {self.parameters / 1e6:,.0f} million parameters",
                "parameters": parameters,
                "speed": self.speed.scaled(parameters / self.parameters),
            }
        )


def read_rates(path: Path) -> Rates:
    """The rates in a file that `seif bench` wrote. Raises UsageError for any other file."""
    fix = "write one with: seif bench --out FILE"
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return Rates.model_validate(tree)
    except OSError as error:
        raise UsageError(f"--rates {path}: {error.strerror or error}; {fix}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UsageError(f"--rates {path} holds no rates ({key or 'all of it'}: {first['msg']}); {fix}") from error
    except ValueError as error:
        raise UsageError(f"--rates {path} is not JSON; {fix}") from error


_USED = 0.4
"""Share of the nominal FLOP/s that training reaches."""
_READ = 0.5
"""Share of them that reading a prompt reaches."""
_STREAMED = 0.6
"""Share of the memory's bandwidth that writing tokens reaches."""
_IN_PROCESS = 3.0
"""In process, without vLLM's compiled graphs, a step of writing takes about this many times as long."""
DISK = 1e9
"""Bytes per second in which weights are read and written."""


def rough_rates(device: Hardware, model: Architecture, config: Config) -> Rates:
    """Rates from a data sheet: an order of magnitude."""
    width = 2 if device.gpu else 4
    slower = 1.0 if config.engine.kind != "local" else _IN_PROCESS
    follower = config.follower.grpo
    context = (follower.max_prompt_tokens + follower.max_new_tokens) / 4
    speed = Speed(
        step=slower * width * model.parameters / (_STREAMED * device.bandwidth),
        written=2 * model.parameters / (_READ * device.flops)
        + model.cache(width) * context / (_STREAMED * device.bandwidth),
        read=2 * model.parameters / (_READ * device.flops),
        trained=training_flops(model, follower, config.lora is not None) / (_USED * device.flops),
        load=(10 if device.gpu else 0.2) + width * model.parameters / DISK,
        stage=60 if device.gpu else 2,
    )
    return Rates(
        source=f"{device.title}, by its data sheet",
        measured=False,
        parameters=model.parameters,
        gpu=device.gpu,
        compute=device.compute,
        memory=device.memory,
        process=device.process,
        speed=speed,
        lengths=usual_lengths(config),
    )


def training_flops(model: Architecture, grpo: Grpo, lora: bool) -> float:
    """FLOPs per token of one GRPO update: 2P forward, 4P backward (2P for a frozen base), 2P each for checkpointing,
    the reference and, with several updates a step, the log-probabilities before the first."""
    passes = (
        2 + (2 if lora else 4) + 2 * grpo.gradient_checkpointing + 2 * (grpo.kl > 0) + 2 * (grpo.updates_per_step > 1)
    )
    return passes * model.parameters


_ANSWER = 400
_THOUGHT = {"plain": 0, "think_answer": 200, "reasoning": 2000}


def usual_lengths(config: Config) -> Lengths:
    """Lengths before anything was measured, which are guesses: an answer of 400 tokens, a set of constraints of 30
    tokens each, and thoughts on top where the model writes them. Where prompts are compact, so are the other texts."""
    compact = config.prompts == "compact"
    thought = _THOUGHT[config.follower.format]
    reasons = thought if config.follower.format == "reasoning" else 0
    each, seed, template = (10, 15, 10) if compact else (30, 60, 700)
    constraints = each * sum(t.constraints for t in config.instructor.templates) / len(config.instructor.templates)
    verdict = 1.0 if config.judging_model != "generative" else 150 + reasons
    longest = config.follower.grpo.max_new_tokens
    reply = min(_ANSWER + thought, longest // 2 if compact else longest)
    return Lengths(
        instructor_prompt=seed + template,
        instructor_reply=min(constraints + reasons, config.instructor.grpo.max_new_tokens),
        follower_prompt=seed + constraints,
        follower_reply=reply,
        judge_prompt=template / 2 + seed + constraints + min(reply, _ANSWER),
        judge_reply=min(verdict, config.judger.max_new_tokens),
        # A compact prompt of the Filter is mostly examples.
        filter_prompt=(150 if compact else template / 2) + seed + constraints,
        filter_reply=1.0 if compact else min(150 + reasons, config.filter.max_new_tokens),
        parsable=0.9,
        accepted=0.9,
        answered=0.9,
    )
