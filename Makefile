# The commands of the project; each makes the environment first if it is not there.
.PHONY: report test soak lab workshop wheels engines test-engines bench bench-large trial lock parameters shop clean help
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv --quiet
WHEELS := outputs/wheels

help:
	@echo "make report   the environment, then the report on the built-in shop: outputs/shop/index.html"
	@echo "make test     the environment, then the tests"
	@echo "make soak     the long form of the tests of faults and load"
	@echo "make lab      JupyterLab on copies of the notebooks, in outputs/lab"
	@echo "make workshop copies for learners, solutions, guide, slides, handout and quiz: outputs/workshop"
	@echo "make wheels   a folder that a room without network installs from: outputs/wheels"
	@echo "make engines  what PostgreSQL, Polars and Spark need in Python; the tests use what is there"
	@echo "make test-engines  the tests of these engines alone"
	@echo "make bench    the benchmarks, as ratios"
	@echo "make bench-large  200 million lines, and ten million customers"
	@echo "make trial    decisions against planted truth: tests/benchmarks/README.md"
	@echo "make shop     plant the data of the built-in shop and of the workshop's stories again"
	@echo "make parameters  the table of all parameters: notebooks/README.md"
	@echo "make lock     choose the newest versions again"

report: $(VENV)/ready
	$(BIN)/segnb run data/shop.yaml

# Two workers with two threads each would wait for one another at every fit.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

test: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(ONE_THREAD) $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

soak: $(VENV)/ready
	$(BIN)/pytest -m soak
	$(BIN)/pytest tests/test_fuzz.py --hypothesis-profile=soak

lab: $(VENV)/ready
	$(BIN)/python -m segnb.notebook.copies
	$(BIN)/jupyter lab --notebook-dir . outputs/lab

engines: $(VENV)/engines

test-engines: $(VENV)/engines
	$(ONE_THREAD) $(BIN)/pytest -n 2 --dist loadfile -m "engines and not soak"

workshop: $(VENV)/ready
	$(BIN)/segnb workshop outputs/workshop

# The lock without its extras, and segnb: python -m pip install --no-index --find-links outputs/wheels segnb
wheels: $(VENV)/ready
	mkdir -p $(WHEELS)
	$(COMPILE) --constraint requirements.lock --output-file $(WHEELS)/requirements.txt >/dev/null
	$(PYTHON) -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
		--dest $(WHEELS) --requirement $(WHEELS)/requirements.txt
	$(BIN)/python -m hatchling build --target wheel --directory $(WHEELS)

trial: $(VENV)/ready
	$(BIN)/python tests/benchmarks/trial_choose_k.py
	$(BIN)/python tests/benchmarks/trial_drift.py
	$(BIN)/python tests/benchmarks/trial_act.py
	$(BIN)/python tests/benchmarks/trial_large.py

bench: $(VENV)/ready
	TQDM_DISABLE=1 $(BIN)/python tests/benchmarks/bench_choose_k.py
	$(BIN)/python tests/benchmarks/bench_interpret_iterate.py
	$(BIN)/python tests/benchmarks/bench_engines.py
	$(BIN)/python tests/benchmarks/bench_mixed.py
	$(BIN)/python tests/benchmarks/bench_run.py

bench-large: $(VENV)/ready
	$(BIN)/python tests/benchmarks/bench_engines.py --large
	$(BIN)/python tests/benchmarks/bench_growth.py

shop: $(VENV)/ready
	$(BIN)/python tests/planted_shop.py
	$(BIN)/python tests/planted_stories.py

$(VENV)/ready: requirements.lock pyproject.toml | $(BIN)/uv
	$(UV) pip sync --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/engines: requirements-engines.lock | $(VENV)/ready
	$(UV) pip install --python $(BIN)/python --no-deps --require-hashes --compile-bytecode -r requirements-engines.lock
	touch $@

# uv comes from its own lines of the lock and does the rest of the installing.
$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit("segnb needs Python 3.11 or newer; name one with make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt

COMPILE := $(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header

parameters: $(VENV)/ready
	$(BIN)/python tests/parameter_table.py

# Without what checks the addresses in events of JupyterLab: it builds a grammar whenever a notebook is read.
LOCKED := --no-emit-package rfc3987-syntax --no-emit-package lark

lock: | $(BIN)/uv
	$(COMPILE) $(LOCKED) --upgrade --extra real --extra latent --extra dev --output-file requirements.lock >/dev/null
	$(COMPILE) $(LOCKED) --upgrade --extra postgres --extra polars --extra spark --constraint requirements.lock \
		--output-file requirements-engines.lock >/dev/null

clean:
	rm -rf $(VENV) dist build
