# `make` alone lists the targets.
GO       ?= go
FUZZTIME ?= 1m
# The race detector needs a C compiler. Without one the tests run all the same.
RACE     := $(shell command -v $(or $(CC),cc) >/dev/null 2>&1 && echo -race)
# make bench BEFORE=PATH measures an older build beside the current one.
BEFORE_FLAG = $(if $(BEFORE),-before $(BEFORE))
# NSD=PATH and KNOT=PATH measure programs built from source beside Debian's; THREADS=2 gives
# each server two threads; VETH=1 sends queries between network namespaces (needs root).
PEER_FLAGS = $(if $(NSD),-nsd $(NSD)) $(if $(KNOT),-knot $(KNOT)) $(if $(THREADS),-threads $(THREADS)) $(if $(VETH),-veth)
# Most of these tests wait, for programs to start or for seconds to pass: more of them at
# a time than there are cores take less time.
E2E_PARALLEL ?= 6
PACKAGES := cmd/toponym/e2e/packages.txt

.PHONY: help run test e2e e2e-deps bench bench-flat bench-forward bench-live bench-watch bench-transfer bench-node bench-attack lint test-arm64 vulncheck fuzz build man site release

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 16

# Not by "go run", which turns the Ctrl-C that ends the demo into an error.
run: ## answer for a simulated cluster, with no other set-up
	$(GO) build -o bin/toponym ./cmd/toponym
	@bin/toponym demo

test: ## run all tests that need nothing but Go
	$(GO) vet ./...
	$(GO) test $(RACE) ./...
	$(GO) test -tags bench ./cmd/toponym/bench/

e2e: e2e-deps ## run the tests with installed clients: dig, kdig, Unbound, HAProxy and others
	$(GO) vet -tags e2e ./cmd/toponym/e2e/
	@rm -rf bin/e2e && mkdir -p bin/e2e
	$(GO) test -tags e2e -count=1 -parallel $(E2E_PARALLEL) -timeout 60m -artifacts -outputdir $(CURDIR)/bin/e2e ./cmd/toponym/e2e/
	$(GO) test -modfile api/traefik/testdata/traefikcheck/traefik.mod -tags traefik -count=1 ./api/traefik/testdata/traefikcheck

# Clients are installed where that is possible; a test whose client is missing
# skips by name, except in CI.
e2e-deps:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		missing=""; \
		for p in $$(grep -v '^#' $(PACKAGES)); do \
			dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$p"; \
		done; \
		if [ -n "$$missing" ]; then \
			echo "installing$$missing"; \
			apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing >/dev/null; \
		fi; \
	fi

bench: ## measure reading a state, and serving beside NSD and Knot (20 minutes, two quiet cores)
	$(GO) test -run '^$$' -bench . -benchmem -count 5 -timeout 30m ./internal/jsonscan/ ./state/master/ ./zone/ ./resolver/ ./internal/server/
	$(GO) run -tags bench ./cmd/toponym/bench $(BEFORE_FLAG) $(PEER_FLAGS) -o serving.bench.json

bench-flat: ## measure latency while a state of 100,000 tasks is read over and over
	$(GO) run -tags bench ./cmd/toponym/bench $(BEFORE_FLAG) -flat -o flat.bench.json

bench-forward: ## measure forwarding beside Unbound, dnsmasq, dnsdist and CoreDNS (COREDNS=path)
	$(GO) run -tags bench ./cmd/toponym/bench $(BEFORE_FLAG) -forward -coredns $(or $(COREDNS),coredns) -o forward.bench.json

bench-transfer: ## measure zone transfers beside Knot and BIND as primaries
	$(GO) run -tags bench ./cmd/toponym/bench -transfer -o transfer.bench.json

bench-node: ## measure what a secondary costs that a node runs: Unbound, Knot, NSD
	$(GO) run -tags bench ./cmd/toponym/bench -node -o node.bench.json

bench-watch: ## measure latency while 1,000 clients watch 1,000 changes per second
	$(GO) run -tags bench ./cmd/toponym/bench -watch -o watch.bench.json

bench-live: ## measure changes that events tell of, at 1,000 and at 100,000 tasks
	$(GO) run -tags bench ./cmd/toponym/bench $(BEFORE_FLAG) -live -o live.bench.json

bench-attack: ## measure latency and memory while clients and tenants take what they can get
	$(GO) run -tags bench ./cmd/toponym/bench $(BEFORE_FLAG) -attack -rounds 3 -o attack.bench.json

lint: ## gofmt, go vet for both architectures, staticcheck
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "not formatted:"; echo "$$out"; exit 1; fi
	$(GO) vet -tags e2e,bench ./...
	GOARCH=arm64 $(GO) vet -tags e2e,bench ./...
	$(GO) tool staticcheck -tags e2e,bench ./...

# What is computed is the same on both architectures. qemu takes a few times as long, so
# these are the packages whose tests do not wait for other processes and the network.
PURE := ./compare/ ./config/ ./internal/dnswire/ ./internal/hostport/ ./internal/jsonscan/ ./internal/names/ \
	./internal/nearest/ ./records/ ./resolver/cache/ ./state/ ./zone/

# What answers or forwards over UDP in batches makes system calls of its own, which qemu passes on.
BATCHES := SocketsShareThePort|SystemHasBatchCalls|RepliesCome|CostsNoOther|OfAnySize|RoomInTheSockets|HoldsUpOneBatch|ABurst|NeverIdle|ResponseOfABatch|SeveralBatches|ClosingASocketEnds|NoSendHides|LateResponses

test-arm64: e2e-deps ## run the tests of what computes, and of batches over UDP, for arm64, under qemu (3 minutes)
	@if command -v qemu-aarch64-static >/dev/null; then \
		GOARCH=arm64 CGO_ENABLED=0 $(GO) test -exec qemu-aarch64-static $(PURE) && \
		GOARCH=arm64 CGO_ENABLED=0 $(GO) test -exec qemu-aarch64-static -run '$(BATCHES)' ./resolver/ ./resolver/upstream/; \
	else \
		echo "test-arm64: NOT RUN: qemu-aarch64-static is not installed: Debian package qemu-user-static"; \
		[ -z "$$CI" ]; \
	fi

# Vulnerabilities fail the build, and so does any other error, but not that the
# database cannot be reached: that says nothing about the code.
vulncheck: ## look for known vulnerabilities that the programs can run into
	@out=$$($(GO) tool -modfile=release/tools.mod govulncheck ./... 2>&1); status=$$?; echo "$$out"; \
	case "$$status $$out" in \
	0*) ;; \
	*"fetching vulnerabilities: "*) echo "vulncheck: NOT CHECKED: the vulnerability database cannot be reached" ;; \
	*) exit 1 ;; \
	esac

fuzz: ## run every fuzz target for FUZZTIME (1m)
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; \
			$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$p || exit 1; \
		done; \
	done

release: ## build deb and rpm packages and lists of contents into dist/ (VERSION=1.2.3)
	$(GO) run ./cmd/release $(if $(VERSION),-version $(VERSION))

build: ## build the server and the simulation into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/toponym ./cmd/mesos-sim

site: ## build the pages of the repository as one site into bin/site (Debian package hugo)
	hugo --quiet --noBuildLock --panicOnWarning --source docs/site

man: build ## write manual pages and completion scripts to bin/man1 and bin/completion
	bin/toponym man bin/man1
	@mkdir -p bin/completion
	@for shell in bash zsh fish; do bin/toponym completion $$shell > bin/completion/toponym.$$shell || exit 1; done
