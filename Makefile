# `make quickstart` trains a tiny model with MRPO on this machine; `make test` runs everything. See README.md.
PYTHON ?= python3.11
VENV ?= .venv
OUT ?= runs/quickstart
QUICKSTART_ARGS ?=
EVIDENCE_ARGS ?=
BENCH_ARGS ?=
FRESH ?=
VERL ?=
PYTEST_ARGS ?=
GPU_CHECK_ARGS ?=

# Dozens of processes import the same thousands of files. Where this is set, each one compiles them all anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: quickstart evidence bench install python-fits test coverage test-fast test-slow upstream-check gpu-check lint clean
.DEFAULT_GOAL := help

help:
	@echo "make quickstart   install, make data and a tiny model, train 3 steps with MRPO, show the result"
	@echo "make test         everything, with short runs of verl; ends with pytest's summary"
	@echo "make evidence     the comparisons of docs/evidence.md: hours, resumable; EVIDENCE_ARGS='--quick --world chain' takes a minute"
	@echo "make bench        all benchmarks, as JSON and a table in runs/bench; BENCH_ARGS=--no-runs leaves out two runs of verl"
	@echo "make coverage     make test with a table of the lines that it does not run"
	@echo "make test-fast    the same without verl runs and what takes seconds by its nature: two minutes"
	@echo "make test-slow    what make test leaves out: all backbones and methods, trainer modes, killed processes (an hour)"
	@echo "make upstream-check  does the installed verl have what the plugin relies on? VERL=DIR, PYTHON=…: another one"
	@echo "make gpu-check    does this machine train? small real runs, 10 minutes at most; PYTHON=… of the GPU environment"
	@echo "make lint         ruff and mypy"
	@echo "make clean        remove runs/ and build output (the virtual environment stays)"

install: $(STAMP)

# Repeated when what is installed may have changed, not when the code has: the package is installed in place.
$(STAMP): setup.py recipe/mrpo/pins.txt examples/install_cpu.sh examples/uv_settings.py | python-fits
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	PATH="$(abspath $(BIN)):$$PATH" EXTRAS=cpu,dev bash examples/install_cpu.sh --quiet
	touch $@

# A virtual environment that is there is used as it is, unless PYTHON was given and is another Python.
VERSION := -c 'import sys; print("%d.%d" % sys.version_info[:2])'
python-fits:
ifneq ($(and $(filter file default,$(origin PYTHON)),$(wildcard $(BIN)/python)),)
else
	@case "$$($(PYTHON) $(VERSION) 2>/dev/null)" in 3.11 | 3.12) ;; \
	*) echo "$(PYTHON) is no Python 3.11 or 3.12 that starts; set PYTHON=python3.11 or a path"; exit 1 ;; esac
	@test ! -x $(BIN)/python || test "$$($(PYTHON) $(VERSION))" = "$$($(BIN)/python $(VERSION))" || { \
	echo "$(VENV) has another Python than $(PYTHON); give it another folder, such as VENV=.venv-$(notdir $(PYTHON))"; exit 1; }
endif

quickstart: $(STAMP)
	@$(BIN)/python -m recipe.mrpo.quickstart --out $(OUT) $(if $(FRESH),--fresh) $(QUICKSTART_ARGS)

evidence: $(STAMP)
	$(BIN)/python -m recipe.mrpo.worlds.evidence --out runs/evidence $(EVIDENCE_ARGS)

bench: $(STAMP)
	$(BIN)/python -m benchmarks.all $(BENCH_ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadscope --no-loadscope-reorder $(PYTEST_ARGS)

# Its own target: with Python 3.11's tracer the processor works twice as long.
coverage: override PYTEST_ARGS += --cov --cov-report=term:skip-covered
coverage: test

test-fast: $(STAMP)
	$(BIN)/python -m pytest -m "not slow and not verl and not long" --numprocesses 2 --dist loadfile $(PYTEST_ARGS)

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# Sources only: any Python with pytest will do; verl's own dependencies are not needed. VERL: a checkout, or site-packages.
upstream-check:
	@test -z "$(VERL)" || test -f "$(VERL)/verl/__init__.py" || { \
	echo "there is no verl/__init__.py in $(VERL); set VERL to a checkout of verl, or to the site-packages that verl is in"; exit 1; }
	PYTHONPATH=.$(if $(VERL),:$(abspath $(VERL))) $(if $(filter file default,$(origin PYTHON)),$(BIN)/python,$(PYTHON)) -m pytest -q --noconftest -p no:cacheprovider tests/upstream

# On a machine with GPUs, in the environment of its own stack; on this one all that needs no CUDA.
gpu-check:
	$(if $(filter file default,$(origin PYTHON)),$(BIN)/python,$(PYTHON)) -m recipe.mrpo.gpu_check $(GPU_CHECK_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf runs build dist *.egg-info .pytest_cache .hypothesis .ruff_cache .mypy_cache .coverage
