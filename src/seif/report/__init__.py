"""A run's numbers for people: one page per run, and tables for the terminal."""
