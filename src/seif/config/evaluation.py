"""What is measured in every turn."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from seif.config.section import MOST_TOKENS, Section


class SuiteEntry(Section):
    """An evaluation suite that every turn runs."""

    name: str = Field(min_length=1, description="A registered suite: `ifeval`, `lm-eval:TASK`, or one of your own.")
    prompts: str | None = Field(default=None, min_length=1, description="The suite's file of prompts.")
    limit: int | None = Field(default=None, ge=1, le=10**9, description="Only the first so many prompts.")
    include_path: str | None = Field(
        default=None, min_length=1, description="`lm-eval`: a folder with tasks of your own."
    )


class Stop(Section):
    """When the loop ends before its last turn; it needs an `audit`."""

    enabled: bool = Field(default=True, description="False: all turns are run, whatever the audit finds.")
    gap: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Judge's mean minus verifiers' mean on the audit that is too much, as far as rewards counted the "
        "verdicts and where it is beyond its error.",
    )
    patience: int = Field(default=2, ge=1, le=10_000, description="Turns in a row with such a gap that stop the loop.")
    fall: bool = Field(
        default=True, description="Also stop when audit accuracy is below its best turn's by more than its error."
    )
    collapse: float = Field(
        default=0.7,
        ge=0,
        lt=1,
        description="Also stop when the effective number of types (2 to the power of the entropy in bits) of what a "
        "trained Instructor wrote is below this share of the base's; 0: never.",
    )


class Evaluation(Section):
    """Held-out tasks, checked by verifiers alone, and further suites."""

    max_new_tokens: int | None = Field(
        default=None, ge=1, le=MOST_TOKENS, description="Length limit of answers; the Follower's by default."
    )
    tasks: int | None = Field(
        default=None, ge=1, le=10**9, description="Only the first so many held-out tasks; all of them by default."
    )
    showcase: int = Field(
        default=3, ge=0, le=10_000, description="Seeds whose instructions and answers are kept per turn for the report."
    )
    judger: bool = Field(default=True, description="Measure the Judger against the verifiers.")
    judged: int | None = Field(
        default=None,
        ge=1,
        le=10**9,
        description="Only on the answers to the first so many tasks; all of them by default.",
    )
    suites: tuple[SuiteEntry, ...] = Field(
        default=(),
        strict=False,
        description="Further suites to run every turn: names, or {name, prompts, limit, include_path}.",
    )

    @field_validator("suites", mode="before")
    @classmethod
    def _a_name_is_an_entry(cls, value: Any) -> Any:
        return (
            [{"name": entry} if isinstance(entry, str) else entry for entry in value]
            if isinstance(value, list)
            else value
        )

    @model_validator(mode="after")
    def _each_suite_once(self) -> Evaluation:
        names = [entry.name for entry in self.suites]
        if len(set(names)) < len(names):
            raise ValueError("suites: each name may be listed once")
        return self
