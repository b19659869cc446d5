.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long coverage screenshots docs soak attack bench bench-bursts bench-media bench-picture-end bench-links bench-feedback bench-livekitwebrtcsink bench-replays bench-b-frames fuzz lint format references share lock sbom audit
MAKEFLAGS += --no-print-directory

CODEC ?= h264
SECONDS ?= 30
WORKERS ?=
MINUTES ?= 5
STREAMS ?= 1 4
ARGS ?=

help: ## list these
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv from the lock files
	@scripts/setup dev

demo: ## a live encoder, ingestd, a real LiveKit server and a viewer; CODEC=h264 SECONDS=30 (0: until Ctrl-C)
	@scripts/setup demo
	@scripts/fetch-livekit-client || echo "the demo goes on; its preview page will say so, too"
	@exec .venv/bin/ingestd demo --codec '$(CODEC)' --seconds '$(SECONDS)'

test: ## every test but the long ones; ARGS="-k listener" picks some
	@WORKERS='$(WORKERS)' scripts/test short $(ARGS)

test-long: ## the tests that take minutes
	@scripts/test long $(ARGS)

coverage: ## how much of each package the tests run, beside its floor
	@WORKERS='$(WORKERS)' scripts/coverage

screenshots: ## the pictures in docs/img, by the browser tests
	@scripts/setup dev
	@scripts/browser
	@INGESTD_SCREENSHOTS=docs/img .venv/bin/python -m pytest -q -k "shows_its_plots or own_words or tool_at_hand or (plays_the_pictures and h264)" tests/observe/test_page_in_browser.py tests/e2e/test_status_page.py

docs: ## the documentation as a site, in build/docs; a broken link fails
	@scripts/setup dev
	@.venv/bin/python -m sphinx --builder html --conf-dir docs --fail-on-warning --keep-going --fresh-env --write-all --quiet . build/docs
	@echo "open build/docs/docs/index.html"

soak: ## encoders, links, server and viewers that fail at random; MINUTES=5, and SEED=N to repeat a run
	@scripts/setup dev
	@exec .venv/bin/python -m tests.soak --minutes '$(MINUTES)' $(if $(SEED),--seed '$(SEED)')

attack: ## what good streams lose beside attackers, into docs/security.md; ARGS="h264-idr-7 --at-once 8"
	@scripts/setup dev
	@.venv/bin/python -m tests.attack $(ARGS)

bench: ## delay, CPU and losses beside the Go SDK and the bare Python SDK; STREAMS="1 4 16 32" ARGS="--only fast"
	@scripts/setup dev
	@scripts/build-peer
	@.venv/bin/python -m bench.delivery $(ARGS) .cache/bench-peer $(STREAMS)

bench-bursts: ## what becomes of pictures that come in bursts; ARGS="--streams 16 --starved"
	@scripts/setup dev
	@.venv/bin/python -m bench.bursts $(ARGS)

bench-media: ## how fast streams are taken apart, beside PyAV and GStreamer
	@scripts/setup dev
	@.venv/bin/python -m bench.media

bench-picture-end: ## torn pictures against delay, without each rule; ARGS="--numbers --write docs/tuning.md"
	@scripts/setup dev
	@.venv/bin/python -m bench.picture_end $(ARGS)

bench-links: ## what a viewer sees over a link that is bad for a while; root; ARGS="--only loss --verbose"
	@scripts/setup dev
	@.venv/bin/python -m bench.links $(ARGS)

bench-feedback: ## a link that dips, with an encoder that obeys and without feedback; root; ARGS="--only cut --write"
	@scripts/setup dev
	@.venv/bin/python -m bench.feedback $(ARGS)

bench-livekitwebrtcsink: ## the same links with GStreamer's livekitwebrtcsink, where it is installed; root; ARGS="--only cut"
	@scripts/setup dev
	@.venv/bin/python -m bench.livekitwebrtcsink $(ARGS)

bench-replays: ## what viewers in Chromium see of joins and departures; root; ARGS="--replay always --link 4"
	@scripts/setup dev
	@scripts/fetch-livekit-client
	@.venv/bin/python -m bench.replays ingestd/observe/assets/livekit-client.umd.js $(ARGS)

bench-b-frames: ## what viewers in Chromium see of streams with B-frames; ARGS="--b-frames auto"
	@scripts/setup dev
	@scripts/fetch-livekit-client
	@.venv/bin/python -m bench.b_frames ingestd/observe/assets/livekit-client.umd.js $(ARGS)

fuzz: ## every parser and the demuxer with made-up bytes; MINUTES=5
	@scripts/fuzz '$(MINUTES)'

lint: ## ruff, mypy, shellcheck and the rules on who may import whom
	@scripts/setup dev
	@scripts/lint

format: ## put the code in ruff's format and order
	@scripts/setup dev
	@.venv/bin/python -m ruff check --quiet --fix-only .
	@.venv/bin/python -m ruff format .

references: ## write what is made from the code: JSON schema, tables of keys, states, diagnoses
	@scripts/setup dev
	@.venv/bin/ingestd schema >.cache/schema.json && mv .cache/schema.json config/ingestd.schema.json
	@.venv/bin/python -m tests.support.key_tables
	@.venv/bin/python -m tests.support.states_page
	@.venv/bin/python -m ingestd.diagnose >.cache/diagnoses.md && mv .cache/diagnoses.md docs/diagnoses.md

share: ## man pages, shell completion and JSON schema for packagers, into build/share
	@scripts/setup dev
	@scripts/share build/share

lock: ## write requirements/*.lock from pyproject.toml; UPGRADE=1 takes the newest versions
	@scripts/lock

sbom: ## dist/ingestd.cdx.json: the Python packages of the image, in CycloneDX
	@scripts/sbom

audit: ## known vulnerabilities of the locked packages; needs an index that serves advisories
	@scripts/audit
