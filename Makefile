# One command per need, the same for a developer and for CI. "make help" lists them.
.DEFAULT_GOAL := help
.PHONY: help build demo test lint race gen fuzz bench integration servers

GO           ?= go
GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION      := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS       = -s -w $(if $(VERSION),-X main.version=$(VERSION))
FUZZTIME     ?= 30s

# Packages that need nothing but Go, and those that start real servers. The
# latter run one package after the other, as they load the whole machine.
FAST  = $(shell $(GO) list ./... | grep -v '/integration')
HEAVY = $(shell $(GO) list ./... | grep '/integration')

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## the static program, in bin/steg
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/steg ./cmd/steg

demo: servers ## a school with a real Mattermost and a real homeserver (KEEP=1: leave it running)
	$(GO) run ./integration/demo

test: servers ## everything a change must pass; installs what is missing
	$(GO) vet ./...
	$(GO) test -race -shuffle=on -timeout 15m $(FAST)
	$(GO) test -race -shuffle=on -timeout 30m -p 1 $(HEAVY)

race: ## the fast tests five times over, shuffled, with the race detector
	$(GO) test -race -shuffle=on -count 5 -timeout 30m $(FAST)

lint: ## style, layers and tidiness
	$(GO) run $(GOLANGCI_LINT) run ./...
	$(GO) mod tidy -diff

gen: ## write golden and generated files anew (the tests compare them)
	@for dir in $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -rn1 dirname | sort -u); do \
		echo "$$dir"; $(GO) test "$$dir" -update || exit 1; done

fuzz: ## every fuzz target for FUZZTIME (30s)
	@grep -rE --include='*_test.go' '^func Fuzz' . | sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*).*|\1 \2|' | sort -u | \
	while read -r dir target; do echo "$$dir $$target"; \
		$(GO) test "$$dir" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) </dev/null || exit 1; done

bench: ## speed and size of the gateway alone, against instant peers
	$(GO) run ./integration/bench

integration: servers ## kill and fault tests at full length, on both homeservers
	STEG_LONG=1 $(GO) test -count=1 -timeout 90m -p 1 -v $(HEAVY)

servers: ## build and install the servers that tests and demo use (once)
	@$(GO) run ./integration/harness/prepare
