# Everything here works on a fresh machine with Python 3.11+ and the package registries, and again in seconds.
ENV ?= dev
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TOOLS := $(or $(PLIMSOLL_HOME),$(HOME)/.cache/plimsoll)/tools
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
SOURCES := plimsoll infra tests benchmarks

.DEFAULT_GOAL := help
.PHONY: help setup preview comment-preview comment-post picture workflows check rehearse doctor db up test lint format schema golden nightly bench bench-engine lock clean

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-pip.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is not there or older than 3.11; name another: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@echo "Setting up .venv from requirements.lock (about a minute, once)" >&2
	@$(PYTHON) -m venv .venv
	@# A Python's own pip may be too old for the hash of an extra that only another package asks for.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-pip.lock
	@# Compiled after the install, on every core: pip compiles on one.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@# A second step, because pip's hash mode refuses editable installs.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 .venv/lib plimsoll infra
	@touch $(READY)

setup: $(READY) ## Make .venv with the locked packages, plimsoll and infra

preview: $(READY) ## Show what an environment is, in seconds and with no account (ENV=dev)
	@$(BIN)/plimsoll preview $(ENV)

comment-preview: $(READY) ## Write preview.md, a pull request's comment (AGAINST=REF; LIVE=dev asks the real account)
	@test -z "$(LIVE)" || $(BIN)/plimsoll engine install
	@for env in $(LIVE); do \
	  PATH="$$(dirname "$$($(BIN)/plimsoll engine path)"):$$PATH" pulumi preview --json --show-sames \
	    --non-interactive --stack $$env > preview-$$env.json || echo "$$env: preview.md says why" >&2; \
	done
	@base="$(AGAINST)"; test -z "$$base" || base=$$(git merge-base "$$base" HEAD) || exit 2; \
	code=0; $(BIN)/plimsoll preview --markdown $${base:+--against $$base} \
	  $(foreach env,$(LIVE),--from-json preview-$(env).json) > preview.md || code=$$?; \
	cat preview.md >> "$${GITHUB_STEP_SUMMARY:-/dev/stdout}"; exit $$code

comment-post: $(READY) ## Post FILE to the pull request of a workflow_run event, or edit the comment that is there
	@$(BIN)/plimsoll comment --file "$(or $(FILE),preview.md)"

picture: $(READY) ## Draw docs/comment.png anew: what a comment looks like (needs Chromium)
	@$(BIN)/python -m benchmarks.picture

check: $(READY) ## Check all stack files, one by one and side by side
	@$(BIN)/plimsoll check

rehearse: $(READY) ## Show what the working tree would do to both environments, on the real engine (FROM=REF)
	@code=0; for env in dev prod; do \
	  $(BIN)/plimsoll rehearse $$env $(if $(FROM),--from $(FROM)) || code=$$?; \
	done; exit $$code

doctor: $(READY) ## Say what is installed, which credentials are present, and what to do about the rest
	@$(BIN)/plimsoll doctor

db: $(READY) ## Install the PostgreSQL that `plimsoll db` starts (30 MB; not for every platform)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-db.lock

up: $(READY) ## Change the environment for real, with the Pulumi command and an account (ENV=dev)
	@command -v pulumi >/dev/null || { echo "pulumi is not on PATH: see README, Use it for real" >&2; exit 2; }
	@$(BIN)/plimsoll check && pulumi up --stack $(ENV)

test: $(READY) ## Run every test, with coverage; brings the Pulumi engine where it can be had
	@$(BIN)/plimsoll engine install || echo "the engine's tests will be skipped" >&2
	@$(MAKE) --no-print-directory db || echo "the local database's tests will be skipped" >&2
	@$(BIN)/python -m pytest -n auto --cov --cov-report=term

lint: $(READY) ## Lint, check formatting and types, and that generated files are up to date
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ty check
	@$(BIN)/plimsoll schema --check

workflows: $(READY) ## Lint the workflows: zizmor, and actionlint, which is built with Go
	@$(BIN)/zizmor --offline --quiet .github/workflows
	@if command -v go >/dev/null; then \
	  test -x "$(TOOLS)/actionlint" || GOBIN="$(TOOLS)" go install $(ACTIONLINT); "$(TOOLS)/actionlint"; \
	else \
	  echo "no Go here, which builds actionlint: it was not run" >&2; test -z "$(REQUIRE)"; \
	fi

format: $(READY) ## Format the code and mend what ruff can
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

schema: $(READY) ## Write the JSON Schema that editors use
	@$(BIN)/plimsoll schema --write

golden: $(READY) ## Write the golden files anew; review them in the diff
	@$(BIN)/python -m pytest --golden tests

nightly: $(READY) ## Run every test with the fuzzers' nightly numbers
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n auto

bench: $(READY) ## Time the offline preview: beside the SDK's own mocks, 1 to 1,000 services, the engine
	@$(BIN)/python -m benchmarks.preview

bench-engine: $(READY) ## Time the real engine on the local cloud beside the offline preview, 1 to 300 services
	@$(BIN)/python benchmarks/engine.py

lock: $(READY) ## Resolve requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@echo pip | $(BIN)/uv pip compile - --upgrade --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements-pip.lock
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --upgrade --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock
	@$(BIN)/uv pip compile --group db --constraint requirements.lock --universal --upgrade --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements-db.lock

clean: ## Remove what these targets made
	@rm -rf .venv build .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* *.egg-info
	@find plimsoll infra tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
