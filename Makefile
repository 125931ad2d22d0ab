# Shadow Terminal. Every target installs the system packages that it needs
# (see .ci/deps) and leaves what it makes in build/.

SCREENS ?= 1
SOURCE ?= testcard

BIN := build/bin

.DEFAULT_GOAL := help
.PHONY: help run test test-vm bench bench-display bench-network bench-input lint build deps

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## host and terminal on this machine: SCREENS=2, SOURCE=desktop|testcard|FILE
	@.ci/deps test
	@go build -o $(BIN)/ ./cmd/...
	@$(BIN)/shadow-lab run --screens $(SCREENS) --source '$(SOURCE)'

test: ## everything that proves the tree: format, vet, race tests, native and end-to-end tests
	@.ci/deps test
	@.ci/deps peers
	@.ci/test

test-vm: ## everything that needs the virtual terminal (QEMU)
	@.ci/deps test
	@.ci/deps vm
	@.ci/test-vm

bench: ## a measured session: build/bench/session.json
	@.ci/deps test
	@go build -o $(BIN)/ ./cmd/...
	@$(BIN)/shadow-lab bench

bench-display: ## decoding and showing against mpv and ffplay: build/bench/display.json
	@.ci/deps test
	@.ci/deps bench
	@.ci/deps vm
	@go build -o $(BIN)/ ./cmd/...
	@$(BIN)/shadow-lab bench-display

bench-network: ## shadow-terminal, Chromium and GStreamer over bad networks: build/bench/network.json (half an hour)
	@.ci/deps test
	@.ci/deps peers
	@go build -o $(BIN)/ ./cmd/...
	@$(BIN)/shadow-lab bench-network

bench-input: ## the way of keys and motion: build/bench/input.json
	@.ci/deps build
	@go build -o $(BIN)/ ./cmd/...
	@$(BIN)/shadow-lab bench-input

lint: ## golangci-lint with .golangci.yml (the first time it is compiled: minutes)
	@.ci/deps build
	@go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

build: ## the programs, in build/bin
	@.ci/deps build
	@go build -o $(BIN)/ ./cmd/...

deps: ## only install what the other targets need
	@.ci/deps test
