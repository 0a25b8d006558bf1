# Guanxi. `make run` to try it, `make test` to check it; docs/contributing.md has the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help tools run test lint lint-proto bench failover pgbackrest soak verify image images compose-test chart chart-run telemetry clean-data

# What `make tools` installed comes before what the machine has: the versions that are known to work.
export PATH := $(CURDIR)/.tools/venv/bin:$(PATH)
guanxi := target/release/guanxi

help:  ## What there is to make
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

tools:  ## Install what the build and the tests need, where it is missing
	@tools/install.sh

run: tools  ## Build, start all four services on SQLite, load a sample, and stay until Ctrl-C
	@cargo build --release --locked --package guanxi-suite
	@tools/sample.sh $(guanxi)

test: tools lint  ## Everything: lints, contracts, all tests (PostgreSQL and Redis are started for them)
	cargo test --workspace --locked --doc --quiet
	cargo nextest run --workspace --locked

lint: tools lint-proto  ## Format, clippy, contracts, dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	cargo deny --locked check bans licenses sources

lint-proto: tools  ## The contracts alone: style, and nothing that breaks a client of the main branch
	tools/lint-proto.sh

bench: tools  ## Throughput, latency and CPU beside the machine's own limits, on PostgreSQL with fsync
	cargo build --release --locked --package guanxi-suite --package guanxi-e2e --bin guanxi --bench load
	cargo bench --locked --package guanxi-suite --package guanxi-e2e --bench load

failover: tools  ## A PostgreSQL pair whose primary is killed under load (installs pg_auto_failover and HAProxy, as root)
	tools/failover.sh
	cargo nextest run --workspace --locked --run-ignored only --no-capture -E 'package(guanxi-e2e) and test(failover)'

pgbackrest: tools  ## PostgreSQL brought back to a moment by the recipe of docs/backup.md (installs pgbackrest, as root)
	tools/pgbackrest.sh
	cargo nextest run --workspace --locked --run-ignored only --no-capture -E 'package(guanxi-e2e) and test(pgbackrest)'

soak: tools  ## Two of each service under load, one killed every 20 s, for ten minutes or SOAK_SECONDS
	cargo build --workspace --locked
	cargo nextest run --workspace --locked --run-ignored only --no-capture -E 'package(guanxi-e2e) and test(soak)'

chart: tools  ## The Helm chart: rendered, validated, and held against the product; needs no cluster
	.tools/venv/bin/python k8s/check.py

chart-run: tools  ## Run the chart's own pods with podman: all in one, then four with PostgreSQL and Redis (as root)
	tools/podman.sh
	.tools/venv/bin/python k8s/run.py

telemetry: tools  ## Alerts tested, and every query of dashboards and alerts run on a loaded suite by Prometheus (as root)
	tools/prometheus.sh
	promtool check rules k8s/charts/guanxi/rules/*.yaml
	promtool test rules deploy/observability/rules_test.yaml
	.tools/venv/bin/python k8s/dashboards.py
	cargo nextest run --workspace --locked --run-ignored only --no-capture -E 'package(guanxi-e2e) & test(/^queries::/)'

verify:  ## Check every invariant of the running services
	@cargo build --release --locked --package guanxi-suite
	$(guanxi) verify

image:  ## The container image, from target/release/guanxi (or GUANXI_BINARY)
	@[ -n "$${GUANXI_BINARY:-}" ] || cargo build --release --locked --package guanxi-suite
	@deploy/docker/image.sh prebuilt $${GUANXI_BINARY:-}

images:  ## The container image as it is published: from source, within the builder
	@deploy/docker/image.sh release

compose-test: tools  ## Containers, every call, and an import while services, Redis and PostgreSQL come and go
	@[ -n "$${GUANXI_BINARY:-}" ] || cargo build --release --locked --package guanxi-suite
	@deploy/compose/test.sh

clean-data:  ## Remove the data that `make run` made
	rm -rf .guanxi
