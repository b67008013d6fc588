# Every command of the project; `make help` lists them. Builds and the environment's tools stay outside the checkout.
SHELL := /bin/bash
CACHE := $(or $(ML_LOOP_CACHE),$(HOME)/.cache/ml-loop)
UV_VERSION := 0.13.9
UV := $(CACHE)/uv/$(UV_VERSION)/bin/uv
export PATH := $(dir $(UV)):$(PATH)
# Tests start hundreds of Python processes: each would compile MLflow anew.
unexport PYTHONDONTWRITEBYTECODE
STACK ?= local

PYTHON := .venv/bin/python
LOOP_PYTHON := images/loop/.venv/bin/python
IMAGES := loop detector mlflow

.DEFAULT_GOAL := help
.PHONY: help up down restore env logs train check demo erase model try image test test-detector attacks models trial-model trial-killed e2e chaos ci promtool knative-pods wheels verify-wheels lint format types mirror advisories chart-keys schema clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: .venv/ready ## start the built-in cluster and apply the stack; CONTEXT=… STACK=dev for a cluster you have
	@$(PYTHON) -m local up --stack $(STACK) $(if $(CONTEXT),--context $(CONTEXT))

down: .venv/ready ## stop the built-in cluster; PURGE=1 also deletes its data
	@$(PYTHON) -m local down $(if $(PURGE),--purge)

restore: .venv/ready ## replace MLflow's database by the archive that STACK's settings name; YES=1 does not ask
	@$(PYTHON) -m local restore --stack $(STACK) $(if $(YES),--yes) $(ARGS)

env: .venv/ready ## print exports for your shell: eval "$(make env)"
	@$(PYTHON) -m local env

logs: .venv/ready ## last lines of all logs; ONLY=mlflow LINES=100 to narrow
	@$(PYTHON) -m local logs --lines $(or $(LINES),20) --only "$(ONLY)"

train: .venv/ready ## train a model now, and wait; MODEL=… where there are several
	@$(PYTHON) -m local train $(if $(MODEL),--model $(MODEL))

check: .venv/ready ## ask the running stack the loop's seven questions; DEEP=1 also trains and makes drift; JSON=1 or WATCH=1
	@$(PYTHON) -m local check $(if $(DEEP),--deep) $(if $(JSON),--json) $(if $(WATCH),--watch)

demo: .venv/ready images/loop/.venv/ready ## play the census through the loop: people change, it learns; APPROVE=1 puts what it proposes into production; KEEP=1
	@$(PYTHON) -m local demo $(if $(APPROVE),--approve) $(if $(KEEP),--keep)

erase: .venv/ready images/loop/.venv/ready ## take a user's rows out of a model's record: MODEL=churn USER_ID=u-17
	@$(PYTHON) -m local erase --model "$(MODEL)" --user-id "$(USER_ID)"

model: .venv/ready ## make a folder of a model of yours that runs as it is: NAME=churn KIND=classification|regression|ranking
	@$(PYTHON) -m local model --name "$(NAME)" $(if $(KIND),--kind $(KIND)) $(if $(FOLDER),--folder "$(FOLDER)")

try: .venv/ready images/loop/.venv/ready images/detector/.venv/ready ## take a model through the whole contract, in seconds, without a cluster: FOLDER=models/churn
	@$(PYTHON) -m local try --folder "$(FOLDER)"

image: .venv/ready ## build a model's image without Docker and give it to the built-in cluster: FOLDER=models/churn; REGISTRY=… pushes it
	@$(PYTHON) -m local image --folder "$(FOLDER)" $(if $(REGISTRY),--registry "$(REGISTRY)") $(if $(BASE),--base "$(BASE)") $(if $(filter command line,$(origin STACK)),--stack $(STACK))

test: .venv/ready images/loop/.venv/ready ## unit, policy and loop tests; no cluster needed
	$(PYTHON) -m pytest -n 2 --dist loadfile
	$(LOOP_PYTHON) -m pytest -n 2 --dist loadfile -c tests/loop/pytest.ini tests/loop

attacks: images/loop/.venv/ready ## ten thousand broken messages to every reader of a topic, and as many requests to MLflow's guard; ten minutes
	ML_LOOP_ATTACKS=1 $(LOOP_PYTHON) -m pytest -n 2 -c tests/loop/pytest.ini -k "junk or mutations" -o timeout=1800 tests/loop

models: images/loop/.venv/ready ## put real models of every family through the loop, and print N of N; NAME=… for one
	$(LOOP_PYTHON) tests/models $(NAME)

