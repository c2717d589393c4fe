# Two commands on a fresh machine: `make demo` and `make test`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# What may be said beside a target, and is nothing otherwise.
BENCH ?=
DEMO ?=
# Where cargo builds; it reads this, too.
CARGO_TARGET_DIR ?= target
SIGN_WITH ?=

help: ## Lists the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: ## Builds PowerPi and runs it on this machine with two years of a simulated house (DEMO=--plain: with a single meter)
	@began=$$(date +%s); set -e; \
	deploy/install-packages.sh build; \
	cargo build --profile demo --locked --bins; \
	took=$$(($$(date +%s) - began)); \
	echo "Built in $$((took / 60)) min $$((took % 60)) s."; \
	$(CARGO_TARGET_DIR)/demo/powerpi demo --began $$began $(DEMO)

# With the features that tests ask of dependencies, as everything that follows has them: otherwise tokio and
# all that builds upon it would be built, and checked for the documentation, once more. An example is named
# because cargo looks at those features only then.
RELEASED = cargo build --release --locked --workspace --lib --bins
MEASURED = $(CARGO_TARGET_DIR)/release/examples
BUILT_FOR_TESTS = cargo build --workspace --lib --bins --tests --locked
DOCUMENTED = --lib $(foreach program,broker recorder web alarms,--bin powerpi-$(program)) --bin powerpi --example screenshots

test: ## Checks everything: format, lints, docs, unit, property and end-to-end tests
	deploy/install-packages.sh build test gpio cluster
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace $(DOCUMENTED) --no-deps --document-private-items --locked --quiet
	$(BUILT_FOR_TESTS)
	deploy/run-tests.sh

test-pages: ## Looks at every page in every language, theme and width, with and without JavaScript; the main ones also in Firefox
	deploy/install-packages.sh build test firefox
	[ -x target/geckodriver/bin/geckodriver ] || cargo install --locked --root target/geckodriver geckodriver@0.36.0
	$(BUILT_FOR_TESTS)
	PAGES=whole cargo test --workspace --locked --test pages --test settings_pages --test first_page -- --include-ignored --nocapture

RUNS ?= 3
test-beside-load: ## Runs all tests three times beside a load of 4 processes (RUNS=3)
	deploy/install-packages.sh build test gpio cluster
	end-to-end/gpio/build-kernel.sh > /dev/null
	$(BUILT_FOR_TESTS)
	end-to-end/beside-load.sh $(RUNS)

test-gpio: ## Counts real pulses in a real Linux kernel (User-mode Linux with gpio-sim)
	deploy/install-packages.sh build test gpio
	cargo build --workspace --bins --example publisher --locked
	BIN=$(CARGO_TARGET_DIR)/debug end-to-end/gpio/count-on-real-kernel.sh

screenshots: ## Retakes the pictures in docs/
	deploy/install-packages.sh build test
	$(RELEASED) --example screenshots
	$(MEASURED)/screenshots

KILLS ?= 1000
SOAK_MINUTES ?= 60
FUZZ_PACKETS ?= 1000000
LIVE ?= 10000x10
torture: ## Breaks things for an hour: kills, also of a cluster, power cuts, a soak test, attacks, 10,000 meters, damaged packets, two years of a house (KILLS=1000 SOAK_MINUTES=60)
	deploy/install-packages.sh build test cluster
	$(RELEASED) --example torture --example ingest --example cluster
	$(MEASURED)/torture --kills $(KILLS) --soak-minutes $(SOAK_MINUTES)
	$(MEASURED)/cluster --minutes 10 --document docs/TORTURE.md
	$(MEASURED)/ingest --live $(LIVE)
	FUZZ_PACKETS=$(FUZZ_PACKETS) cargo test --release --workspace --locked --test broker -- fuzz_damaged --nocapture --test-threads 1
	HOUSE_HISTORY=731d cargo test --release --workspace --locked --test demo_house
	$(PLAY_HISTORIES)

PLAY_HISTORIES = HISTORIES=$(HISTORIES) cargo test --release --workspace --locked --test histories -- --nocapture every_history
torture: HISTORIES ?= 100000
test-histories: HISTORIES ?= 1000000
test-histories: ## Plays random histories of cards, ledgers, brokers and recorders (HISTORIES=1000000)
	deploy/install-packages.sh build
	$(PLAY_HISTORIES)

test-cluster: MINUTES ?= 10
test-cluster: ## Kills, stops and cuts off three NATS nodes, two PostgreSQL servers, recorders, webs, alarms and publishers (MINUTES=10)
	deploy/install-packages.sh build test cluster
	$(RELEASED) --example cluster
	$(MEASURED)/cluster --minutes $(MINUTES) --document docs/TORTURE.md

