# Every target sets up what it needs in .venv and leaves the rest of the machine alone.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# A Debian without python3-venv has no ensurepip: its own pip installs into the environment.
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help demo chaos check test browser screenshots coverage lint format lock clean

help:  ## show what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/installed  ## run the simulated telescope live; ARGS="--duration 20 --json"
	$(BIN)/everyhit demo $(ARGS)

chaos: $(VENV)/installed  ## kill parts of a cluster and count; ARGS="--seconds 10 --json"
	$(BIN)/python -m ops.chaos $(ARGS)

check: lint  ## format, lint, types, layers and the quick tests: before each commit
	$(BIN)/pytest -n 2 -m quick $(ARGS)

# A cluster with pages in front is two cores full of processes: its tests run alone, behind the others.
CROWDED := tests/web/test_page_on_servers.py

test: lint  ## format, lint, types, layers and all tests
	$(BIN)/pytest -n 2 --ignore=$(CROWDED) $(ARGS)
	$(BIN)/pytest $(CROWDED)

browser:  ## install what the tests of the page need: Debian's chromium and TypeScript's compiler
	@command -v chromium chromium-browser google-chrome >/dev/null && command -v tsc >/dev/null || \
	  { apt-get update -q && apt-get install -q -y --no-install-recommends chromium node-typescript; }

screenshots: $(VENV)/installed-test  ## take pictures of every page into docs/pictures
	$(BIN)/python tests/web/screenshots.py docs/pictures

coverage: $(VENV)/installed-test  ## all tests, and which branches of the code they took
	$(BIN)/pytest -n 2 --cov --cov-branch --cov-report=term:skip-covered --cov-report=html $(ARGS)

lint: $(VENV)/installed-test  ## ruff, mypy and the layers only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml

format: $(VENV)/installed-test  ## let ruff put the code in form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

lock: $(VENV)/installed-test  ## compile the pinned requirements anew
	$(BIN)/uv pip compile pyproject.toml $(LOCK) -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml $(LOCK) --all-extras -c requirements.txt -o requirements-test.txt

LOCK := --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	--python-version 3.11 -q

clean:  ## remove the environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/installed: requirements.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/installed-test: requirements-test.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements-test.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/installed
