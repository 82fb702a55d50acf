# `make run` and `make test` are the two that matter; `make help` lists the rest.
# A stage of `make test` is a target of its own, so that one can be run alone.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

CONSOLE := admin-web/console
CONSOLE_PAGE := $(CONSOLE)/dist/index.html
CONSOLE_PACKAGES := $(CONSOLE)/node_modules/.package-lock.json
# Folders are listed too: their dates tell of a file that was removed.
CONSOLE_SOURCES := $(shell find $(CONSOLE) -mindepth 1 \( -name node_modules -o -name dist \) -prune -o -print)

say = @printf '\n── %s\n'

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: need-run $(CONSOLE_PAGE) ## Build what changed and start the demo (ARGS=--fresh begins anew)
	$(say) 'poste: development build'
	cargo build --locked --package node --bin poste
	$(say) 'poste demo'
	cargo run --quiet --locked --package node --bin poste -- demo $(ARGS)

.PHONY: test
test: lint test-console test-rust test-story chaos ## Everything: lint, console, Rust, the story in Chromium, the harness

# ── Lint ────────────────────────────────────────────────────────────────────

.PHONY: lint
lint: need-test fmt-check shellcheck clippy doc deny machete ## Every check that runs no test

.PHONY: fmt
fmt: ## Format the Rust code
	cargo fmt --all

.PHONY: fmt-check
fmt-check:
	$(say) 'cargo fmt'
	cargo fmt --all --check

.PHONY: clippy
clippy: $(CONSOLE_PAGE)
	$(say) 'clippy, warnings are errors'
	cargo clippy --locked --workspace --all-targets -- --deny warnings

.PHONY: doc
doc: $(CONSOLE_PAGE)
	$(say) 'cargo doc, warnings are errors'
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --workspace --no-deps

.PHONY: deny
deny: need-tools
	$(say) 'cargo-deny'
	scripts/check-dependencies.sh

.PHONY: machete
machete: need-tools
	$(say) 'cargo-machete'
	cargo machete

