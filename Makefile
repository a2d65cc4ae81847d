# One command for a person and for CI. Works with GNU make 3.81 (macOS ships it) and any POSIX sh.

# A Python 3.11 to 3.14 to build .venv with; empty: look for one.
PYTHON ?=
PORT ?= 8501
# Test processes. Each holds its own networks, about 2 GB.
WORKERS ?= 2
export PYTHON

VENV = .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test lint format bench runs gallery patches transfer clean

# Photos to learn from: train/<class>/ and val/<class>/.
PHOTOS ?= photos

help:  ## this list
	@echo "vgg-viz: look inside ZFNet and VGG, side by side"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 : \2/p' Makefile | awk -F' : ' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo
	@echo "  make run PORT=8600 serves on another port; PYTHON=/path/to/python3.12 chooses the Python"

install:  ## make .venv and install what the dashboard needs
	@sh scripts/install.sh run

install-dev:
	@sh scripts/install.sh dev

run: install  ## start the dashboard on 127.0.0.1:8501 and print its address
	@exec $(VENV)/vgg-viz dashboard --port $(PORT)

# Two processes with one torch thread each: the networks of the tests are too small for torch to gain from a
# second thread, and threads of several processes on the same cores slow each other down. A file stays on one
# process (loadfile), so its server or model is started once.
test: install-dev lint  ## lint, then all tests, browser tests included
	@CHROMIUM=`sh scripts/chromium.sh` || exit 1; export CHROMIUM; \
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} exec $(VENV)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: install-dev  ## ruff and mypy --strict
	@$(VENV)/python -m ruff check .
	@$(VENV)/python -m ruff format --check .
	@$(VENV)/python -m mypy vgg_viz

format: install-dev  ## let ruff fix and format the code
	@$(VENV)/python -m ruff check --fix .
	@$(VENV)/python -m ruff format .

bench: install-dev  ## measure this project beside its peers
	@exec $(VENV)/python -m benchmarks $(ARGS)

runs: install-dev  ## train the recordings in assets/runs again (PHOTOS=folder; hours)
	@exec $(VENV)/python -m vgg_viz.training.runs --data "$(PHOTOS)" $(ARGS)

gallery: install-dev  ## optimise a picture for every channel of the bundled networks again (hours)
	@exec $(VENV)/python -m vgg_viz.feature_vis.gallery $(ARGS)

# Photos with masks and with boxes, to train the heads of segmentation and detection on.
MASKS ?= masks
BOXES ?= boxes

transfer: install-dev  ## train the heads of segmentation and detection again (MASKS=, BOXES=)
	@$(VENV)/python -m vgg_viz.transfer.train segmentation --data "$(MASKS)" $(ARGS)
	@$(VENV)/python -m vgg_viz.transfer.train detection --data "$(BOXES)" $(ARGS)

patches: install-dev  ## index the top patches of the bundled photos again
	@exec $(VENV)/python -m vgg_viz.service.shipped_indexes

clean:  ## remove .venv and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis vgg_viz.egg-info
