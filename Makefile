# Needs Python 3.11 or newer, make and git. Everything else goes into .venv, by hash.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.requirements

.DEFAULT_GOAL := help
.PHONY: help setup lock fmt check test rehearse bench

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(STAMP) ## make .venv from the two lock files

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock: ## write the two lock files anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra rehearsal --extra dev pyproject.toml -o requirements-dev.txt

fmt: $(STAMP) ## format, and mend what ruff can mend
	$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format --quiet .

check: $(STAMP) ## lint, format, types, import directions, layout
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/basedpyright && $(BIN)/lint-imports && $(BIN)/pytest -q tests/test_layout.py

test: $(STAMP) ## every test
	$(BIN)/pytest -q -n 2

rehearse: $(STAMP) ## lose a region on this machine, flip, and measure
	$(BIN)/lifeline rehearse region-loss

bench: $(STAMP) ## measure, as ratios in one run
	$(BIN)/python -m rehearsal.bench