test-cluster-guide: ## Follows docs/CLUSTER.md, command by command, on three machines in networks of their own, and tries the files of its compose file (as root)
	deploy/install-packages.sh build test cluster
	$(RELEASED)
	deploy/cluster/test.sh $(CARGO_TARGET_DIR)/release
	deploy/cluster/compose/test.sh $(CARGO_TARGET_DIR)/release

scale: ## Simulates what a million publishers do to brokers and recorders, and fills docs/SCALE.md
	deploy/install-packages.sh build
	$(RELEASED) --example scale
	$(MEASURED)/scale --document docs/SCALE.md

test-imports: ## Imports from a real MariaDB, and a year of minutes in each format, with its time and memory
	deploy/install-packages.sh build imports
	POWERPI_IMPORT_DAYS=366 cargo test --release --workspace --locked --test import -- --include-ignored --nocapture

test-home-assistant: ## Runs a real Home Assistant (as root; fetches Debian sid and it once): what it finds, and its hours after an outage
	deploy/install-packages.sh build test home-assistant
	end-to-end/home-assistant/build.sh
	cargo build --workspace --lib --bins --tests --locked
	cargo test --workspace --locked --test home_assistant -- --ignored --nocapture --test-threads 1

test-interop: MINUTES ?= 60
test-interop: ## Runs a site beside Prometheus, mosquitto as a bridge, Node-RED and, if it is there, Home Assistant (MINUTES=60)
	deploy/install-packages.sh build test
	end-to-end/interop-node-red.sh
	cargo build --workspace --bins --example beside --locked
	$(CARGO_TARGET_DIR)/debug/examples/beside --minutes $(MINUTES) --document docs/INTEROP.md

bench-sd-card: MINUTES ?= 10
bench-sd-card: ## What the publisher writes to its SD card in a day (as root)
	deploy/install-packages.sh build test
	$(RELEASED) --example sd_card
	$(MEASURED)/sd_card $(MINUTES)

SECONDS_EACH ?= 60
bench-publisher: ## What the publisher costs: size, memory, CPU per pulse and minute
	deploy/install-packages.sh build test
	$(RELEASED) --example publisher
	$(MEASURED)/publisher $(SECONDS_EACH)

bench-homes: ## Measures PostgreSQL beside SQLite: how fast minutes of 1,000 meters are taken, pages, and two recorders (BENCH='--quick')
	deploy/install-packages.sh build test
	$(RELEASED) --example homes --example bench
	$(MEASURED)/homes
	$(MEASURED)/bench homes $(BENCH)
	$(MEASURED)/bench recorders $(BENCH)

bench-broker: ## Measures the broker against mosquitto, taking turns, and its PUBACK against fdatasync (BENCH='--rounds 5')
	deploy/install-packages.sh build test
	$(RELEASED) --example brokers
	$(MEASURED)/brokers $(BENCH)

bench-ingest: ## Measures minutes of 1 to 10,000 meters beside mosquitto with other recorders (BENCH='--quick')
	deploy/install-packages.sh build test bench
	$(RELEASED) --example ingest
	$(MEASURED)/ingest $(BENCH)

bench-rest: ## Measures single messages, and a site at rest, beside mosquitto (BENCH='--rounds 3 --seconds 60')
	deploy/install-packages.sh build test
	$(RELEASED) --example bench
	$(MEASURED)/bench rest $(BENCH)

bench-pages: ## Measures every kind of page with ten years of minutes in three time zones (BENCH='--quick')
	deploy/install-packages.sh build test
	$(RELEASED) --example bench
	$(MEASURED)/bench pages $(BENCH)

bench-growth: ## Measures how cost grows with history, meters and viewers (BENCH='--quick')
	deploy/install-packages.sh build test
	$(RELEASED) --example bench
	$(MEASURED)/bench growth $(BENCH)

bench-web: ## Measures the pages against nginx and others, taking turns (BENCH=--quick)
	deploy/install-packages.sh build test bench
	$(RELEASED) --example bench_web
	$(MEASURED)/bench_web $(BENCH)

bench-attacks: ## Measures a publisher's PUBACKs and what the programs keep beside each attack (BENCH="--only 'part of its name'")
	deploy/install-packages.sh build test
	$(RELEASED) --example attacks
	$(MEASURED)/attacks $(BENCH)

