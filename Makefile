# GastroPath needs Python 3.11-3.13 and make; everything else is installed into .venv by these targets.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	2>/dev/null && echo $$p && break; done)
UV_VERSION := 0.13.9
RUN := .venv/bin
INSTALLED := .venv/.installed
DEMO := gastropath-demo/space/README.md
ON_ALL_CORES := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: help install demo test test-slow lint app docs clean

help:
	@echo "make demo       the whole chain on synthetic tiles (some minutes after installation)"
	@echo "make app        the web page with the demo's model"
	@echo "make test       the tests"
	@echo "make test-slow  the tests that take minutes"
	@echo "make lint       formatting, lint and types"
	@echo "make docs       the documentation site, into site/"
	@echo "make install    only the set-up, with every extra, into .venv"

install: $(INSTALLED)

$(INSTALLED): requirements/all.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found; install one, or: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(RUN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=.venv $(RUN)/uv pip install --quiet --compile-bytecode --require-hashes --requirement requirements/all.lock
	VIRTUAL_ENV=.venv $(RUN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(DEMO)
	@echo "The demo is in gastropath-demo; gastropath-demo/run/report.html is its report. make clean removes it."

$(DEMO): | install
	$(RUN)/gastropath demo --overwrite

app: install $(DEMO)
	$(RUN)/gastropath app --model gastropath-demo/run

test: install
	$(RUN)/pytest -m "not slow" $(ON_ALL_CORES)

test-slow: install
	$(RUN)/pytest -m slow $(ON_ALL_CORES)

lint: install
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/pyright

docs: install
	NO_COLOR=1 $(RUN)/zensical build --clean --strict
	@echo "look at it:  $(RUN)/python -m http.server --directory site --bind 127.0.0.1 8000   then http://127.0.0.1:8000"

clean:
	rm -rf site .venv .pytest_cache .ruff_cache gastropath-demo
