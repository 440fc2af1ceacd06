# Everything that a target needs and that is not Go itself it installs: tools
# and servers go to the cache folder, packages of the system through apt.

SHELL        := /bin/bash -o pipefail
MAKEFLAGS    += --no-print-directory
CACHE        := $(or $(DUPLEX_CACHE),$(HOME)/.cache/duplex)
LINT_VERSION := 2.15.0
LINT         := $(CACHE)/bin/golangci-lint-$(LINT_VERSION)

# demo: how long (empty = until Ctrl-C) and on what kind of server.
FOR  ?=
KIND ?= mariadb

# The race detector needs a C compiler, and costs too much where a database
# sets the pace; these packages get it, without their tests on servers.
RACE ?= $(if $(shell command -v gcc),-race)
PURE := ./internal/change/... ./internal/schema/... ./internal/conflict/... \
        ./internal/config/... ./internal/link/... ./internal/project/... ./internal/store/... ./test/house/...
# Those of them that are there.
PURE := $(foreach p,$(PURE),$(if $(wildcard $(p:/...=)/*.go),$(p)))
TEST_FLAGS ?= -timeout 12m

# quiet leaves the closing line of each package that has tests.
quiet := sed -u '/\[no test files\]/d'

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: demo
demo: servers build ## two real tenants, both written, kept equal; FOR=20s ends it, KIND=mysql56 changes the server
	@bin/duplex demo $(if $(FOR),--for $(FOR)) --kind $(KIND)

.PHONY: test
test: fmt vet lint servers test-go ## everything that has to hold: format, vet, lint, all tests on every kind of server

.PHONY: test-go
test-go: ## the tests alone; TEST_FLAGS is for go test
	@result=0; \
	  go test $(RACE) -short $(TEST_FLAGS) $(PURE) | $(quiet) || result=1; \
	  go test $(TEST_FLAGS) ./... | $(quiet) || result=1; \
	  test/tenant/fetch.sh missing; exit $$result

.PHONY: test-oceanbase
test-oceanbase: servers ## the tests again, with two OceanBase kernels wherever a pair of servers is wanted; most of an hour
	@DUPLEX_KINDS=oceanbase go test -count=1 -p 1 -timeout 60m $(or $(PACKAGES),./...) | $(quiet)

.PHONY: large
large: servers ## a transaction of 1 GiB and one of 2 million rows, at full size; make test does it in small
	@DUPLEX_LARGE=1 go test -count=1 -timeout 30m -v ./test/large

.PHONY: index
index: ## 20 million keys that the peer has not seen, under 1 GiB of memory; 3 GiB of disk
	@DUPLEX_LARGE=1 go test -count=1 -timeout 10m -v -run 'TestIndexLarge$$' ./internal/conflict

.PHONY: soak
soak: ## the rules of conflicts in simulated schedules, and how often each is missed; SCHEDULES=n, WORLDS=unique for some
	@mkdir -p bin && go test -c -o bin/soak ./test/sim && SOAK=$(or $(SCHEDULES),1000000) SOAK_WORLDS='$(WORLDS)' bin/soak -test.run '^TestSoak$$' -test.timeout 0

.PHONY: account
account: servers ## both sides write the same rows, whatever can be killed is, each write is accounted for; FOR=10m FIXTURE=mariadb|mysql56|oceanbase
	@DUPLEX_FOR=$(or $(FOR),10m) DUPLEX_FIXTURE=$(or $(FIXTURE),mariadb) go test -count=1 -timeout 0 -v -run 'TestAccount$$' ./test/account

.PHONY: account-delta
account-delta: servers ## N=1000000 increments from both sides add up; FIXTURE as above
	@DUPLEX_INCREMENTS=$(or $(N),1000000) DUPLEX_WRITERS=16 DUPLEX_FIXTURE=$(or $(FIXTURE),mariadb) \
	  go test -count=1 -timeout 0 -v -run 'TestDelta$$' ./test/account

.PHONY: ddl-kills
ddl-kills: servers ## statements that change tables, while both sides are written and the program is killed 30 times, on each kind of server; KILLS=n
	@DDL_KILLS=$(or $(KILLS),30) go test -count=1 -timeout 0 -v -run 'TestKills$$|TestFailpoints$$' ./test/ddl

.PHONY: fmt
fmt: ## fails if a file is not as gofmt writes it
	@files=$$(gofmt -l $(wildcard bench cmd internal test)) && \
	  if [ -n "$$files" ]; then printf 'not formatted (gofmt -w):\n%s\n' "$$files"; exit 1; fi

.PHONY: vet
vet: ## go vet
	@go vet ./...

.PHONY: lint
lint: $(LINT) ## golangci-lint with the rules of .golangci.yml
	@$(LINT) run ./... --show-stats=false --allow-parallel-runners

$(LINT):
	@mkdir -p $(@D)
	@log=$$(mktemp) && \
	  if GOFLAGS= GOBIN=$(@D)/new go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINT_VERSION) >$$log 2>&1; \
	  then mv $(@D)/new/golangci-lint $@; rm -r $$log $(@D)/new; else cat $$log; rm $$log; exit 1; fi

.PHONY: servers
servers: ## fetches the database servers that the tests run against
	@test/tenant/fetch.sh servers

.PHONY: bench
bench: servers build ## our speed beside that of native replication and of mydumper, measured in the same run
	@test/tenant/fetch.sh bench
	@go run ./bench $(ARGS)

.PHONY: build
build: ## bin/duplex
	@go build -o bin/duplex ./cmd/duplex

.PHONY: clean
clean: ## removes what build made; the cache folder stays
	@rm -rf bin
