# Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --disable-pip-version-check -q -c constraints.txt
BACKENDS := jax tensorflow torch
FILES := pyproject.toml constraints.txt
QUIET := TF_CPP_MIN_LOG_LEVEL=3

.PHONY: demo test test-full check build clean

.venv/demo: $(FILES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e '.[tensorflow-cpu]'
	touch $@

.venv/test: $(FILES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e '.[dev]'
	touch $@ .venv/demo

demo: .venv/demo
	$(QUIET) $(BIN)/python tools/demo.py

# Oracles and parts on every backend; each variant's contract on one backend, in rotation.
test: .venv/test
	@for backend in $(BACKENDS); do \
	  echo "== $$backend"; \
	  KERAS_BACKEND=$$backend KERAS_AE_ROTATE=1 $(QUIET) $(BIN)/python -m pytest -q -n 2 -m "not slow" || exit 1; \
	done

test-full: .venv/test
	@for backend in $(BACKENDS); do \
	  echo "== $$backend"; \
	  KERAS_BACKEND=$$backend $(QUIET) $(BIN)/python -m pytest -q -n 2 || exit 1; \
	done
	KERAS_BACKEND=jax $(QUIET) $(BIN)/python -m pytest -q --doctest-modules keras_ae

check: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	KERAS_BACKEND=jax $(QUIET) $(BIN)/python tools/sync_variants.py --check

build: .venv/test
	$(BIN)/python -m build --no-isolation

clean:
	rm -rf .venv dist build
