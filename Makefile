# Two commands do everything on a fresh machine with Python >= 3.11: `make demo` and `make test`.
PYTHON ?= python3
# Workers of each test run. A worker keeps to one thread, so that two of them fill two cores.
WORKERS ?= 2
BACKENDS := jax tensorflow torch

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt
QUIET := TF_CPP_MIN_LOG_LEVEL=3
# XLA compiles the small programs of JAX's tests in half the time when it optimises less. The full
# tier compiles as users do where whole models and the compiled loops are tested.
QUICK_XLA := --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false \
  --xla_cpu_parallel_codegen_split_count=1
AS_USERS_DO := tests/contract tests/backend
PYTEST := $(QUIET) OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 $(BIN)/python -m pytest -q -rs -n $(WORKERS) --dist loadgroup

.PHONY: help demo test test-full check format bench bench-peers reproduce export-table build clean

help:
	@echo "make demo       train a VAE on real images, draw what it learned, export a SavedModel"
	@echo "make test       the tests, on three backends"
	@echo "make test-full  the slow tests too, and every variant on every backend"
	@echo "make check      style, types, layers, generated files"
	@echo "make bench      keras_ae beside stock Keras and loops written by hand: docs/benchmarks.md"
	@echo "make bench-peers  beside pythae and PyOD, which it installs in .venv-peers"
	@echo "make reproduce  published figures beside ours: docs/reproduction.md"
	@echo "make export-table  every variant in every format from every backend: docs/exporting.md"
	@echo "make build      the wheel and the sdist, in dist/"

# A stamp stands for an installation: it runs again when one of these files is newer.
.venv/demo: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e '.[tensorflow-cpu]'
	touch $@

.venv/dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e '.[dev]'
# It asks for TensorFlow's full build, beside which the small one cannot be.
	$(PIP) --no-deps tensorflow-serving-api
	touch $@ .venv/demo

demo: .venv/demo
	$(QUIET) $(BIN)/python tools/demo.py

# Parts and oracles on every backend; each variant's contract on one backend, in rotation.
test: export KERAS_AE_ROTATE = 1
test: .venv/dev
	@failed=""; \
	for backend in $(BACKENDS); do \
	  echo "== $$backend"; flags=""; \
	  if [ $$backend = jax ]; then flags="$(QUICK_XLA)"; fi; \
	  XLA_FLAGS="$$flags" KERAS_BACKEND=$$backend $(PYTEST) -m "not slow" tests \
	    || failed="$$failed $$backend"; \
	done; \
	echo "== the examples in the docstrings"; \
	XLA_FLAGS="$(QUICK_XLA)" KERAS_BACKEND=jax $(PYTEST) --doctest-modules keras_ae \
	  || failed="$$failed docstrings"; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

test-full: .venv/dev
	@failed=""; \
	for backend in $(BACKENDS); do \
	  echo "== $$backend"; export KERAS_BACKEND=$$backend; \
	  if [ $$backend = jax ]; then \
	    $(PYTEST) $(AS_USERS_DO) || failed="$$failed $$backend"; \
	    XLA_FLAGS="$(QUICK_XLA)" $(PYTEST) tests $(AS_USERS_DO:%=--ignore=%) \
	      || failed="$$failed $$backend"; \
	  else $(PYTEST) tests || failed="$$failed $$backend"; fi; \
	  KERAS_BACKEND=$$backend $(PYTEST) --doctest-modules keras_ae || failed="$$failed docstrings"; \
	done; \
	if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	KERAS_BACKEND=jax $(QUIET) $(BIN)/python tools/sync_variants.py --check

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	KERAS_BACKEND=jax $(QUIET) $(BIN)/python tools/sync_variants.py

bench: .venv/dev
	for backend in $(BACKENDS); do \
	  $(QUIET) $(BIN)/python -m benchmarks.run --backend $$backend \
	    --out docs/benchmarks/$$backend.json || exit 1; \
	done
	$(BIN)/python -m benchmarks.report docs/benchmarks

# The published figures again, a few hours; what is in the files already is not run again.
reproduce: .venv/dev
	for name in conv_vae mlp_vae fixed_binarized iwae curved vade samples games imputation \
	  few_labels counts documents views heartbeats quantized dictionaries \
	  hierarchies patches rate_distortion; do \
	  $(QUIET) $(BIN)/python -m benchmarks.reproduce.$$name --out docs/reproduction/$$name.json \
	    || exit 1; \
	done
	$(BIN)/python -m benchmarks.reproduce.report docs/reproduction

export-table: .venv/dev
	$(BIN)/python tools/export_table.py

bench-peers: .venv/dev
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --disable-pip-version-check -q \
	  -r benchmarks/peers.txt
	$(QUIET) $(BIN)/python -m benchmarks.beside_peers --peers .venv-peers/bin/python \
	  --out docs/benchmarks/peers.json
	$(QUIET) $(BIN)/python -m benchmarks.likelihood --peers .venv-peers/bin/python \
	  --out docs/benchmarks/likelihood.json
	$(BIN)/python -m benchmarks.report docs/benchmarks

build: .venv/dev
	rm -rf dist
	$(BIN)/python -m build --no-isolation

clean:
	rm -rf .venv build dist
