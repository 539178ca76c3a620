"""Runs beside each other: what they reached, where they differ and by how much, and what they cost."""