test-detector: images/detector/.venv/ready ## the detector's statistics against alibi-detect, in its image's environment
	images/detector/.venv/bin/python -m pytest -c tests/detector/pytest.ini tests/detector

trial-model: .venv/ready images/loop/.venv/ready images/detector/.venv/ready ## follow docs/your-model.md word for word on the built-in cluster; six minutes
	$(PYTHON) -m pytest -c tests/e2e/pytest.ini tests/e2e/test_your_model.py --keep-cluster

trial-killed: .venv/ready ## kill an `up` at twenty points, and let the next one heal it; on a control plane of its own
	$(PYTHON) -m pytest -c tests/e2e/pytest.ini --noconftest tests/e2e/test_interrupted_up.py

e2e: .venv/ready images/loop/.venv/ready ## the whole story on the built-in cluster: up, questions, chaos, down
	$(PYTHON) -m pytest -c tests/e2e/pytest.ini tests/e2e

chaos: .venv/ready images/loop/.venv/ready ## kill, pause and cut off every part of the built-in stack while it is used, and judge it: MINUTES=5 SEED=…
	@$(PYTHON) -m tests.chaos --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED))

ci: lint types schema-check advisories promtool knative-pods test test-detector ## everything that needs no cluster, as CI runs it

promtool: $(CACHE)/bin/promtool ## build the tool that evaluates the alert rules in tests; takes two minutes

knative-pods: $(CACHE)/bin/knative-pods ## build the tool that judges models in Knative mode in tests; takes two minutes

wheels: .venv/ready ## pack what is built into FOLDER, for other machines (ML_LOOP_WHEELS), and pin its hashes
	$(PYTHON) -m local.toolchain.wheelwright make $(or $(FOLDER),$(CACHE)/wheels) $(NAMES)

verify-wheels: .venv/ready ## build again, from nothing, what is pinned, and compare the bytes; NAMES=… for some
	$(PYTHON) -m local.toolchain.wheelwright verify $(NAMES)

lint: .venv/ready $(CACHE)/bin/actionlint ## style and formatting; GitHub's workflows, their security included
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(CACHE)/bin/actionlint
	.venv/bin/zizmor --quiet --offline --no-progress .github

format: .venv/ready ## rewrite the code in the project's format
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

types: .venv/ready $(IMAGES:%=images/%/.venv/ready) ## the type checker, on each room with the environment it runs in
	@printf '%s\n' . $(IMAGES:%=images/%) | xargs -P 2 -I{} .venv/bin/pyright --project {}

mirror: .venv/ready ## list every chart and image; ARGS=--sbom, --licenses, "--charts FOLDER" or "--images REGISTRY"
	@$(PYTHON) -m versions.mirror $(ARGS)

advisories: .venv/ready ## judge every pin by the published advisories; OSV="FOLDER…" writes these anew first
	$(if $(OSV),$(PYTHON) -m versions.advisories.extract $(OSV) && $(PYTHON) -m local.toolchain.linked)
	@$(PYTHON) -m versions.advisories

chart-keys: .venv/ready ## write which keys the pinned charts know; CHARTS=FOLDER of `make mirror ARGS="--charts FOLDER"`
	$(PYTHON) -m tests.charts.keys $(CHARTS)

schema: .venv/ready ## write the JSON schema of the stack files, docs/settings.md and docs/metrics.md
	$(PYTHON) -m settings.schema
	$(PYTHON) -m contract.reference

schema-check: .venv/ready
	$(PYTHON) -m settings.schema --check
	$(PYTHON) -m contract.reference --check

clean: ## delete the environments in the checkout
	rm -rf .venv images/*/.venv

$(UV):
	python3 -m venv $(CACHE)/uv/$(UV_VERSION)
	$(CACHE)/uv/$(UV_VERSION)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(CACHE)/bin/promtool $(CACHE)/bin/actionlint: $(CACHE)/bin/%: local/go/tools/%/go.mod | .venv/ready
	$(PYTHON) -m local.toolchain.gotools $*
	@touch $@

$(CACHE)/bin/knative-pods: $(wildcard local/go/knative/*) | .venv/ready
	$(PYTHON) -m local.toolchain.knative
	@touch $@

.venv/ready: $(UV) pyproject.toml uv.lock
	@uv sync --quiet --frozen --group client --group browser
	@touch $@

images/%/.venv/ready: $(UV) images/%/pyproject.toml images/%/uv.lock
	@uv sync --quiet --frozen --project images/$* --all-groups
	@touch $@
