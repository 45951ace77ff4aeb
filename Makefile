# make demo: the story in the terminal.  make test: everything that must hold.  Needs python3 3.11 or later.

PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2

.PHONY: help demo whole login test lint docs bench bench-integrations bench-against vectors mutants fuzz kill fork surroundings rotation proofs matrix dist clean
.DELETE_ON_ERROR:

help:
	@echo "make demo     the story: one request allowed, four refused"
	@echo "make whole    five agents and three services in processes of their own; needs Redis and nginx"
	@echo "make login    a person logs in at a real provider, with a real browser, down to a decided request"
	@echo "make test     formatting, lint, types, contracts, tests; COVERAGE=1 counts what they reach"
	@echo "make lint     the first four of these"
	@echo "make docs     the guides and the reference, into build/docs"
	@echo "make bench    what a check costs next to others, and how large a chain is"
	@echo "make bench-integrations  what a guard adds to a request of FastAPI"
	@echo "make bench-against OTHER=../before"
	@echo "              what this checkout costs next to another one, in that folder"
	@echo "make vectors  write spec/vectors anew"
	@echo "make mutants  the verifier with one check, charge or bound changed at a time, and the vectors against it"
	@echo "make fuzz     200,000 mutated inputs, and the property tests with many more examples"
	@echo "make kill     200 killed writers, and 20 restarts of Redis and PostgreSQL under load"
	@echo "make fork     1,000 children of a service that decides in threads, on each of four engines"
	@echo "make surroundings  restores, failovers, poolers, clocks and other programs around Redis and PostgreSQL"
	@echo "make rotation a root rotated and a stolen key revoked, by URL, under load"
	@echo "make proofs   100,000 random requests pinned onto random conditions; each rule of the translation changed on purpose"
	@echo "make matrix   the tests on each Python that is here, on the lowest versions, and under harsh conditions"
	@echo "make dist     a wheel, a source archive and a bill of materials, built twice to the same bytes and checked"
	@echo "make clean    remove the environment and everything built"

# Each step of the setup leaves a stamp, so that a second run starts at once.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "delegate needs Python 3.11 or later; try: make PYTHON=python3.12" >&2; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	@echo "installing delegate"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.tools: $(VENV)/.installed
	@echo "installing the tools for tests"
	@$(PIP) install --group dev --editable .
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/delegate demo

whole: $(VENV)/.tools
	@$(BIN)/python -m docs.examples.whole.story

login: $(VENV)/.tools
	npm install --silent --no-audit --no-fund --no-package-lock --prefix tests/issue/provider
	DELEGATE_REQUIRE_SERVERS=1 $(BIN)/pytest -v tests/issue/test_login.py

test: lint
	$(BIN)/pytest -n $(WORKERS) $(if $(COVERAGE),--cov --cov-report=term-missing)

lint: $(VENV)/.tools
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.tools
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "build/docs/index.html"

# The peers get an environment of their own: nothing of theirs is near the tests.
$(BENCH)/.installed: $(VENV)/.created pyproject.toml bench/requirements.txt
	@echo "making $(BENCH)"
	@$(PYTHON) -m venv --clear $(BENCH)
	@$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --editable . -r bench/requirements.txt
	@touch $@

bench: $(BENCH)/.installed
	$(BENCH)/bin/python bench/run.py

bench-integrations: $(VENV)/.tools
	$(BIN)/python bench/integrations.py

bench-against: $(VENV)/.installed
	@test -n "$(OTHER)" || { echo "which other checkout? make bench-against OTHER=../before" >&2; exit 2; }
	$(BIN)/python bench/against.py "$(OTHER)"

vectors: $(VENV)/.tools
	$(BIN)/python spec/generate_vectors.py

mutants: $(VENV)/.tools
	$(BIN)/python -m tests.campaigns.mutants --jobs $(WORKERS)

fuzz: $(VENV)/.tools
	$(BIN)/python -m tests.campaigns.fuzz --count 200000
	$(BIN)/python -m tests.campaigns.issuance --count 50000
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -n $(WORKERS)

kill: $(VENV)/.tools
	$(BIN)/python -m tests.campaigns.kill sqlite
	$(BIN)/python -m tests.campaigns.kill redis
	$(BIN)/python -m tests.campaigns.kill postgres
	$(BIN)/python -m tests.campaigns.log kill

fork: $(VENV)/.tools
	$(BIN)/python -m tests.campaigns.fork memory
	$(BIN)/python -m tests.campaigns.fork sqlite
	$(BIN)/python -m tests.campaigns.fork redis
	$(BIN)/python -m tests.campaigns.fork postgres

surroundings: $(VENV)/.tools
	$(BIN)/python -m tests.campaigns.surroundings

rotation: $(VENV)/.tools
	$(BIN)/python -m tests.campaigns.rotation

proofs: $(VENV)/.tools
	$(BIN)/python -m tests.campaigns.proofs --count 100000
	$(BIN)/python -m tests.campaigns.proofs --mutants --count 8000 --seed 3

# Every environment is made anew; ONLY=3.12 runs the cells with that in their name.
matrix:
	$(PYTHON) -m tests.campaigns.matrix --only "$(ONLY)" -- -n $(WORKERS)

dist: $(VENV)/.tools
	$(BIN)/python -m tests.campaigns.distribution

clean:
	rm -rf $(VENV) $(BENCH) build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench spec -name __pycache__ -type d -prune -exec rm -rf {} +
