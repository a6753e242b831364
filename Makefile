# What can be done here; `make` alone lists it. Standard output belongs to the commands that are run, the rest goes to stderr.
.SILENT:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# A name on the path proves nothing (version managers leave shims that only fail): each candidate has to run.
PYTHON ?= $(shell for name in python3.11 python3.12 python3; do \
	$$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
	&& { echo $$name; break; }; done)

BIN := .venv/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --require-hashes --build-constraints environments/build.txt
EDITABLE := $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
COMPILE := UV_CUSTOM_COMPILE_COMMAND='make lock' $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links

MAIN := .venv/.ready
ENGINES := .environments/spark/.ready .environments/flink/.ready
OLDEST := .environments/oldest/.ready
FUZZING := $(OLDEST) .environments/fuzz/.ready

.PHONY: help setup environments services demo test torture parity fuzz check format docs lock bench clean

help:  ## list what can be done
	sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand --tabs=22

setup: $(MAIN)  ## make .venv from its lock, nothing else

demo: $(MAIN)  ## watch a faulty sensor stream being judged (DEMO='--rows 200000 --quiet --json')
	$(BIN)/stillwell demo $(DEMO)

test: environments  ## run all tests, those inside Spark and Flink too (TEST='tests/kernel -k range')
	$(BIN)/pytest --numprocesses 2 --durations 15 $(TEST)

torture: $(MAIN)  ## kill pipelines for a long while, on Kafka and on every sink; ends with one line of JSON (KILLS=300 SEED=11 TABLE=docs/torture.md)
	STILLWELL_KILLS=$(or $(KILLS),100) STILLWELL_SEED=$(or $(SEED),11) $(BIN)/pytest -rP --numprocesses 2 \
		tests/delivery/test_kill.py tests/delivery/test_schedule.py >&2
	$(BIN)/python -m tests.torture --kills $(or $(KILLS),100) --seed $(or $(SEED),11) $(if $(TABLE),--table $(TABLE))

parity: environments  ## judge all cases and generated streams on every engine and compare verdict by verdict; ends with one line of JSON (STREAMS=12 SEED=1 MUTATE=spark TABLE=docs/parity.md)
	$(BIN)/python -m tests.parity --streams $(or $(STREAMS),12) --seed $(or $(SEED),1) \
		$(if $(MUTATE),--mutate '$(MUTATE)') $(if $(TABLE),--table $(TABLE))

fuzz: $(MAIN) $(FUZZING)  ## judge a million odd records and compare with the reference and old libraries (INPUTS=1000000 SEED=1)
	failed=0; inputs=$(or $(INPUTS),1000000); \
	$(BIN)/python fuzz/records.py --inputs $$((inputs * 8 / 10)) --seed $(or $(SEED),1) || failed=1; \
	.environments/fuzz/bin/python fuzz/bytes.py --inputs $$((inputs * 2 / 10)) --seed $(or $(SEED),1) || failed=1; \
	$(BIN)/python fuzz/versions.py --seed versions/$(or $(SEED),1) --against .environments/oldest/bin/python || failed=1; \
	exit $$failed

check: $(MAIN)  ## look for faults of format, style and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(MAIN)  ## format all code and mend what can be mended by itself
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format --quiet

bench: $(MAIN)  ## run every benchmark; each prints one line of JSON (BENCH=--long)
	for benchmark in benchmarks/[a-z]*.py; do $(BIN)/python "$$benchmark" $(BENCH); done

docs: $(MAIN)  ## write the pages and schemas that are made of code and tests anew
	$(BIN)/python -m stillwell.contract.schema > schemas/contract.schema.json
	$(BIN)/python -m stillwell.pipeline.schema > schemas/pipeline.schema.json
	$(BIN)/python -m tests.kernel.values > docs/reference/values.md
	$(BIN)/python -m tests.kernel.nulls > docs/reference/nulls.md
	$(BIN)/python -m tests.engines.support > docs/reference/support.md
	$(BIN)/python -m tests.cli.walk
	$(BIN)/python -m tests.cli.second_chance
	$(BIN)/python -m tests.cli.watch

environments: $(UV)  ## make .venv, the environments of both engines and one of the oldest libraries, at the same time
	$(MAKE) --jobs 5 $(ENGINES) $(OLDEST) services

services: $(MAIN) .environments/flink/.ready  ## fetch what the services of the lab are made of; without Maven, their tests say so
	$(BIN)/stillwell lab fetch kafka >&2 || true
	.environments/flink/bin/stillwell lab fetch flink >&2 || true

lock: $(UV)  ## choose the newest versions of everything anew
	echo uv | $(COMPILE) - --output-file environments/uv.txt
	echo setuptools | $(COMPILE) - --output-file environments/build.txt
	$(COMPILE) pyproject.toml --group dev --extra delta --extra kafka --extra lab --output-file environments/main.txt
	$(COMPILE) pyproject.toml environments/spark.in --extra delta --extra kafka --output-file environments/spark.txt
	$(COMPILE) pyproject.toml environments/flink.in --output-file environments/flink.txt
	for peer in environments/peer-*.in; do $(COMPILE) "$$peer" --output-file "$${peer%.in}.txt"; done
	$(COMPILE) pyproject.toml environments/oldest.in --output-file environments/oldest.txt
	$(COMPILE) pyproject.toml environments/fuzz.in --output-file environments/fuzz.txt

clean:  ## remove the environments and what tools left behind; downloads stay cached
	rm -rf .venv .environments .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(UV): environments/uv.txt
	test -n "$(PYTHON)" || { echo 'error: Stillwell needs Python 3.11 or 3.12 with venv: install one, or say PYTHON=/path/to/it' >&2; exit 1; }
	echo "making .venv with $(PYTHON) …" >&2
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $< >&2
	touch $@

$(MAIN): environments/main.txt environments/build.txt pyproject.toml hatch_build.py $(wildcard src/stillwell/kernel/*.c src/stillwell/kernel/*/*.c) $(UV)
	$(INSTALL) --python $(BIN)/python --requirement $< >&2
	$(EDITABLE) --python $(BIN)/python >&2
	touch $@

$(ENGINES) $(FUZZING): .environments/%/.ready: environments/%.txt environments/build.txt pyproject.toml $(UV)
	echo "making .environments/$* …" >&2
	$(UV) venv --quiet --clear --python $(BIN)/python .environments/$* >&2
	$(INSTALL) --python .environments/$*/bin/python --requirement $< >&2
	$(EDITABLE) --python .environments/$*/bin/python >&2
	touch $@
