# Everything a contributor needs; `make help` lists it. The development environment is .venv, made from pinned versions.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PINS := tests/requirements.txt
TEST = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q
SLOWEST = --durations=12 --durations-min=5
IN_LAB = env $$(bash tests/lab/vagrant.sh env)
DEMO ?= $(or $(TMPDIR),/tmp)/envman-demo

.DEFAULT_GOAL := help
.PHONY: help demo test lab engine check bench docs clean

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

$(VENV)/ready: $(PINS) pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: https://www.python.org/downloads/"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { echo "Python cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' $(PINS))"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python $(PINS)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: $(VENV)/ready ## An example project comes up and answers a request
	@$(BIN)/python tests/demo.py "$(DEMO)" "$(BIN)/envman"

test: $(VENV)/ready ## The tests that need no engine
	@$(TEST) -n auto -m "not engine"

lab: ## For make engine, on a Debian machine that may be changed: shells, servers, a Docker Engine, a Vagrant
	@bash tests/lab/host.sh
	@bash tests/lab/docker.sh
	@bash tests/lab/vagrant.sh

engine: $(VENV)/ready ## The tests that need parts of the lab: containers, machines, other shells, a full disk, another user
	@docker info >/dev/null 2>&1 || echo "no Docker Engine answers here: its tests are skipped, or fail where CI is set; make lab starts one"
	@virsh version >/dev/null 2>&1 || echo "no libvirt answers here: the tests of machines are skipped, or fail where CI is set; make lab starts one"
	@$(IN_LAB) $(TEST) $(SLOWEST) -m "alone"
	@$(IN_LAB) $(TEST) -n $$(($$(nproc) * 2)) --dist loadgroup $(SLOWEST) -m "engine and not alone" # one of them has the virtual machine

check: $(VENV)/ready ## Formatting, linting, types, import budget
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_imports.py

bench: $(VENV)/ready ## Side by side with what people use instead
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m bench --write

docs: $(VENV)/ready ## The reference pages, from the code
	@$(BIN)/python -m docs.generate

clean: ## Remove what the targets above made
	rm -rf $(VENV) "$(DEMO)" dist .pytest_cache .mypy_cache .ruff_cache .hypothesis bench/results
