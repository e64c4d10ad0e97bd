# Each target is one call of `python -m common.cli VERB` or `python -m benchmarks VERB`; see --help.
# `make help` lists the targets.

# A Python of a supported version: python3 first, then the newest.
is_right_python := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
right_pythons = $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c '$(is_right_python)' 2>/dev/null && echo $(name)))
PYTHON ?= $(or $(firstword $(right_pythons)),python3)
VENV := .venv
BIN := $(VENV)/bin
CLI := $(BIN)/python -m common.cli

define newline


endef
# Quotes a variable for the shell, so that texts may contain any character; a line break becomes a space.
quote = '$(subst ','\'',$(subst $(newline), ,$(1)))'
# --option VALUE, if the variable is set.
option = $(if $(value $(2)),--$(1) $(call quote,$(value $(2))))
# DATA_TEXT=review becomes --column TEXT=review, for any column of a task. Only variables of the command line
# count: a DATA_DIR in the user's environment is not a column.
column_variables = $(filter-out DATA_VALIDATION DATA_TEST,$(filter DATA_%,$(given)))
columns = $(foreach variable,$(column_variables),--column $(call quote,$(variable:DATA_%=%)=$(value $(variable))))
# PAIR=en-de is SET="data.pair=en-de", HORIZON=28 is SET="data.horizon=28".
changes = $(strip $(value SET)$(if $(value PAIR), data.pair=$(value PAIR))$(if $(value HORIZON), data.horizon=$(value HORIZON)))
what = $(call option,task,TASK) $(if $(changes),--set $(call quote,$(changes)))
which = $(call option,run,RUN) $(call option,model,MODEL)

# The variables of each target. Others are errors, because they would be ignored silently.
train.takes := TASK DATASET PRESET SET DATA DATA_% PAIR HORIZON RUN
evaluate.takes := TASK RUN MODEL DATA DATA_% SET OUTPUT
export.takes := TASK RUN
predict.takes := TASK RUN MODEL TEXT INPUT DATA_% SET OUTPUT PLOT FORMAT
benchmark.takes := TASK DATASET RECIPE
gradient-flow.takes := OUTPUT
datasets.takes := TASK
runs.takes := TASK
config.takes := TASK PRESET DATASET SET PAIR HORIZON
new-task.takes := NAME INPUT

given = $(foreach variable,$(.VARIABLES),$(if $(filter command,$(origin $(variable))),$(variable)))
# make would expand what it exports: a text may hold $(shell ...).
unexport $(given)
variables := PYTHON $(sort $(foreach takes,$(filter %.takes,$(.VARIABLES)),$($(takes))))
misspelt := $(filter-out $(variables),$(given))
ifneq ($(misspelt),)
$(error unknown variable $(misspelt). Valid: $(subst %,...,$(variables)))
endif
taken := $(foreach goal,$(MAKECMDGOALS),$($(goal).takes))
# The files of the splits are not columns.
ignored := $(filter-out PYTHON $(taken),$(given)) \
	$(if $(filter train,$(MAKECMDGOALS)),,$(filter DATA_VALIDATION DATA_TEST,$(given)))
ignored := $(strip $(ignored))
ifneq ($(ignored),)
$(error make $(MAKECMDGOALS) does not use $(ignored). It uses: $(or $(subst %,...,$(sort $(taken))),no variables); see make help)
endif

.DEFAULT_GOAL := help
.PHONY: help train evaluate export predict benchmark results-page speed gradient-flow datasets runs config new-task test test-all lint format lock clean

help: ## list the targets
	@echo "make TARGET [VARIABLE=value ...]"; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

pip_install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

