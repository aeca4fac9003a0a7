# Everything a newcomer needs: `make demo`, `make test`. PYTHON names another interpreter (3.11 or newer).
PYTHON ?= python3.11
VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: demo test crash-test consent-test check lint types format lock browser spark screens docs benchmark clean

# A generated wholesaler, a local Mailchimp, one whole cycle, and the inbox at http://127.0.0.1:8025
demo: $(READY)
	$(BIN)/campaigns demo $(DEMO)

# All tests, on both cores
test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile $(TESTS)

# Kill before and after every request and every commit of a cycle: all points, some minutes
crash-test: $(READY)
	ALL_CRASH_POINTS=1 $(BIN)/python -m pytest -n auto tests/scenarios/test_crash_points.py tests/scenarios/test_broken_databases.py \
		tests/scenarios/test_power_loss.py

# Random histories of consent, hundreds of them: some minutes
consent-test: $(READY)
	CONSENT_HISTORIES=300 $(BIN)/python -m pytest tests/scenarios/test_consent.py

# What CI asks: lint, format, types, tests
check: lint types test

# Style and likely mistakes
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Types, strict
types: $(READY)
	$(BIN)/mypy

# Rewrite the layout of the code
format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Pin what pyproject.toml asks for
lock: $(READY)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock --upgrade
	$(BIN)/uv pip compile --group browser -c requirements.lock --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements-browser.lock --upgrade
	$(BIN)/uv pip compile --group spark -c requirements.lock --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements-spark.lock --upgrade

# What tests in a browser need beside Chromium (apt-get install chromium fonts-liberation)
browser: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-browser.lock

# What the test on a real Spark needs beside Java (apt-get install default-jre-headless)
spark: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock

# Pictures of the starter's mails, taken anew: look at them before you keep them
screens: browser
	$(BIN)/python -m tests.browser.screens

# Rewrite the tables in README.md from the code that they describe
docs: $(READY)
	$(BIN)/python -m tests.readme_tables

# Figures for README.md; an hour at most the first time, on a quiet machine; goes on where it was interrupted
benchmark: $(READY)
	$(BIN)/python -m benchmarks.recompute
	$(BIN)/python -m benchmarks.import
	$(BIN)/python -m benchmarks.import --postgres
	$(BIN)/python -m benchmarks.rendering
	$(BIN)/python -m benchmarks.sync
	$(BIN)/python -m benchmarks.decisions
	$(BIN)/python -m benchmarks.million --contacts 100000 --folder .benchmark/of-100000

# Forget the environment and everything that was derived
clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q src
	touch $(READY)
