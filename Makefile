# Everything is made in .venv and out/; `make clean` removes both.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PORT ?= 8888
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help setup demo lab test browser lint format bench soak clean chromium

help: ## say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## make the virtual environment

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,lint,test,bench]'
	$(BIN)/python -m compileall -q jupyter_aml
	@touch $@

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  { echo "Chromium is missing; installing Debian's."; \
	    SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	    $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq chromium >/dev/null; } || \
	  { echo "Install Chromium by hand (apt-get install chromium), then repeat."; exit 1; }

demo: setup ## run the quickstart notebook offline and say what it made
	$(BIN)/python -m jupyter_aml.testing.demo notebooks/01_quickstart.ipynb out

lab: setup ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --port $(PORT) notebooks

test: setup chromium ## pass all tests, browser tests included
	$(BIN)/python -m pytest -m "not soak"

lint: setup ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure against rivals, side by side
	$(BIN)/python -m tests.bench

soak: setup chromium ## what takes long: hundreds of kills, big data
	$(BIN)/python -m pytest -m soak --timeout 3600

clean: ## remove what was made
	rm -rf $(VENV) out build dist
