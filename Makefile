# Two commands do everything on a fresh machine: `make serve` and `make test`.
# Nothing is installed, drawn or trained twice when nothing changed.

PYTHON ?= python3
PORT ?= 5006
GALVIZ_HOME ?= $(HOME)/galviz
export GALVIZ_HOME

BIN := .venv/bin
READY := .venv/.ready
SKY := $(GALVIZ_HOME)/skies/richness
RUN := $(GALVIZ_HOME)/runs/richness-quick
SKY_N ?= 1500
SKY_SIZE ?= 64

.PHONY: help setup serve test quick-test lint lint-scripts test-scripts bench

help:
	@echo "make serve   set up, draw the synthetic sky, train the quick recipe (once), open the richness page"
	@echo "make test    set up, then lint and all tests, the browser's included"
	@echo "             make serve PORT=5007 GALVIZ_HOME=/somewhere changes the port, or where skies and runs live"
	@echo "make bench   measure speed, and write docs/performance.md; make bench BENCHES=\"predict fit\" measures these"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'PYTHON: expected Python 3.11 or newer, got ' + sys.version.split()[0] + '. Give another: make PYTHON=python3.11 …')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@if $(BIN)/python -m pip install --quiet uv 2>/dev/null; then \
		echo "installing with uv"; \
		UV_FIND_LINKS="$${PIP_FIND_LINKS:-}" $(BIN)/uv pip install --compile-bytecode --python $(BIN)/python -c constraints.txt -e ".[test]"; \
	else \
		echo "installing with pip"; \
		$(BIN)/python -m pip install -c constraints.txt -e ".[test]"; \
	fi
	@touch $@

serve: setup
	@$(BIN)/python -c "import socket, sys; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); sys.exit(s.connect_ex(('127.0.0.1', $(PORT))) == 0 and 'PORT: expected a free port, got $(PORT), which is in use. Give another: make serve PORT=5007')"
	@test -d "$(SKY)" || $(BIN)/galviz mock richness --n $(SKY_N) --size $(SKY_SIZE) --seed 0 --out "$(SKY)"
	@test -e "$(RUN)/model.safetensors" || $(BIN)/galviz train richness --data "$(SKY)" --out "$(RUN)" --recipe quick $$(test ! -e "$(RUN)/run.json" || echo --resume)
	$(BIN)/panel serve dashboards/richness.py --address 127.0.0.1 --port $(PORT)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory lint-scripts; else echo "npm is not installed: the scripts (.js) are not checked"; fi

node_modules/.ready: package.json package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

lint-scripts: node_modules/.ready
	npm run --silent lint

test-scripts:
	@if command -v node >/dev/null; then node --test tests/js/*.test.js; else echo "node is not installed: the scripts (.js) are not tested"; fi

# Two commands: Playwright leaves an event loop running, in which other tests could not start their own.
test: lint test-scripts browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --ignore tests/browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/browser

quick-test: setup
	$(BIN)/python -m pytest -m "not slow and not browser"

bench: browser
	OMP_NUM_THREADS=1 $(BIN)/python tests/bench/performance.py $(BENCHES)

# A Chromium for the browser tests: the system's, else from apt, else Playwright's own.
.PHONY: browser
browser: setup
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| (command -v apt-get >/dev/null && test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null) \
		|| $(BIN)/playwright install chromium
