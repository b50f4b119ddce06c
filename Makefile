# One command each. What a target needs is set up first, and only once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RATE ?= 200
RTT ?= 80
LOSS ?= 0
RUNS ?= 3
NODES ?= 1000
DEAD ?= 0.3
SEED ?= 1

# What fails is looked at once more, alone: a fault fails again; a test that wants a quieter machine is named and to be mended.
twice = $(BIN)/python -m pytest $(1) $(2) || { [ $$? = 1 ] && $(BIN)/python -m pytest $(1) --last-failed --last-failed-no-failures none; }

.PHONY: demo test check lab natlab interop bench simulate fuzz clean

demo: $(VENV)/.demo ## the main job on real images, told as it happens
	$(BIN)/python -m tools.demo

test: $(VENV)/.test tools-of-the-system lint fast ## everything; sets up DCMTK and Orthanc as well
	export IDAS_REQUIRE_PEERS=1; $(call twice,-m "slow or interop or nat" -o faulthandler_timeout=300)

check: $(VENV)/.test lint fast ## about a minute

.PHONY: lint fast tools-of-the-system
fast: $(VENV)/.test
	$(call twice,-q -m "not slow and not interop and not nat",-n auto)

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

tools-of-the-system:
	tools/setup system

lab: $(VENV)/.test tools-of-the-system ## a shell between two hospitals with a WAN link: make lab RATE=200 RTT=80 LOSS=0
	$(BIN)/python -m tools.lab --rate $(RATE) --rtt $(RTT) --loss $(LOSS)

natlab: $(VENV)/.test tools-of-the-system ## which path nodes find through NATs and firewalls, for every pair of kinds
	$(BIN)/python -m tools.natlab

bench: $(VENV)/.test tools-of-the-system ## the standard lines, beside what others reach: make bench DATA=FOLDER WRITE=1
	$(BIN)/python -m tools.bench.standard $(if $(DATA),--data $(DATA)) --runs $(RUNS) $(if $(WRITE),--write)

.PHONY: conformance
conformance: $(VENV)/.test ## docs/conformance.md, from the program's own tables
	$(BIN)/python -m tools.conformance

interop: $(VENV)/.test tools-of-the-system ## which other DICOM software works with a node, each as user and as provider; sets that software up
	tools/setup interop $(VENV)/interop
	NODE_PATH=$(VENV)/interop/node_modules $(BIN)/python -m tools.interop

simulate: $(VENV)/.test ## the directory of many nodes in virtual time, beside stock kademlia: make simulate NODES=1000 DEAD=0.3 SEED=1
	$(BIN)/python -m tools.simulate_directory --nodes $(NODES) --dead $(DEAD) --seed $(SEED)

fuzz: $(VENV)/.test ## every decoder, with many more examples than `make test` takes
	IDAS_FUZZ_EXAMPLES=20000 $(BIN)/python -m pytest -q -k "any_bytes or decodes" tests

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.%: pyproject.toml tools/setup
	PYTHON=$(PYTHON) tools/setup python $(VENV) $*
