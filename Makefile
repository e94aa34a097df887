# Everything a person or CI runs. Needs python3 (>= 3.11), git and make; the rest is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.PHONY: demo test test-loaded coverage check docs bench mutate torture format screenshots

demo: $(VENV)/.demo-ready
	$(BIN)/autoresearch-tui demo

# Two workers per core: many tests wait for processes, sockets and terminals.
WORKERS := $(shell $(PYTHON) -c 'import os; print(2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else "auto")')

test: $(VENV)/.dev-ready
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

# Three runs in a row beside six busy loops; ARGS="tests/core" tries a part.
test-loaded: $(VENV)/.dev-ready
	$(BIN)/python tests/run_loaded.py -n auto --dist loadgroup $(ARGS)

# The suite again, measured: a row for each package, and a failure where coverage has fallen.
coverage: $(VENV)/.dev-ready
	$(BIN)/python tests/run_coverage.py -n auto --dist loadgroup $(ARGS)

torture: $(VENV)/.dev-ready
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "torture or hypothesis" \
		--hypothesis-profile=torture

check: $(VENV)/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd harness && ../$(BIN)/mypy constants.py device.py prepare.py shards.py train.py profiles.py
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell $$(git ls-files "*.py" "*.md")
	$(BIN)/python tests/check_language.py
	$(BIN)/python docs/make_architecture.py --check

# The generated parts of the documentation.
docs: $(VENV)/.dev-ready
	$(BIN)/python docs/make_architecture.py
	$(BIN)/python -m tui.actions.registry > docs/keys.md
	$(BIN)/python -m engine.core.risk.page > docs/risk.md

bench: $(VENV)/.dev-ready
	$(BIN)/python benchmarks/run_all.py $(ARGS)

# FILES=engine/core/risk SAMPLE=0.2 MINUTES=30 SEED=1 take a part; results are kept in .mutation/.
mutate: $(VENV)/.dev-ready
	$(BIN)/python -m tests.mutation --sample $(or $(SAMPLE),1) --minutes $(or $(MINUTES),inf) \
		--seed $(or $(SEED),1) $(FILES)

format: $(VENV)/.dev-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(VENV)/.dev-ready
	$(BIN)/python docs/make_screenshots.py

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "autoresearch-tui needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-ready: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) (torch is large; this happens once) ..."
	$(PIP) torch==2.13.0
	$(PIP) -e '.[harness]'
	@touch $@

$(VENV)/.dev-ready: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) (torch is large; this happens once) ..."
	$(PIP) torch==2.13.0
	$(PIP) -e '.[harness,data,optuna,report,web,dev]'
	@touch $@ $(VENV)/.demo-ready
