PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM := local/npm.sh

# Where a shell or an image forbids Python to keep bytecode, each process compiles its packages anew: the embedded AWS for five seconds,
# the tests for twenty before the first one runs. `pip --no-compile` leaves it to whoever imports a module first.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run docs token mail test lint types check portal-check portal-types package deploy destroy restore lock redrive chaos attack conformance properties fuzz bench clean audit

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(VENV)/ready: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Set PYTHON=python3.13 or the like.")'
	@echo "Setting up Python's packages in $(VENV) (the first time only; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/checkov/ready: infra/requirements-checkov.lock $(VENV)/ready
	@echo "Setting up checkov"
	@$(PYTHON) -m venv $(VENV)/checkov
	@$(VENV)/checkov/bin/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	@touch $@

portal/node_modules/ready: portal/package-lock.json $(VENV)/ready
	@echo "Setting up the portal's packages (the first time only)"
	@$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

portal/dist/index.html: portal/node_modules/ready portal/index.html portal/vite.config.ts $(shell find portal/src -type f)
	@echo "Building the portal"
	@$(NPM) run --silent build

run: $(VENV)/ready portal/dist/index.html ## the whole product on this machine, at http://127.0.0.1:8000: make run [PORT=8001 AWS_PORT=4567]
	@PORT=$(PORT) AWS_PORT=$(AWS_PORT) $(BIN)/python -m local.run

$(VENV)/docs/ready: docs/requirements.lock $(VENV)/ready
	@echo "Setting up the docs' builder"
	@$(PYTHON) -m venv $(VENV)/docs
	@$(VENV)/docs/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

docs: $(VENV)/docs/ready ## the docs as a site, into build/docs; make run serves them at /docs/
	@NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --quiet --strict

token: $(VENV)/ready ## a bearer token of the running stack: make token ROLE=admin|operator|viewer
	@$(BIN)/python -m local.token $(ROLE)

mail: $(VENV)/ready ## the mails that the running stack has sent
	@$(BIN)/python -m local.mail

lint: $(VENV)/ready ## style and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/ready ## strict types
	$(BIN)/mypy chalicelib oneroster_engine tests local infra samples benchmarks app.py

portal-check: portal/node_modules/ready ## the portal's types, and that they are those of the API as it is
	@$(BIN)/python -m chalicelib.api.openapi | diff -q - portal/openapi.json || (echo "portal/openapi.json is old: make portal-types"; exit 1)
	@$(NPM) run --silent check

portal-types: portal/node_modules/ready ## make the portal's types from the API
	@$(BIN)/python -m chalicelib.api.openapi > portal/openapi.json
	@$(NPM) run --silent types

# No AWS, no server, no browser: what decides. The rest stands on them. The state machine's paths run in the embedded AWS, and so
# in `make test` alone; its definition is read here. Tests marked `long` too.
PURE := tests/engine tests/model tests/corpus/test_corpus.py tests/sheets tests/samples tests/stepfunctions/test_definition.py tests/test_docs.py

check: lint types ## for every few minutes of work: lint, types and the quick tests that need no AWS
	$(BIN)/pytest -n 2 -m "not long" $(PURE)

test: $(VENV)/ready ## set up all that is needed and run every test
	@$(MAKE) -j 2 lint types portal-check portal/dist/index.html $(VENV)/checkov/ready
	@local/chromium.sh
	@local/sshd.sh
	$(BIN)/pytest -n 3 --dist loadgroup --no-loadscope-reorder --durations 20  # one stands back behind those with the embedded AWS: tests/conftest.py

package: $(VENV)/ready ## what AWS gets, made and checked without an account, into build/STAGE: make package STAGE=prod
	@$(BIN)/python -m infra.package $(STAGE)

deploy: $(VENV)/ready portal/dist/index.html ## bring a stage to AWS, after showing what would change: make deploy STAGE=prod [YES=yes]
	@$(BIN)/python -m infra.deploy deploy "$(STAGE)" $(YES)

destroy: $(VENV)/ready ## take a stage off AWS; its data stays unless DATA=data: make destroy STAGE=test [DATA=data]
	@$(BIN)/python -m infra.deploy destroy "$(STAGE)" $(DATA)

restore: $(VENV)/ready ## put a stage's data back to a moment: make restore STAGE=prod AT=2026-11-24T08:00:00+00:00
	@$(BIN)/python -m infra.restore "$(STAGE)" "$(AT)"

$(VENV)/lock/ready: infra/requirements-lock.lock $(VENV)/ready
	@$(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

lock: $(VENV)/lock/ready ## write every list of packages with its hashes anew, after a change of a requirements file
	@$(BIN)/python -m infra.locks

$(VENV)/audit/ready: infra/requirements-audit.lock $(VENV)/ready
	@echo "Setting up the tools of the audit"
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

audit: $(VENV)/audit/ready ## advisories, licences and CycloneDX lists of what is shipped, into build/sbom
	@$(BIN)/python -m infra.audit

redrive: $(VENV)/ready ## hand events that could not be handled to their functions again: make redrive STACK=...
	@$(BIN)/python -m infra.redrive $(STACK)

chaos: $(VENV)/ready ## kill, starve, restart and flood the product in the embedded AWS; figures to docs/reliability.md: make chaos [CASES="kills drops"]
	@local/sshd.sh
	$(BIN)/python -m tests.chaos.run $(CASES)

attack: $(VENV)/ready ## send made-up and hostile requests to the API, far more than the tests do: make attack [ROUNDS=50]
	ATTACK_ROUNDS=$(or $(ROUNDS),50) $(BIN)/pytest tests/api/test_bounds.py tests/api/test_tokens.py tests/api/test_routes.py tests/rostering/test_bounds.py -n 0

conformance: $(VENV)/ready ## strangers' OneRoster clients read a synced sample from our provider: make conformance [SHAPE=S SUITE=collection.json]
	SHAPE=$${SHAPE:-tiny} SUITE="$(SUITE)" $(BIN)/pytest tests/rostering/conformance.py -s --timeout 1800

properties: $(VENV)/ready ## the engine's properties, each tried TIMES as often as in the tests: make properties [TIMES=10]
	TIMES=$(or $(TIMES),10) $(BIN)/pytest tests/engine/test_delta.py tests/engine/test_stage.py tests/engine/test_planning.py tests/engine/test_undo.py tests/engine/test_review.py tests/engine/test_trace.py tests/rostering/test_bulk.py -n 2 --timeout 7200

fuzz: $(VENV)/ready ## thousands of damaged ZIPs, CSVs and manifests: make fuzz FUZZ_EXAMPLES=2000
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-2000} $(BIN)/pytest tests/corpus/test_fuzz.py -n 2 --timeout 7200

$(VENV)/peers/ready: benchmarks/peers/requirements.lock $(VENV)/ready
	@echo "Setting up what people use instead"
	@$(PYTHON) -m venv $(VENV)/peers
	@$(VENV)/peers/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench: $(VENV)/peers/ready ## measure speed and memory: make bench [ARGS="--shapes S M L --only engine"]
	@local/sshd.sh
	$(BIN)/python -m benchmarks.run $(ARGS)
	$(BIN)/python -m benchmarks.imports
	$(BIN)/python -m benchmarks.functions
	$(BIN)/python -m benchmarks.rest
	$(BIN)/python -m benchmarks.sftp
	$(BIN)/python -m benchmarks.load
	SLOW=1 $(BIN)/pytest tests/sources/test_sftp.py -k breaks

clean: ## forget everything that was made here
	rm -rf $(VENV) build .local portal/node_modules portal/dist
