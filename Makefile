# Every target does all its own set-up: a fresh clone, Python >= 3.11, make and git are enough.
# What is set up already is left alone (stamps in .venv, keyed on pyproject.toml and uv.lock).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	if $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo $$name; break; fi; done)
# uv installs into .venv only, from the lock only, and leaves itself in place (--inexact).
SYNC := VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --inexact --no-default-groups --all-extras --quiet
WORKERS ?= 2
# Tests that kill, forge, or start real systems.
SLOW := crash tamper journeys peers browser
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider

# Benchmarks print one JSON object a line; ARGS=--quick for a short look.
BENCHMARKS = $(filter-out bench/common.py bench/load.py bench/history.py bench/anomaly_data.py bench/anomaly_baselines.py,$(wildcard bench/*.py))

.PHONY: help demo test check bench format docs reference clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

$(BIN)/uv:
	@test -n "$(PYTHON)" || { echo 'byhand needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv)'; exit 1; }
	@echo '* making $(VENV) with $(PYTHON)' >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.core: $(BIN)/uv pyproject.toml uv.lock
	@echo '* installing byhand and what it needs' >&2
	@$(SYNC)
	@touch $@

$(VENV)/.tools: $(VENV)/.core
	@echo '* installing what tests and checks need' >&2
	@$(SYNC) --group test --group check
	@touch $@

$(VENV)/.docs: $(VENV)/.tools
	@echo '* installing what the documentation needs' >&2
	@$(SYNC) --group test --group check --group docs
	@touch $@

demo: $(VENV)/.core ## play the stories on a real engine and a real Buildbot, verify them offline, and say where to look
	@$(BIN)/byhand demo

test: $(VENV)/.tools ## every test; with CI=true a missing peer is a failure
	@rm -f .coverage .coverage.*
	@failed=0; slow=(); for group in $(SLOW); do test -d tests/$$group && slow+=(tests/$$group); done; \
	echo '* the fast tests, side by side' >&2; \
	$(BIN)/coverage run -m pytest -p no:cacheprovider -q -n $(WORKERS) tests $(SLOW:%=--ignore=tests/%) || failed=1; \
	echo "* one after the other: $${slow[*]}" >&2; \
	$(BIN)/coverage run -m pytest -p no:cacheprovider -q "$${slow[@]}" || failed=1; \
	echo '* coverage' >&2; \
	$(BIN)/coverage combine --quiet; $(BIN)/coverage report || failed=1; \
	exit $$failed

check: $(VENV)/.tools ## format, lint, types, floors, documentation: at most two minutes
	@failed=0; step() { echo "* $$1" >&2; shift; "$$@" || failed=1; }; \
	step 'format' $(BIN)/ruff format --check --quiet --output-format concise .; \
	step 'lint' $(BIN)/ruff check --quiet --output-format concise .; \
	step 'types' $(BIN)/mypy; \
	step 'floors' $(BIN)/lint-imports; \
	step 'house rules and documentation' $(PYTEST) tests/house -q -n 0; \
	step 'lock' $(BIN)/uv lock --check --offline --quiet; \
	exit $$failed

bench: $(VENV)/.tools ## every benchmark, as JSON lines with the ratio to a raw baseline (ARGS=--quick)
	@for file in $(BENCHMARKS); do echo "* $$file" >&2; $(BIN)/python $$file $(ARGS); done

format: $(VENV)/.tools ## write the format that check asks for
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet . || true

reference: $(VENV)/.tools ## write docs/reference from the code
	@$(BIN)/python docs/generate.py

docs: $(VENV)/.docs reference ## the documentation as pages in docs/_build/html
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo 'docs/_build/html/index.html'

clean: ## remove what make made, except demo homes
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis docs/_build .coverage .coverage.*
