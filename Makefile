# Needs Python 3.11 or newer, make and git. Everything else is installed into .venv, pinned by hash.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.requirements

.DEFAULT_GOAL := help
GO_HINT := install Go 1.26.6 or newer, or the official pulumi and pulumi-language-python
PROMTOOL_HINT := hint: apt-get install prometheus prometheus-alertmanager, or use the releases of Prometheus and Alertmanager
ENGINE := .engine/bin
PULUMI_VERSION := v3.274.1

.PHONY: help setup lock fmt check policy sarif render change flip preview mutate mutate-program test test-slow oracles fixes alerts monitoring browser engine workflow test-engine rehearse rehearse-all simulate bench compare

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

setup: $(STAMP) ## create .venv from the two lock files

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

lock: ## write the lock files again (needs uv and npm)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra rehearsal --extra dev pyproject.toml -o requirements-dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(SCANNERS)/requirements.in -o $(SCANNERS)/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(FIXES)/requirements.in -o $(FIXES)/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(ORACLES)/requirements.in -o $(ORACLES)/requirements.txt
	cd $(ORACLES) && npm install --silent --package-lock-only --omit-lockfile-registry-resolved
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements.txt images/operations/requirements.in -o images/operations/requirements.txt

fmt: $(STAMP) ## format, and fix what ruff can fix
	$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format --quiet .

check: $(STAMP) ## lint, format, types, layers, layout, prose, Dockerfile
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/hadolint images/operations/Dockerfile && $(BIN)/basedpyright && $(BIN)/lint-imports && $(BIN)/pytest -q tests/test_layout.py tests/test_prose.py tests/test_documents.py

TIMELINE := primary-1,secondary-1
STACK ?= primary
BEFORE ?= base
SCANNERS := tests/policy/scanners
ORACLES := tests/oracles
FIXES := tests/fixes

policy: $(STAMP) ## judge both sites and a failover by the policy pack
	$(BIN)/lifeline policy --stack primary --stack secondary --timeline primary-1
	$(BIN)/lifeline policy --stack primary --stack secondary --timeline $(TIMELINE)
	$(BIN)/lifeline policy --stack primary --timeline $(TIMELINE) && $(BIN)/lifeline policy --stack secondary --timeline $(TIMELINE)
	$(BIN)/lifeline budget --stack primary && $(BIN)/lifeline budget --stack secondary

sarif: $(STAMP) ## write the findings of the policy pack to .policy, for a code scanner
	mkdir -p .policy
	$(BIN)/lifeline policy --stack primary --stack secondary --format sarif > .policy/policy.sarif

render: $(STAMP) ## write both sites to .policy, as JSON
	mkdir -p .policy
	$(BIN)/lifeline render --stack primary --format json > .policy/primary.json
	$(BIN)/lifeline render --stack secondary --format json > .policy/secondary.json

change: $(STAMP) ## judge both sites against those of another checkout, in which `make render` has run
	$(BIN)/lifeline policy --stack primary --before $(BEFORE)/.policy/primary.json
	$(BIN)/lifeline policy --stack secondary --before $(BEFORE)/.policy/secondary.json

flip: $(STAMP) ## show the steps of a failover
	$(BIN)/lifeline diff --stack secondary --timeline $(TIMELINE)

preview: $(STAMP) ## preview a stack with the policy pack (needs an account, and a login to the stack's state)
	pulumi preview --stack $(STACK) --policy-pack policy

mutate: $(STAMP) ## show every change that breaks a recovery, and the rule that catches it
	$(BIN)/python -m tests.policy.table

test: $(STAMP) ## every test but the slow ones and those of the Pulumi engine
	$(BIN)/pytest -q -n 2 -m "not pulumi_cli and not slow and not alerts and not monitoring and not oracles and not fixes and not browser"

test-slow: $(STAMP) ## the tests that run whole rehearsals, or install an image's packages
	$(BIN)/pytest -q -n 2 -m "slow and not pulumi_cli and not alerts"

oracles: $(STAMP) .oracles/ready ## compare the stand-ins of IAM and of network policies with independent ones (needs npm)
	$(BIN)/pytest -q -m oracles

fixes: $(STAMP) .aws-cli/ready ## type each command that the preflight shows, with the real AWS command line
	$(BIN)/pytest -q -n 2 -m fixes

.aws-cli/ready: $(FIXES)/requirements.txt
	rm -rf $(@D) && $(PYTHON) -m venv $(@D)/venv
	$(@D)/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.oracles/ready: $(addprefix $(ORACLES)/,package.json package-lock.json requirements.txt iam.mjs)
	@command -v npm >/dev/null || { echo "npm: not found; hint: install Node.js 20 or newer" >&2; exit 1; }
	rm -rf $(@D) && mkdir $(@D) && cp $^ $(@D)
	cd $(@D) && npm ci --silent
	$(PYTHON) -m venv $(@D)/venv
	$(@D)/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $(@D)/requirements.txt
	@touch $@

