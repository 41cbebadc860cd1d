# The commands of the project; each makes the environment first if it is not there.
.PHONY: report test lab bench trial lock shop clean help
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv --quiet

help:
	@echo "make report   the environment, then the report on the built-in shop: outputs/shop/index.html"
	@echo "make test     the environment, then the tests"
	@echo "make lab      JupyterLab on the notebooks"
	@echo "make bench    the benchmarks, as ratios"
	@echo "make trial    decisions against planted truth: tests/benchmarks/README.md"
	@echo "make shop     plant the built-in shop's data again"
	@echo "make lock     choose the newest versions again"

report: $(VENV)/ready
	$(BIN)/segnb run data/shop.yaml

test: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest

lab: $(VENV)/ready
	$(BIN)/jupyter lab --notebook-dir . notebooks

trial: $(VENV)/ready
	$(BIN)/python tests/benchmarks/trial_choose_k.py
	$(BIN)/python tests/benchmarks/trial_drift.py

bench: $(VENV)/ready
	TQDM_DISABLE=1 $(BIN)/python tests/benchmarks/bench_choose_k.py
	$(BIN)/python tests/benchmarks/bench_interpret_iterate.py
	$(BIN)/python tests/benchmarks/bench_run.py

shop: $(VENV)/ready
	$(BIN)/python -m segnb.samples

$(VENV)/ready: requirements.lock pyproject.toml | $(BIN)/uv
	$(UV) pip sync --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

# uv comes from its own lines of the lock and does the rest of the installing.
$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit("segnb needs Python 3.11 or newer; name one with make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt

lock: | $(BIN)/uv
	$(UV) pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --output-file requirements.lock >/dev/null

clean:
	rm -rf $(VENV) dist build
