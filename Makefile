# Everything that a person does with this repository. Caches and state live outside it, in ~/.cache/rotated-rds.

PYTHON ?= python3
WORKERS ?= 3
IN := $(PYTHON) -m tests.bed.venv
UV := uv==0.13.9

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo walk-through demo-down test node check static unit chart function bed-up bed-down bed-status bench lock clean-cache

help: ## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install and build what is missing: Debian packages, the virtual environment, the bed's programs
	@$(PYTHON) -m tests.bed.system
	@$(IN)
	@$(IN) python -m tests.bed prepare

demo: setup ## watch a real password rotate on this machine; KEEP=1 leaves it running
	@$(IN) python -m tests.demo

walk-through: setup ## AWS's thirteen-step walk-through by one kubectl apply, shown call by call; KEEP=1 leaves it running
	@$(IN) python -m tests.demo walk-through

demo-down: ## end what a kept demo left running
	@$(IN) python -m tests.demo down

test: setup static ## every test, on real parts; KEEP_BED=1 keeps them for the next run
	@$(IN) pytest -n $(WORKERS) --dist worksteal

node: setup ## install the operator on a real node and look on; ANEW=1 builds the image from nothing
	@$(IN) python -m tests.node $(if $(ANEW),--anew)

check: static unit ## formatter, linter, types, import rules, and the tests that need no bed

static:
	@$(IN) ruff format --check --quiet
	@$(IN) ruff check --quiet
	@$(IN) basedpyright
	@if grep -qs importlinter .importlinter pyproject.toml; then $(IN) lint-imports; fi
	@$(IN) deptry operator
	@$(IN) python -m tests.bed.build helm
	@for chart in helm/*/Chart.yaml; do if [ -e "$$chart" ]; then $(IN) helm lint --quiet --strict "$${chart%/*}" || exit 1; fi; done

unit:
	@$(IN) pytest -q -n $(WORKERS) -m "not bed" tests/unit tests/contract tests/chart

chart: ## write what is made from the chart: its README and CRD, helm/bundle, helm/kustomize
	@$(IN) python -m tests.chart.make

function: ## the rotation function as a zip for Lambda, in dist/; FOR=3.13 another Python, CA=FILE with RDS's CA bundle
	@$(IN) python -m image.function_zip dist/rotated-rds-function.zip $(or $(FOR),3.13) $(CA)

bed-up: setup ## start the bed alone; ONLY=kubernetes,postgres starts some parts
	@$(IN) python -m tests.bed up $(if $(ONLY),--only $(ONLY)) $(if $(NAME),--name $(NAME))

bed-down: ## end the bed and remove its state
	@$(IN) python -m tests.bed down $(if $(NAME),--name $(NAME))

bed-status: ## what of the bed is alive, and where
	@$(IN) python -m tests.bed status $(if $(NAME),--name $(NAME))

bench: setup ## measure the operator among 1,000 resources; ONLY=propagation,drift measures some, JSON=FILE keeps the figures
	@$(IN) python -m bench $(ONLY) $(if $(JSON),--json $(JSON))

lock: ## pin requirements/*.txt anew from pyproject.toml
	@$(PYTHON) -m tests.bed.lock $(UV)

clean-cache: ## end every bed and remove ~/.cache/rotated-rds
	@$(PYTHON) -m tests.bed.clean