alerts: $(STAMP) ## check and test the alerting rules (needs promtool and amtool)
	@command -v promtool >/dev/null && command -v amtool >/dev/null || { echo "promtool and amtool: not found; $(PROMTOOL_HINT)" >&2; exit 1; }
	$(BIN)/pytest -q -n 2 -m alerts

monitoring: $(STAMP) ## page through a real Prometheus and Alertmanager (needs both)
	@command -v prometheus >/dev/null && command -v prometheus-alertmanager >/dev/null || { echo "prometheus and prometheus-alertmanager: not found; $(PROMTOOL_HINT)" >&2; exit 1; }
	$(BIN)/pytest -q -m monitoring

browser: $(STAMP) ## look at the page of the last resort in a real browser (needs Chromium)
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { echo "chromium: not found; hint: install the package chromium" >&2; exit 1; }
	$(BIN)/pytest -q -m browser tests/page

engine: ## build the real Pulumi engine into .engine (needs Go 1.26), unless the official commands are on PATH
	@if command -v pulumi >/dev/null && command -v pulumi-language-python >/dev/null; \
	then echo "pulumi and pulumi-language-python are on PATH: nothing to build"; \
	else $(MAKE) --no-print-directory $(ENGINE)/pulumi $(ENGINE)/pulumi-language-python; fi

$(ENGINE)/pulumi: engine/pulumi/go.mod engine/pulumi/go.sum
	@command -v go >/dev/null || { echo "go: not found; hint: $(GO_HINT)" >&2; exit 1; }
	@mkdir -p $(@D)
	cd engine/pulumi && GOTOOLCHAIN=local go build -trimpath -o $(abspath $@) \
		-ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(PULUMI_VERSION)" \
		github.com/pulumi/pulumi/pkg/v3/cmd/pulumi || { echo "hint: $(GO_HINT)" >&2; exit 1; }

$(ENGINE)/pulumi-language-python: $(STAMP)
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nexec "%s" -m engine.language_host "$$@"\n' "$(abspath $(BIN))/python" > $@
	@chmod +x $@

$(ENGINE)/actionlint: .github/lint/go.mod .github/lint/go.sum
	@command -v go >/dev/null || { echo "go: not found; hint: $(GO_HINT)" >&2; exit 1; }
	@mkdir -p $(@D)
	cd .github/lint && GOTOOLCHAIN=local go build -trimpath -o $(abspath $@) github.com/rhysd/actionlint/cmd/actionlint

workflow: $(ENGINE)/actionlint ## lint the workflows (needs Go)
	$(ENGINE)/actionlint -color

test-engine: $(STAMP) engine ## every test that runs the real Pulumi engine, which `make engine` builds
	$(BIN)/pytest -q -n 2 --dist loadfile -m pulumi_cli --require-engine

rehearse: $(STAMP) ## lose a region on this machine, fail over, and measure
	$(BIN)/lifeline rehearse region-loss

rehearse-all: $(STAMP) ## play every scenario, up to three at once
	$(BIN)/lifeline rehearse all --engine in-process

HISTORIES ?= 20000
PLANTED ?=

simulate: $(STAMP) ## play 20,000 histories of the protocol in simulated time, and find each planted bug
	$(BIN)/python -m rehearsal.simulation --histories $(HISTORIES)
	$(BIN)/python -m tests.rehearsal.simulation --only "$(PLANTED)"

mutate-program: $(STAMP) ## deploy changes of the program that harm people, and some that do not; SAMPLE=10 plays ten
	$(BIN)/python -m tests.mutants $(if $(SAMPLE),--sample $(SAMPLE))

bench: $(STAMP) .scanners/bin/checkov ## measure performance, as ratios within one run
	$(BIN)/python -m rehearsal.bench
	$(BIN)/python -m tests.policy.scanners.bench

.scanners/bin/checkov: $(SCANNERS)/requirements.txt
	$(PYTHON) -m venv .scanners
	.scanners/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# COMPLIANCE is a clone of github.com/pulumi/compliance-policies, MODULES a folder of node modules with typescript 4.9.
compare: $(STAMP) .scanners/bin/checkov ## run public scanners over the mutations, for docs/policies.md (twelve minutes)
	$(BIN)/python -m $(subst /,.,$(SCANNERS)).compare .scanners/bin/python $(COMPLIANCE) $(MODULES)
	$(BIN)/python -m policy.document > docs/policies.md
