# The front door: every command of the project, `make help` lists them. The work is done by
# scripts/, cmake and ninja; this file only names it.
.POSIX:
PREFIX = /usr/local

.PHONY: help
help:
	@scripts/help

# help: deps      install the Debian packages that are missing (packages.txt)
.PHONY: deps
deps:
	@scripts/deps test

# help: build     build the daemon and its plugins: build/release/bin/parleyd
.PHONY: build
build:
	@scripts/build release

# help: run       build, then start it on http://127.0.0.1:8080/ (Ctrl-C stops it)
.PHONY: run
run:
	@scripts/run

# help: test      everything: house checks, three builds, unit, plugin, web and end-to-end tests
.PHONY: test
test:
	@scripts/test

# help: check     the quick test while working: dev build, unit and plugin tests
.PHONY: check
check:
	@scripts/check

# help: bench     measure it: WORKLOADS="f1 f8" ROUNDS=5 SECONDS_EACH=3 OUT=dir, PEERS=1 (bench/README.md)
.PHONY: bench
bench:
	@WORKLOADS='$(WORKLOADS)' ROUNDS='$(ROUNDS)' SECONDS_EACH='$(SECONDS_EACH)' OUT='$(OUT)' \
		PEERS='$(PEERS)' scripts/bench

# help: format    rewrite our C code by .clang-format
.PHONY: format
format:
	@scripts/format

# help: lint      clang-format, shellcheck, cppcheck and clang-tidy, changing nothing
.PHONY: lint
lint:
	@scripts/lint

# help: install   build and install, with PREFIX= and DESTDIR= (default /usr/local)
.PHONY: install
install: build
	@DESTDIR='$(DESTDIR)' cmake --install build/release --prefix '$(PREFIX)'

# help: clean     remove all that was built
.PHONY: clean
clean:
	@rm -rf build web/dist
