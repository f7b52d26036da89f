# SPDX-License-Identifier: Apache-2.0
#
# "make" alone lists the targets.

GO ?= go
# That of the toolchain in use, which need not be the one on the PATH.
GOFMT = "$$($(GO) env GOROOT)/bin/gofmt"

# -race where there is a C compiler that works, else nothing. Asked once, and only by a target that wants to know.
RACE = $(eval RACE := $(shell CGO_ENABLED=1 $(GO) build -race runtime/cgo >/dev/null 2>&1 && echo -race))$(RACE)
CGO = CGO_ENABLED=$(if $(RACE),1,0)

# Where the tests note what they emit. The name must not begin with PENSTOCK_: those variables are settings.
SEEN = $(abspath .contract-seen)

.DEFAULT_GOAL := help
.PHONY: help test contract test-busy check lint fmt fmt-check vet tidy-check staticcheck api api-check servers quickstart config config-check conformance bench-pool bench-chain bench-milvus recovery diagnose differential dashboards dashboards-check milvusv2-check page-check admin-soak

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: check ## every check, then every test with the race detector and, where installed, real servers
	@if [ "$${PENSTOCK_REQUIRE_REAL:-}" != 1 ]; then \
		for server in milvus milvus-lite jaeger prometheus chromium; do \
			missing=$$(sh .ci/tools/install-$$server --check 2>&1) || echo "skipping the tests with a real server: $${missing#*: }"; \
		done; \
	fi
	$(if $(RACE),,@echo "no race detector: it needs a C compiler that works, and there is none")
	@# -count=1: Go's test cache does not see that a server was installed meanwhile.
	@# Each test program writes into the folder which part of docs/registry it emits; the last one adds that up.
	@rm -rf $(SEEN) && mkdir -p $(SEEN)
	$(strip $(CGO) CONTRACT_SEEN=$(SEEN) $(GO) test $(RACE) -count=1 -timeout 20m $$($(GO) list ./... | grep -Ev '/internal/(integration/real|contract/emitted)$$'))
	CONTRACT_SEEN=$(SEEN) $(GO) test -count=1 -v ./internal/contract/emitted
	@# With -v, because it prints how long a real outage lasted, beside the bare SDK.
	$(strip $(CGO) $(GO) test $(RACE) -count=1 -timeout 20m -v ./internal/integration/real)

contract: ## test what the tests emit against docs/registry (a part of "make test")
	@rm -rf $(SEEN) && mkdir -p $(SEEN)
	CONTRACT_SEEN=$(SEEN) $(GO) test -count=1 . ./otelx/... ./fxmodule/... ./internal/integration ./internal/integration/callbacks
	CONTRACT_SEEN=$(SEEN) $(GO) test -count=1 -v -run '^TestTheTestsEmitTheRegistry$$' ./internal/contract/emitted

test-busy: ## "make test" three times, beside a loop for each processor
	sh .ci/busy sh -c 'for n in 1 2 3; do $(MAKE) test || exit; done'

check: fmt-check vet tidy-check staticcheck api-check config-check dashboards-check milvusv2-check page-check ## the checks of "make test" that run no test

lint: vet staticcheck ## go vet and staticcheck

fmt: ## format the Go files
	$(GOFMT) -l -w .

fmt-check:
	@echo "gofmt -l ."
	@files=$$($(GOFMT) -l .) || exit 1; \
	if [ -n "$$files" ]; then \
		printf 'not formatted (make fmt does it):\n%s\n' "$$files" >&2; \
		exit 1; \
	fi

vet:
	$(CGO) $(GO) vet ./...

tidy-check:
	$(GO) mod tidy -diff

staticcheck:
	$(CGO) $(GO) tool -modfile=.ci/tools/go.mod staticcheck ./...

api: ## write the exported API of the public packages into docs/api
	$(GO) run ./internal/api -go $(GO)

api-check:
	$(GO) run ./internal/api -go $(GO) -check

config: ## write the tables of docs/configuration.md, and the JSON schema beside it
	$(GO) run ./internal/configdocs

