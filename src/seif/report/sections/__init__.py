"""The sections of the report that come with seif."""

from seif.report.sections import accuracy, audit, health, judger, pools, reward_model, seeds, settings, suites, training

__all__ = ["accuracy", "audit", "health", "judger", "pools", "reward_model", "seeds", "settings", "suites", "training"]
