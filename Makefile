# Each target does all its own set-up; a second call reinstalls nothing.
.PHONY: help demo test check bench lock

help:
	@echo "make demo   train, evaluate and export a classifier of handwritten digits, and report on it"
	@echo "make test   run every test"
	@echo "make check  lint, formatting and types"
	@echo "make bench  list the benchmarks; scripts/bench NAME runs one"
	@echo "make lock   renew requirements/*.txt"

demo:
	@scripts/setup train
	.venv/bin/sightline demo

test:
	@scripts/setup dev
	scripts/test

check:
	@scripts/setup dev
	scripts/check

bench:
	@scripts/setup train
	@scripts/bench

lock:
	@scripts/setup dev
	scripts/lock
