# Everything is made in .venv and out/; `make clean` removes both.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MODULES := labextension/node_modules/.package-lock.json
BUILT := jupyter_aml/labextension/package.json
PANEL := $(VENV)/share/jupyter/labextensions/jupyter-aml
PORT ?= 8888
# JupyterLab at the checkout's root, asking nobody on the network; root may start it (containers).
LAB := --ServerApp.root_dir='$(CURDIR)' --LabApp.default_url=/lab/tree/out/01_quickstart.ipynb \
  --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate \
  --LabApp.extension_manager=readonly $(if $(filter 0,$(shell id -u)),--allow-root)
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export DEBIAN_FRONTEND = noninteractive
# Imports without bytecode are more than twice as slow.
unexport PYTHONDONTWRITEBYTECODE
# Somebody else's packages and settings stay outside.
unexport PYTHONPATH
unexport PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help setup demo lab test lint format notebooks bench soak clean chromium spark

help: ## say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) $(PANEL)/package.json ## make the virtual environment

$(MODULES): labextension/package-lock.json
	@node -e 'process.exit(parseInt(process.version.slice(1)) < 20 ? 1 : 0)' 2>/dev/null || \
	  { echo "Node.js 20 or newer is needed to build the panel; found: $$(node --version 2>/dev/null || echo none)." \
	  "On Debian or Ubuntu: apt-get install nodejs npm"; exit 1; }
	@cd labextension && npm ci --no-audit --no-fund --loglevel=error </dev/null >/dev/null
	@touch $@

$(BUILT): $(MODULES) $(shell find labextension/src labextension/style labextension/schema -type f) \
  labextension/package.json labextension/tsconfig.json labextension/widgets.mjs
	@cd labextension && npm run --silent build </dev/null >/dev/null
	@touch $@

# pip has put a copy there; after a change it is made anew.
$(PANEL)/package.json: $(BUILT) $(READY)
	@rm -rf $(PANEL) && mkdir -p $(dir $(PANEL)) && cp -r jupyter_aml/labextension $(PANEL) && touch $@

$(READY): pyproject.toml constraints.txt | $(BUILT)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found. On Debian or Ubuntu:" \
	  "apt-get install python3 python3-venv; elsewhere: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version 2>&1); the first time takes a few minutes."
	@$(BIN)/python -c '' 2>/dev/null || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,lint,test,bench]' </dev/null
	@touch $@

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  echo "Chromium is missing; installing it for the browser tests."; \
	  SUDO=; test "$$(id -u)" = 0 || SUDO="sudo -n"; \
	  $$SUDO apt-get update -qq </dev/null && $$SUDO apt-get install -y -qq chromium </dev/null >/dev/null; } || \
	  { echo "Install Chromium by hand (apt-get install chromium), then repeat."; exit 1; }

spark: setup
	@command -v java >/dev/null || test -x "$$JAVA_HOME/bin/java" || { \
	  echo "Java is missing; installing it for the tests of Spark jobs."; \
	  SUDO=; test "$$(id -u)" = 0 || SUDO="sudo -n"; \
	  $$SUDO apt-get update -qq </dev/null && $$SUDO apt-get install -y -qq --no-install-recommends default-jre-headless \
	    </dev/null >/dev/null; } || \
	  { echo "Install a Java from 17 by hand (apt-get install openjdk-17-jre-headless), then repeat."; exit 1; }
	@$(BIN)/python -c 'import pyspark' 2>/dev/null || { echo "Installing Spark, which is large, for the tests."; \
	  $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[spark]' </dev/null; }

demo: setup ## run the quickstart notebook offline and say what it made
	@$(BIN)/python -m jupyter_aml.testing.demo notebooks/01_quickstart.ipynb out

lab: setup ## open JupyterLab on the quickstart and the workspace that `make demo` made
	@mkdir -p out && for book in notebooks/*.ipynb; do test -e out/$${book#*/} || cp $$book out/; done
	JUPYTER_AML_HOME='$(CURDIR)/out/home' $(BIN)/jupyter lab --port $(PORT) $(LAB)

test: setup chromium spark ## pass all tests, browser tests included
	cd labextension && npm test --silent </dev/null
	$(BIN)/python -m pytest -m "not soak" -n 2 --dist loadfile </dev/null

lint: setup ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	cd labextension && npm run --silent check </dev/null

format: setup ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd labextension && npm run --silent format </dev/null

notebooks: setup ## run the notebooks and store anew what their cells show
	$(BIN)/python -m jupyter_aml.testing.stored notebooks/*.ipynb

bench: setup ## measure against rivals, side by side
	$(BIN)/python -m tests.bench

soak: setup chromium spark ## what takes long: hundreds of kills, big data
	$(BIN)/python -m pytest -m soak --timeout 3600 </dev/null

clean: ## remove what was made
	rm -rf $(VENV) out build dist labextension/node_modules labextension/lib jupyter_aml/labextension \
	  jupyter_aml/widgets/*/widget.js jupyter_aml/widgets/widget.css
