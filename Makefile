# Easel on one machine. `make up` needs Python 3.11, git and make, and nothing else.

PYTHON ?= $(shell command -v python3 || command -v python3.11)
NO_PYTHON = Easel needs Python 3.11, and neither python3 nor python3.11 is in PATH. Install it \
	(Debian 12: apt-get install python3.11 python3.11-venv) and run the same command again
RUN = $(or $(PYTHON),$(error $(NO_PYTHON))) config/local/bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help up prod-like test test-slow lint format openapi lock install clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1 /p' Makefile | while read -r name text; do \
		printf '  make %-11s %s\n' "$$name" "$$text"; done

up: ## Install what is missing and run everything on http://127.0.0.1:8000 (Ctrl-C stops it); STRIPE=stand-in lets people pay
	@$(RUN) up

prod-like: ## The shape of production on this machine, on https://127.0.0.1:8443 (Ctrl-C stops it); Debian as root
	@$(RUN) prod-like

test: ## Lint, types, import rules, and the tests with coverage
	@$(RUN) test

test-slow: ## The tests that take longer
	@$(RUN) test-slow

lint: ## Lint, types and import rules alone
	@$(RUN) lint

format: ## Put the sources into shape
	@$(RUN) format

openapi: ## Write docs/openapi.yaml from the code
	@$(RUN) openapi

.PHONY: infra-check
infra-check: ## Terraform, images and pipelines, as far as they can be checked without AWS
	@$(RUN) infra-check

lock: ## Compile requirements/*.in to the locks, with hashes
	@$(RUN) lock

install: ## Install everything for development into .venv
	@$(RUN) install

clean: ## Remove what was built: .venv, node_modules, caches. Data in var/ stays
	@rm -rf .venv .venv-infra node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis .coverage .coverage.* htmlcov
	@find . -path ./var -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
	@echo "Removed. The database and the pictures in var/ are untouched; remove var/ by hand."