bench: ## Measures everything beside the others, in an hour or so, and fills docs/PERFORMANCE.md (BENCH=--quick: 20 minutes)
	deploy/install-packages.sh build test bench
	$(RELEASED) --example brokers --example ingest --example bench --example bench_web --example attacks
	$(MEASURED)/bench pages --document docs/PERFORMANCE.md $(BENCH)
	$(MEASURED)/bench growth --document docs/PERFORMANCE.md $(BENCH)
	$(MEASURED)/ingest --document docs/PERFORMANCE.md $(BENCH)
	$(MEASURED)/bench rest --document docs/PERFORMANCE.md $(BENCH)
	$(MEASURED)/brokers --document docs/PERFORMANCE.md $(BENCH)
	$(MEASURED)/bench_web --document docs/PERFORMANCE.md $(BENCH)
	$(MEASURED)/attacks --document docs/SECURITY.md

deny: ## Checks licences, sources and known advisories of all dependencies (needs the network)
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
	cargo deny check

packages: ## Builds the Debian packages for this machine's architecture, in target/packages
	deploy/install-packages.sh build
	deploy/packages/build-programs.sh target/packaged
	rm -rf target/packages
	for package in powerpi-pi powerpi-server; do \
	    deploy/packages/build.sh $$package "$$(dpkg --print-architecture)" target/packaged/release target/packages || exit 1; done

packages-arm: ## Builds the packages for Raspberry Pis, too (as root; fetches Debian sid once)
	deploy/install-packages.sh build arm
	deploy/arm/build.sh
	deploy/packages/build-programs.sh target/packaged --package pi-publisher --bins
	deploy/packages/build.sh powerpi-pi armhf target/arm/armv6 target/packages target/packaged/release
	deploy/packages/build.sh powerpi-pi arm64 target/arm/arm64 target/packages target/packaged/release

static: ## Builds a tarball with a static pi-publisher for other Linuxes on amd64, in target/packages (needs rustup)
	deploy/install-packages.sh build static
	rustup target add x86_64-unknown-linux-musl
	CC_x86_64_unknown_linux_musl=musl-gcc deploy/packages/build-programs.sh target/packaged --package pi-publisher --bins --target x86_64-unknown-linux-musl
	deploy/static/build.sh target/packaged/x86_64-unknown-linux-musl/release/pi-publisher target/packages

test-static: static ## Installs the static tarball in a booted Debian 12, and upgrades it there (as root)
	deploy/install-packages.sh packages
	deploy/static/test.sh target/packages

release: packages ## Makes what a release's page needs, in target/release-page: also of packages for Raspberry Pis and the static tarball, if they are built (SIGN_WITH=KEY)
	[ ! -d target/arm/armv6 ] || deploy/packages/build.sh powerpi-pi armhf target/arm/armv6 target/packages target/packaged/release
	[ ! -d target/arm/arm64 ] || deploy/packages/build.sh powerpi-pi arm64 target/arm/arm64 target/packages target/packaged/release
	[ ! -e target/packaged/x86_64-unknown-linux-musl/release/pi-publisher ] || deploy/static/build.sh target/packaged/x86_64-unknown-linux-musl/release/pi-publisher target/packages
	SIGN_WITH='$(SIGN_WITH)' deploy/release.sh target/packages target/release-page

test-packages: packages ## Builds the packages twice and compares; installs, upgrades and removes them in a booted Debian 12 (as root)
	deploy/install-packages.sh packages
	deploy/packages/reproducible.sh target/packages target/packaged/release
	deploy/packages/test.sh target/packages
	deploy/packages/guide.sh target/packages
	deploy/raspberry-pi/test.sh
	deploy/install-packages.sh gpio test
	end-to-end/gpio/boot-debian.sh target/packages

test-arm: ## Runs the programs for Raspberry Pis in emulation against this machine's broker and recorder (as root)
	deploy/install-packages.sh build arm test-arm
	deploy/arm/build.sh
	cargo build --release --locked --bins
	deploy/arm/test.sh $(CARGO_TARGET_DIR)/release

test-container: ## Builds the image of the server's programs and runs compose.yaml with podman (as root)
	deploy/install-packages.sh build container
	cargo build --release --locked --bins
	deploy/container/test.sh $(CARGO_TARGET_DIR)/release/pi-publisher

.PHONY: packages packages-arm static test-static release test-packages test-arm test-container
.PHONY: help demo scale test test-pages test-cluster test-cluster-guide test-home-assistant test-interop test-beside-load test-gpio test-histories test-imports screenshots torture bench bench-homes bench-broker bench-growth bench-ingest bench-pages bench-rest bench-publisher bench-web bench-attacks bench-sd-card deny
