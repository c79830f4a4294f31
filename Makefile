# The words of this project; `make` alone explains them. Needs Python 3.11-3.13, git and make.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
# Any of these may be the right one; the first that runs and is new enough is taken. Override: make demo PYTHON=/opt/py/bin/python3
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)

# uv trusts what the machine trusts (an office proxy's certificate too) and asks the index that pip is set up with.
UV := $(shell sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements.lock)
export UV_SYSTEM_CERTS ?= true
INDEX = $${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}}

.DEFAULT_GOAL := help
.PHONY: help demo drill test lint format docs bench up lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## five provinces, one per vendor, synced into the national database, with a table and a report
	@$(BIN)/lienthong demo

drill: $(STAMP) ## three old provinces become one: 150,000 dossiers, five kills, a slow and a changing source, and the proof
	@$(BIN)/lienthong migrate drill

up: $(STAMP) ## PostgreSQL, sandbox and Airflow on this machine until Ctrl-C
	@$(BIN)/lienthong up

# Compiled tests and modules are kept, also where the environment says otherwise: hundreds of processes load them.
test: $(STAMP) ## the whole test suite
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest

lint: $(STAMP) ## ruff, mypy and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(STAMP) ## let ruff write the layout
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(STAMP) ## write the tables of the reference pages again from the models
	@$(BIN)/python -m docs.reference

bench: $(STAMP) ## records per second beside zeep + ORM and dlt; writes benchmarks/latest.json
	@$(BIN)/python -m benchmarks

lock: $(BIN)/uv ## write requirements.lock again from pyproject.toml
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" --group dev --quiet -o requirements.lock pyproject.toml

clean: ## remove the environment, caches and the data of demo and up
	@if [ -x $(BIN)/lienthong ]; then $(BIN)/lienthong down; fi
	@rm -rf $(VENV) .venv-bench .lienthong build *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: uv inside it, then exactly what the lock says, then this folder as an editable package.
# A changed lock or pyproject.toml syncs again; otherwise make sees the stamp and does nothing.
$(STAMP): requirements.lock pyproject.toml $(BIN)/uv
	@echo "Installing the packages of requirements.lock into $(VENV) (900 MB; a minute or two the first time) ..."
	@index="$(INDEX)"; [ -z "$$index" ] || export UV_DEFAULT_INDEX="$$index"; \
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
		--config-settings editable_mode=compat -e .
	@touch $@

# Debian and Ubuntu ship venv without ensurepip unless python3-venv is installed; pip from outside then fills the environment.
$(BIN)/uv:
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11, 3.12 or 3.13 was found on PATH (looked for python3.11, python3, python3.12, python3.13)."; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; fi
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip $(VENV)
	@if [ -x $(BIN)/pip ]; then $(BIN)/python -m pip install --quiet --disable-pip-version-check "$(UV)"; \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check "$(UV)"; \
	elif command -v uv >/dev/null 2>&1; then ln -sf "$$(command -v uv)" $(BIN)/uv; \
	else echo "$(PYTHON) has neither ensurepip nor pip. Install them (Debian, Ubuntu: apt install python3-venv) and run make again."; \
		rm -rf $(VENV); exit 1; fi