config-check:
	$(GO) run ./internal/configdocs -check

dashboards: ## write the dashboards and the alert rules into docs/grafana and docs/alerts
	cd internal/dashboards && $(GO) run .

dashboards-check:
	cd internal/dashboards && $(GO) vet . && $(GO) test . && $(GO) run . -check

milvusv2-check: ## vet and test the adapter for the current SDK of Milvus, a module of its own
	cd pool/milvusv2 && $(GO) mod tidy -diff && $(CGO) $(GO) vet ./...
	cd pool/milvusv2 && $(CGO) $(GO) tool -modfile=../../.ci/tools/go.mod staticcheck ./...
	cd pool/milvusv2 && $(strip $(CGO) $(GO) test $(RACE) -count=1 -timeout 20m ./...)

page-check: ## vet the tests of the live page, a module of its own, and drive the page in Chromium; screenshots go to build/screens
	cd internal/browser && $(GO) mod tidy -diff && $(CGO) $(GO) vet ./...
	cd internal/browser && $(CGO) $(GO) tool -modfile=../../.ci/tools/go.mod staticcheck ./...
	cd internal/browser && $(CGO) $(GO) test -count=1 -timeout 10m ./...

admin-soak: ## watch the memory of the live page for five minutes: 50 clients under load, in Chromium
	cd internal/browser && $(GO) test -count=1 -timeout 20m -v -run '^TestThePagesMemoryIsFlat$$' . -soak 5m

servers: ## install a real Milvus, milvus-lite, Jaeger, Prometheus and Chromium for the tests, into the user's cache
	@status=0; \
	for server in milvus milvus-lite jaeger prometheus chromium; do \
		sh .ci/tools/install-$$server || status=1; \
	done; \
	exit $$status

quickstart: ## run examples/quickstart
	$(GO) run ./examples/quickstart

conformance: ## ask our breaker and those of other libraries which half-open faults they survive
	@# From within the folder, or go test keeps to itself what a test prints.
	@cd internal/bench/conformance && $(GO) test -count=1 -run '^TestHalfOpenFaults$$'

bench-pool: ## measure the pool beside others, into docs/benchmarks (QUICK=1: in less than a minute)
	cd internal/bench && $(GO) run ./pool -json ../../docs/benchmarks/results/pool.json $(if $(filter-out 0,$(QUICK)),-quick,-markdown '../../docs/benchmarks/README.md ../../docs/pool.md')

bench-chain: ## measure the chain beside other libraries, into docs/benchmarks (QUICK=1: in less than a minute)
	cd internal/bench && $(GO) run ./chain -json ../../docs/benchmarks/results/chain.json $(if $(filter-out 0,$(QUICK)),-quick,-markdown ../../docs/benchmarks/chain.md)

bench-milvus: ## measure a client beside the bare SDK, and milvustest, on a real Milvus, into docs/benchmarks (QUICK=1: in about four minutes)
	cd internal/bench && $(GO) run ./milvus -json ../../docs/benchmarks/results/milvus.json $(if $(filter-out 0,$(QUICK)),-quick,-markdown ../../docs/benchmarks/milvus.md)

recovery: ## stop a real Milvus for 20 s ten times, and hold that it is searched again within 2 s of a bare client
	$(GO) test -count=1 -timeout 20m -v -run '^TestAStoppedMilvusIsSearchedAgainSoon$$' ./internal/integration/real -rounds 10

diagnose: ## try whether the telemetry names 24 faults, with a real Jaeger and Prometheus (QUICK=1: one run of each)
	$(GO) run ./internal/diagnose $(if $(filter-out 0,$(QUICK)),-quick) $(if $(FIRST),-first $(FIRST))

differential: ## compare milvustest with a real Milvus 2.3.5 (2,000 sequences and the catalogue, about an hour; QUICK=1: 60 sequences, about 5 minutes) and with milvus-lite
	$(GO) run ./internal/differential/cmd $(if $(filter-out 0,$(QUICK)),-sequences 60) $(if $(FIRST),-first $(FIRST))
