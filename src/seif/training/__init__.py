"""GRPO for both roles."""
