# `make demo` and `make test` set everything up by themselves: Python 3.11 or newer and a package registry are all they need.

ENV := .venv
BIN := $(ENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test kube-tools cluster lint types contracts tests docs docs-serve reference crds protocol image bench lock clean

help: ## say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: $(ENV)/.run ## run a small fleet on real video and open its page (ARGS="--cameras 4 --seconds 60")
	$(BIN)/camslice demo --accept-licence AGPL-3.0 $(ARGS)

test: lint types contracts tests docs ## every check, as in CI

lint: $(ENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(ENV)/.dev
	$(BIN)/mypy

contracts: $(ENV)/.dev
	$(BIN)/lint-imports

tests: $(ENV)/.dev ## only the tests (ARGS="-k mailbox")
	$(BIN)/pytest $(ARGS)

kube-tools: ## build the programs of a real Kubernetes (Go; cold some twenty minutes)
	tools/kube-tools

cluster: $(ENV)/.dev kube-tools ## the tests on a real Kubernetes (ARGS="-k karpenter")
	$(BIN)/pytest tests/cluster $(ARGS)

docs: $(ENV)/.dev ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: $(ENV)/.dev ## read the documentation while writing it
	$(BIN)/mkdocs serve

reference: $(ENV)/.dev ## write the reference pages that say what the code says
	$(BIN)/python tools/reference.py

crds: $(ENV)/.dev ## write the custom resource definitions into their chart
	$(BIN)/python tools/crds.py

protocol: $(ENV)/.dev ## compile the Open Inference Protocol's messages
	$(BIN)/python tools/protocol.py

image: ## build the CPU image without a container engine (ARGS="--name registry.example/camslice:0.1.0")
	deploy/docker/build-cpu-image $(ARGS)

bench: $(ENV)/.dev ## the whole way of a frame beside bare inference (ARGS="--clip CLIP --model NAME=WEIGHTS")
	$(BIN)/python -m benchmarks.ceiling $(ARGS)

lock: ## resolve the dependencies again and write requirements/*.txt
	tools/lock "$$(tools/find-python)"

clean: ## remove the environment and everything that was built
	rm -rf $(ENV) site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment. Each stamp is newer than the lock and the project file that it was installed from.

$(ENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "camslice: installing what running needs into $(ENV) (once; some 230 MB to fetch)"
	@$(INSTALL) --require-hashes -r requirements/run.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(ENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "camslice: installing what the checks need into $(ENV) (once; some 370 MB to fetch)"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/python:
	@python=$$(tools/find-python) && "$$python" -m venv $(ENV)
