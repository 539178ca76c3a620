from __future__ import annotations

import pytest

import support


@pytest.fixture
def call(capsys, monkeypatch, root):
    """Run the command in this process, in the project's folder; returns (exit code, stdout, stderr)."""

    def invoke(*arguments):
        monkeypatch.chdir(root)
        return support.call(capsys, monkeypatch, *arguments)

    return invoke
