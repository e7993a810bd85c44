# The one entry point. `make` checks everything; `make help` lists the targets.
.DEFAULT_GOAL := check
SHELL := /bin/sh
SWIFT_BUILD := swift build --explicit-target-dependency-import-check error
# Binaries that need no Swift runtime on the machine they are copied to; they start in two thirds of the time, too.
SWIFT_RELEASE := $(SWIFT_BUILD) -c release --static-swift-stdlib
SOURCES := Package.swift Sources Tests Snippets Integrations Benchmarks
# Debian's own Python has the packages of the reference decoder.
PYTHON := /usr/bin/python3

.PHONY: check test demo release extension lint format build vectors packages clean help

check: packages lint build unit vectors ## lint, build with the import check, all tests, the reference decoder over the vectors

test: packages build unit vectors ## install what is missing, run every test

demo: packages release ## start a server, push a log file, follow it live; SECONDS=10 ends by itself, LOG=FILE picks the file
	@Scripts/demo.sh "$(SECONDS)" "$(LOG)"

release: packages ## logs and logsd in .build/release/
	$(SWIFT_RELEASE) --product logsd
	$(SWIFT_RELEASE) --product logs

extension: packages ## the tables of logsd sql for sqlite3 and other programs: .build/release/logs.so
	$(SWIFT_RELEASE) --product logs-extension
	@cp .build/release/liblogs-extension.so .build/release/logs.so

lint: ## formatting and style, as .swift-format says
	swift format lint --strict --recursive --parallel $(SOURCES)

format: ## bring the sources into that form
	swift format --in-place --recursive --parallel $(SOURCES)

build:
	$(SWIFT_BUILD) --build-tests

.PHONY: ship-torture
ship-torture: release ## rotate files in every way, kill the shipper and the server, count lost and doubled lines; SECONDS=60
	@python3 -B Scripts/ship-torture.py --seconds $(or $(SECONDS),60)

.PHONY: test-system
test-system: build ## tests with other people's programs, which are installed: nginx, node, tmux, Docker, journald, Chromium; with root, a disk of 4 KiB blocks
	@Scripts/packages.sh nginx-light nodejs tmux chromium python3-venv systemd systemd-journal-remote docker.io busybox-static
	@Scripts/unit-tests.sh --filter 'ReverseProxyTests|HTTPClientsTests|TerminalScreenTests|JournalSourceTests'
	@LOGS_BINARIES=.build/debug python3 -B Scripts/ship-torture.py --seconds 10
	@Scripts/ship-journal-check.sh
	@Scripts/journal-blocks-check.sh
	@LOGS_BINARIES=.build/debug $(PYTHON) -B Scripts/ship-docker-check.py --seconds 9
	@Scripts/viewer-tests.sh
	@LOGS_BINARIES=.build/debug .build/viewer-tests/bin/python -B Scripts/ship-docker-check.py --screen 5

.PHONY: test-viewer
test-viewer: build ## the viewer in Chromium; TESTS="test_reading" picks some, FLOOD_SECONDS=180, VIEWER_PICTURES=DIR
	@Scripts/packages.sh chromium nginx-light python3-venv
	@Scripts/viewer-tests.sh $(TESTS)

.PHONY: unit
unit:
	@Scripts/unit-tests.sh

vectors: ## the independent decoder over all vectors
	$(PYTHON) spec/reference/check_vectors.py

.PHONY: fuzz
fuzz: packages ## fuzz what others send, with the address sanitizer; SECONDS=60 in all, TARGET="http lines" picks some
	@Scripts/fuzz.sh $(or $(SECONDS),60) $(TARGET)

.PHONY: asan
asan: packages ## the tests under the address sanitizer, without end-to-end tests; SUITE=REGEX picks some of all
	@Scripts/sanitized-tests.sh address '$(SUITE)'

.PHONY: tsan
tsan: packages ## the tests under the thread sanitizer, without end-to-end tests; SUITE=REGEX picks some of all
	@Scripts/sanitized-tests.sh thread '$(SUITE)'

.PHONY: bench
bench: packages ## micro-benchmarks: time and allocations of an operation; ARGUMENTS="-o json append", a word picks some
	$(SWIFT_RELEASE) --product microbench
	@.build/release/microbench $(ARGUMENTS)

.PHONY: bench-compare
bench-compare: release ## the same work for logsd and Redis, or rg, in turn, ratios; ARGUMENTS="B6 B7" picks some; ROUNDS=3, ENTRIES=1000000, SECONDS=5, CORPUS=FILE
	@Scripts/packages.sh redis-server ripgrep
	@$(PYTHON) Scripts/bench-compare.py $(ARGUMENTS)

.PHONY: bench-growth
bench-growth: release ## how costs grow with entries, streams, followers, size; STREAMS="1 100", ..., ARGUMENTS="streams" picks some
	@$(PYTHON) Scripts/bench-growth.py $(ARGUMENTS)

.PHONY: swift-log
swift-log: build ## the swift-log handler and its tests, which fetch swift-log; not part of the other targets
	LOGS_BINARIES=$(CURDIR)/.build/debug swift test --package-path Integrations/swift-log/LogsLogging \
		--explicit-target-dependency-import-check error

.PHONY: metrics
metrics: build ## has promtool, which is in Debian's package prometheus, check the metrics
	@Scripts/metrics-check.sh

.PHONY: service
service: build ## has systemd's own tools judge the units, and a real journald take the server's log; needs root
	@Scripts/packages.sh systemd
	@Scripts/service-check.sh

.PHONY: tls
tls: release ## has openssl and sslyze (from PyPI) judge the TLS of the release build, and wrong certificates refused
	@Scripts/tls-check.sh

.PHONY: man
man: release ## the man pages of both programs, in .build/man, made from what they say for help
	@mkdir -p .build/man
	@Scripts/man-pages.sh .build/man
	@echo "man -l .build/man/logs.1"

.PHONY: deb
deb: release extension ## a Debian package of both programs, the service, man pages and completions, in .build
	@Scripts/packages.sh dpkg-dev
	@Scripts/deb.sh

.PHONY: image image-check
image: release ## a container image of both programs, with docker build: logs:VERSION and logs:latest
	@Scripts/image.sh

image-check: image ## runs the image without rights and on a read-only root: push, follow, restart, stop, health
	@Scripts/image-check.sh

.PHONY: docs
docs: packages ## the SDK's reference and articles, in .build/docs; `docc preview` or any web server shows them
	@Scripts/docs.sh

packages: ## install the Debian packages that are missing
	@Scripts/packages.sh

clean: ## remove everything that was built
	rm -rf .build

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST) | awk -F': ' '{ printf "make %-13s %s\n", $$1, $$2 }'
