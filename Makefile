# Every target is one line: scripts/bootstrap.py makes .venv, then the command runs in it.
# Variables given to make (LAB_NAME=, LAB_SUPPLY=, LAB_MIRROR=, BUNDLE=) reach the command as its
# environment.

PYTHON ?= python3
NO_PYTHON = found:    no $(PYTHON)\nexpected: Python 3.11 or newer\nnext:     install it (Debian, Ubuntu: apt-get install python3), or name it: make PYTHON=/path/to/python3\n
RUN = @command -v $(PYTHON) >/dev/null || { printf '$(NO_PYTHON)' >&2; exit 1; }; $(PYTHON) scripts/bootstrap.py
ifdef BUNDLE
export LAB_BUNDLE := $(abspath $(BUNDLE))
endif
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

.PHONY: up down pause resume clean status doctor logs reset lab rehearse board demo grafana docs bundle verify check test test-all test-faults bench picture requirements help

##@ The lab (LAB_NAME=hackfest; another name is another lab beside it)

up: ## bring the lab up, or back; safe to repeat (BUNDLE=file: without network)
	$(RUN) lab up

down: ## stop everything, delete nothing
	$(RUN) lab down

pause: ## stop everything, say what memory that frees and where you are
	$(RUN) lab pause

resume: ## bring it back after a pause, a restart, a sleep, an update; say where you were
	$(RUN) lab resume

clean: ## delete the lab; your own work is set aside and the place is named
	$(RUN) lab clean

status: ## each part: how it is, where it answers
	$(RUN) lab status

reset: ## everything back to the start of the lab begun last (LAB=07: of that lab)
	$(RUN) lab reset $(LAB)

lab: ## JupyterLab alone, and its address
	$(RUN) lab jupyter

demo: ## the whole story, told and timed; the lab stays as it was (STEP=1: key by key)
	$(RUN) lab demo $(if $(STEP),--step)

grafana: ## Grafana with your clone's dashboards, where its image can be pulled
	$(RUN) lab grafana

rehearse: ## the night before: every lab solved on a lab of its own beside yours (LABS=3,7)
	$(RUN) lab rehearse $(if $(LABS),--labs "$(LABS)")

board: ## the instructor's page of seats' files (FILES="seats/*.json", OUT=board.html)
	$(RUN) lab board $(FILES) --out $(or $(OUT),board.html)

docs: ## pages of the labs with outputs, seat card, cheat sheet (FROM=test-output, OUT=)
	$(RUN) python -m scripts.docs pages $(if $(FROM),--from $(FROM)) $(if $(OUT),--out $(OUT))

logs: ## the last lines of a part's log (PART=git; none lists the parts)
	$(RUN) lab logs $(PART)

doctor: ## what the lab stands on: found, needed, remedy
	$(RUN) lab doctor

##@ Where its parts come from (LAB_SUPPLY=pull, bundle or source; LAB_MIRROR=registry)

bundle: ## write everything to one file, with its checksum (FILE=gitops-hackfest.bundle)
	$(RUN) python -m scripts.supply bundle $(or $(FILE),gitops-hackfest.bundle)

verify: ## check every file of the cache against its checksum
	$(RUN) python -m scripts.supply verify

##@ Working on the project

check: ## lint, types and unit tests, without a cluster
	$(RUN) --dev python -m scripts.check

test: ## checks, every notebook, each part, in a browser too, on labs of its own
	$(RUN) --dev python -m scripts.test

test-all: ## the same with the tests that take minutes each; before a release
	$(RUN) --dev python -m scripts.test --all

test-faults: ## every fault, on a lab of its own: what was lost, how long until all is well
	$(RUN) --dev python -m scripts.faults

bench: ## measure all, on a lab of its own, into bench.json (PARTS=up,reset, RUNS=3)
	$(RUN) python -m scripts.bench

picture: ## take the README's pictures anew, on a lab of its own
	$(RUN) --dev env LAB_PICTURE=1 python -m pytest -k of_the_readme tests/browser

requirements: ## pin and hash requirements*.in anew into requirements*.txt
	$(RUN) --dev python -m scripts.pin

help: ## this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