# Created once, and again when the lock file changes. pip itself is first: older versions lack
# --build-constraint, which also checks the hashes of the build requirements of source distributions.
$(VENV)/ready: requirements.lock
	@$(PYTHON) -c '$(is_right_python)' \
		|| { echo "Error: Python 3.11, 3.12 or 3.13 is needed; set PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	sed -n '/^pip==/,/[^\\]$$/p' requirements.lock | $(pip_install) -r /dev/stdin
	$(pip_install) --build-constraint requirements.lock -r requirements.lock
	@touch $@

train: $(VENV)/ready ## train a run and score it: TASK= [DATASET=] [PRESET=] [SET="a.b=c"] [DATA=file DATA_TEXT= DATA_LABEL= DATA_TIME= DATA_TARGET= DATA_VALIDATION= DATA_TEST=] [PAIR=en-de] [HORIZON=steps] [RUN=name]; to resume a killed run: only RUN=name
	@$(CLI) train $(what) $(call option,dataset,DATASET) $(call option,preset,PRESET) $(call option,data,DATA) \
		$(call option,data-validation,DATA_VALIDATION) $(call option,data-test,DATA_TEST) $(columns) $(call option,run,RUN)

evaluate: $(VENV)/ready ## score a run on its test split, or on DATA=: TASK= [RUN=|MODEL=|MODEL=run1,run2] [DATA=file DATA_TEXT= DATA_LABEL= SET=] [OUTPUT=folder]
	@$(CLI) evaluate $(what) $(which) $(call option,data,DATA) $(columns) $(call option,output,OUTPUT)

export: $(VENV)/ready ## export a run as a SavedModel: TASK= [RUN=]
	@$(CLI) export $(call option,task,TASK) $(call option,run,RUN)

predict: $(VENV)/ready ## answer a text, a file or standard input: TASK= [RUN=|MODEL=|MODEL=run1,run2] [TEXT=] [INPUT=file DATA_TEXT=column SET= OUTPUT=file] [PLOT=file.png] [FORMAT=json]
	@$(CLI) predict $(call option,task,TASK) $(call option,set,SET) $(which) $(if $(filter-out undefined,$(origin TEXT)),--text $(call quote,$(value TEXT))) \
		$(call option,input,INPUT) $(call option,output,OUTPUT) $(columns) $(call option,format,FORMAT) \
		$(call option,plot,PLOT)

benchmark: $(VENV)/ready ## train the recipes and record their scores: TASK= [DATASET=] [RECIPE=]
	@$(BIN)/python -m benchmarks run $(call option,task,TASK) $(call option,dataset,DATASET) $(call option,recipe,RECIPE)

results-page: $(VENV)/ready ## generate the results page from the recorded results
	@$(BIN)/python -m benchmarks results-page

speed: $(VENV)/ready ## measure the speed of the recurrent layers, and of Keras's
	@$(BIN)/python -m benchmarks.speed

gradient-flow: $(VENV)/ready ## measure how far back recurrent layers learn: [OUTPUT=folder]
	@$(BIN)/python -m benchmarks gradient-flow $(call option,output,OUTPUT)

datasets: $(VENV)/ready ## list the data sets, with licences: [TASK=]
	@$(CLI) datasets $(call option,task,TASK)

runs: $(VENV)/ready ## list the runs with their scores: [TASK=]
	@$(CLI) runs $(call option,task,TASK)

config: $(VENV)/ready ## print every setting with its meaning: TASK= [PRESET=] [DATASET=] [SET=] [PAIR=en-de] [HORIZON=steps]
	@$(CLI) config $(what) $(call option,preset,PRESET) $(call option,dataset,DATASET)

new-task: $(VENV)/ready ## create the skeleton of a task, with a first test and a recipe: NAME= [INPUT=text|characters|series|images]
	@$(CLI) new-task $(if $(value NAME),$(call quote,$(value NAME))) $(call option,input,INPUT)

test: $(VENV)/ready ## run all tests except the slow ones
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: $(VENV)/ready ## run all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "slow or not slow"

lint: $(VENV)/ready ## check the code's style and the order of imports between chapters
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

format: $(VENV)/ready ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The same with each of the three Pythons, except for one line of its header.
lock: $(VENV)/ready ## generate requirements.lock from requirements.txt
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m piptools compile --quiet --generate-hashes --no-annotate --strip-extras \
		--allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file=requirements.lock requirements.txt

clean: ## remove the environment and caches; runs and exports are kept
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
