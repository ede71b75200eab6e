# Each target does its own set-up: a machine with Rust, a C compiler, git and npm needs nothing else.

export DUCKDB_LIB_DIR ?= $(CURDIR)/.duckdb
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help build demo test lint duckdb postgres

help: ## List the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: duckdb ## Watch a branch become an environment and a merge promote it; DIR=folder says where
	cargo run --locked --quiet -- demo "$${DIR:-$$(mktemp -d)/offshoot-demo}"

test: duckdb postgres ## Run all tests
	cargo test --locked

build: duckdb ## Build a release binary that runs from anywhere: target/release/bot
	cargo build --locked --release
	for library in "$$DUCKDB_LIB_DIR"/libduckdb.*; do \
		name=$$(basename "$$library"); \
		cp "$$library" "$(TARGET)/release/.$$name.new" && mv -f "$(TARGET)/release/.$$name.new" "$(TARGET)/release/$$name"; \
	done
	@echo "built $(TARGET)/release/bot"

lint: duckdb ## Check formatting and lints, warnings denied
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

duckdb:
	@scripts/duckdb-lib.sh

postgres:
	@scripts/postgres-server.sh
