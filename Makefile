# Everything a person or a machine runs here. `make` alone lists it.
PYTHON ?= python3
PORT ?= 8474
SECONDS ?= 300
KILLS ?= 300
SEED := $(or $(SEED),$(shell date +%s))
MINUTES ?= 60
HISTORIES ?= 20000
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_TEST := $(VENV)/.installed-test
INSTALLED_FUZZ := $(VENV)/.installed-fuzz
# What the benchmark stands beside, some of it under the GPL: kept apart from all that is tested.
INSTALLED_PEERS := .venv-peers/.installed
GO := $(firstword $(shell sh -c 'command -v go') $(wildcard /usr/local/go/bin/go))
# Programs of others that the tests point at a server, each in an environment of its own.
INSTALLED_CLIENTS := .venv-dbt/.installed .venv-airflow/.installed .venv-moto/.installed
# What tests with a browser bring from npm.
INSTALLED_BROWSER := tests/browser/node_modules/.installed
# Test suites of others, as their source distributions carry them.
FETCHED_SUITES := $(VENV)/suites/.fetched

.DEFAULT_GOAL := help
.PHONY: help run test check clients suites tools fuzz crash bench bench-growth bench-load bench-peers
.PHONY: bench-quick bench-why floors clean screenshots

help: ## list what make can do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 16

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(INSTALLED_TEST): $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $(INSTALLED) $@

run: $(INSTALLED) ## set up, load a small sample estate, and serve it (PORT=8474)
	$(BIN)/wherefrom up --sample --data ./wherefrom-data --port $(PORT)

.venv-%/.installed: tests/clients/%.txt
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

clients: $(INSTALLED_CLIENTS) ## install dbt, Airflow and Moto for the tests, each in its own environment

# Programs of Debian that the tests run, by the package that brings each.
tools: ## install what the tests run from Debian (softhsm2, postgresql, …), where it is missing
	@command -v softhsm2-util >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -q softhsm2
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || DEBIAN_FRONTEND=noninteractive apt-get install -y -q postgresql
	@command -v docker-registry >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -q docker-registry
	@command -v strace >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -q strace
	@command -v bwrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -q bubblewrap
	@command -v zsh >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -q zsh
	@command -v fish >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends fish
	@command -v faketime >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -q faketime
	@command -v diffoscope >/dev/null || DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -q --no-install-recommends diffoscope-minimal
	@command -v chromium >/dev/null || DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core
	@command -v promtool >/dev/null || DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -q --no-install-recommends prometheus
	@command -v prometheus-alertmanager >/dev/null || DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -q --no-install-recommends prometheus-alertmanager

$(FETCHED_SUITES): $(VENV)/bin/python constraints.txt
	rm -rf $(@D)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps -c constraints.txt \
	  --no-binary cyclonedx-python-lib --dest $(@D) cyclonedx-python-lib
	@touch $@

$(INSTALLED_BROWSER): tests/browser/package-lock.json
	cd tests/browser && npm ci --silent
	@touch $@

suites: $(FETCHED_SUITES) ## fetch the official CycloneDX documents for the tests

screenshots: $(INSTALLED_TEST) $(INSTALLED_BROWSER) tools ## every page, two widths, both themes, into screenshots/
	$(BIN)/python -m tests.browser.screenshots

test: check clients suites tools $(INSTALLED_BROWSER) ## install what tests need, check, and run every test
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(INSTALLED_TEST) ## format, lint, types, import floors, docs against code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -p no:cacheprovider tests/docs

crash: $(INSTALLED_TEST) ## kill real servers (KILLS=300 SEED=… MINUTES=60 HISTORIES=20000)
	WHEREFROM_KILLS=$(KILLS) WHEREFROM_KILL_SEED=$(SEED) WHEREFROM_KILL_MINUTES=$(MINUTES) \
	WHEREFROM_KILL_ROUNDS=$(KILLS) WHEREFROM_SEEDS=$(HISTORIES) WHEREFROM_SEED_FIRST=$(SEED) \
	$(BIN)/python -m pytest -s -v --timeout 0 tests/simulation

floors: $(INSTALLED_TEST) ## print the import graph, floor by floor
	$(BIN)/python -m tests.floors

$(INSTALLED_FUZZ): $(INSTALLED_TEST)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]' \
		|| echo 'no atheris here: the inputs are drawn without a look at coverage'
	@touch $@

fuzz: $(INSTALLED_FUZZ) ## hostile input to every decoder, for SECONDS (300); what is found is kept and told
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)
	WHEREFROM_SCHEMA_EXAMPLES=300 $(BIN)/python -m pytest tests/fuzz/test_schema.py -n 2

bench: $(INSTALLED_TEST) ## measure every number of the design; writes bench/results.json
	$(BIN)/python -m bench

bench-growth: $(INSTALLED_TEST) ## how they grow, to 10^7 records and 10^8 edges; half an hour
	$(BIN)/python -m bench growth

bench-load: $(INSTALLED_TEST) ## ten minutes at 80 % of what it can take, then five times that
	$(BIN)/python -m bench load

$(INSTALLED_PEERS): bench/peers.txt bench/tessera/main.go bench/tessera/go.sum pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r bench/peers.txt -e .
	$(if $(GO),cd bench/tessera && $(GO) build -o ../../.venv-peers/bin/ . github.com/transparency-dev/tessera/cmd/fsck,\
		@echo 'no go here: Tessera is left out, and its rows say so')
	@touch $@

bench-peers: $(INSTALLED_PEERS) ## logs and graphs of others beside ours, on the same data
	.venv-peers/bin/python -m bench peers

bench-why: $(INSTALLED_TEST) ## how often `why` names the right change, and how fast; five minutes
	$(BIN)/python -m bench why

bench-quick: $(INSTALLED_TEST) ## the same on smaller logs, in under two minutes
	$(BIN)/python -m bench --quick

clean: ## remove what make made (never data)
	rm -rf $(VENV) .venv-dbt .venv-airflow .venv-moto .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis
