PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test lint docs

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/seif run configs/nano.yaml --run-dir runs/demo

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest

docs: install
	$(BIN)/python -m seif.reference config > docs/config.md
	$(BIN)/python -m seif.reference types > docs/types.md