.PHONY: shellcheck
shellcheck: need-test
	$(say) 'shellcheck'
	shellcheck .ci/run scripts/*.sh

# ── Tests ───────────────────────────────────────────────────────────────────

.PHONY: test-rust
test-rust: need-test need-tools $(CONSOLE_PAGE) ## Rules, machine, links, web: every Rust test and doc test
	$(say) 'Rust tests'
	cargo nextest run --locked --workspace --exclude chaos-tests
	$(say) 'doc tests'
	cargo test --locked --workspace --exclude chaos-tests --doc

.PHONY: test-console
test-console: need-run $(CONSOLE_PAGE) ## Types, eslint and unit tests of the console and the kiosk page
	$(say) 'console: vue-tsc, eslint, vitest'
	npm --prefix $(CONSOLE) run --silent check
	npm --prefix $(CONSOLE) run --silent lint
	npm --prefix $(CONSOLE) run --silent test

.PHONY: test-story
test-story: need-test $(CONSOLE_PAGE) ## The story and the faces in Chromium, on real processes
	$(say) 'browser tests on real processes'
	cargo build --locked --package node --bin poste
	node --test --test-concurrency=1 $(CONSOLE)/e2e/*.test.mjs

# ── Chaos ───────────────────────────────────────────────────────────────────

# Built apart from the rest: what a simulated world needs (stand-ins for signatures, planted bugs) is a
# feature that no node may have, and cargo would share it with everything built in one go.
CHAOS := target/chaos/poste-chaos
POSTE := target/debug/poste
HOURS := 8
WORKERS := 2
CHAOS_REPORT := target/chaos-report
# English, so that .ci/run finds the counts.
in_english := LC_ALL=C

.PHONY: chaos
chaos: test-chaos chaos-worlds chaos-subset ## The harness's own tests, two hundred drawn worlds, a few scenarios on real processes

.PHONY: test-chaos
test-chaos: need-test need-tools need-lab chaos-poste
	$(say) "the harness's own tests"
	POSTE_BINARY="$$PWD/$(POSTE)" PATH="$$PATH:/usr/sbin:/sbin" \
		cargo nextest run --locked --package chaos-tests --cargo-profile chaos
	cargo test --locked --package chaos-tests --profile chaos --doc

.PHONY: chaos-worlds
# The same ones each time: what a change breaks is told from what a new seed finds. Nights draw new ones.
chaos-worlds: chaos-build
	$(say) 'chaos: two hundred drawn worlds'
	$(in_english) $(CHAOS) night --seeds 200 --from-seed 1 --workers $(WORKERS) --report $(CHAOS_REPORT)

.PHONY: chaos-subset
chaos-subset: need-lab chaos-build chaos-poste
	$(say) 'chaos: a few scenarios on real processes'
	$(in_english) $(CHAOS) run subset --target lab --report $(CHAOS_REPORT)

.PHONY: chaos-lab
chaos-lab: need-lab chaos-build chaos-poste ## Every scenario that real processes can bear (SECONDS_EACH=300), as root
	$(CHAOS) run all --target lab --within $(or $(SECONDS_EACH),300) --report $(CHAOS_REPORT)

.PHONY: chaos-night
chaos-night: chaos-build ## Drawn worlds for a night (HOURS=8 WORKERS=2), into target/chaos-report
	$(CHAOS) night --hours $(HOURS) --workers $(WORKERS) --report $(CHAOS_REPORT)

.PHONY: chaos-day
chaos-day: chaos-build ## Two hundred kiosks from opening to closing, in the simulator: hours
	$(CHAOS) run chaos-tests/days/whole-day.toml --seed 1 --report $(CHAOS_REPORT)

.PHONY: chaos-real
chaos-real: chaos-build ## Every scenario in the simulator on real links, stores and signatures
	$(CHAOS) run all --real --seed 1 --report $(CHAOS_REPORT)

.PHONY: chaos-mutants
chaos-mutants: chaos-build ## Whether planted bugs are caught (SEEDS=300), into docs/mutants.md
	status=0; $(in_english) $(CHAOS) mutants --workers $(WORKERS) --seeds $(or $(SEEDS),300) \
	  --report $(CHAOS_REPORT) || status=$$?; cp $(CHAOS_REPORT)/mutants.md docs/; exit $$status

.PHONY: chaos-growth
chaos-growth: need-lab chaos-build chaos-poste ## Memory, traffic and convergence against the number of nodes
	$(CHAOS) growth

.PHONY: chaos-build chaos-poste
chaos-build:
	$(say) 'poste-chaos'
	cargo build --locked --profile chaos --package chaos-tests --bin poste-chaos

chaos-poste: $(CONSOLE_PAGE)
	$(say) 'poste: development build'
	cargo build --locked --package node --bin poste

# ── Figures ─────────────────────────────────────────────────────────────────

# A network namespace of its own: the wire is cut and counted there, and nothing else is on it.
.PHONY: bench
bench: need-bench $(CONSOLE_PAGE) ## Speed and size of a release build, into docs/bench.md (PARTS=clicks: only that)
	$(say) 'poste: release build'
	cargo build --release --locked --package node --bin poste --example history
	PATH="$$PATH:/usr/sbin:/sbin" unshare --user --map-root-user --net -- \
		bash -c 'ip link set lo up && exec node scripts/bench/bench.mjs "$$@"' bench $(PARTS)

# ── The console's page, embedded in the binary ──────────────────────────────

.PHONY: console
console: need-run $(CONSOLE_PAGE) ## Build the console's page, if its sources are newer

$(CONSOLE_PACKAGES): $(CONSOLE)/package.json $(CONSOLE)/package-lock.json
	$(say) 'console: packages from npm'
	npm --prefix $(CONSOLE) ci --no-audit --no-fund
	@touch $@

$(CONSOLE_PAGE): $(CONSOLE_PACKAGES) $(CONSOLE_SOURCES)
	$(say) 'console: page'
	npm --prefix $(CONSOLE) run --silent build
	@touch $@

# ── What the machine needs ──────────────────────────────────────────────────

.PHONY: need-run need-test need-bench need-lab need-tools
need-run:
	@scripts/need.sh run

need-test:
	@scripts/need.sh test

need-bench: need-run
	@scripts/need.sh bench

need-lab: need-run
	@scripts/need.sh lab

need-tools:
	@scripts/need-tools.sh
