"""The command line: run, check, probe, top and others; exit code 0 done, 1 failed, 2 bad configuration."""

import argparse
import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ingestd import __version__
from ingestd.errors import ConfigError, IngestdError

# All else is imported where it is used, after `entry` has taken SIGTERM over.
if TYPE_CHECKING:
    from ingestd.config import Config

DONE, FAILED, BAD_CONFIG = 0, 1, 2
# A log that is still read has taken them by then.
_LAST_LINES_TIMEOUT_S = 0.5
_VALID = "the server takes the token; not joined, as that would put a running ingestd out"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0 done, 1 failed while running, 2 bad configuration."""
    from ingestd.arguments import parser

    options = parser().parse_args(arguments)
    try:
        code = COMMANDS[options.command](options)
    except ConfigError as error:
        _complain(error)
        return BAD_CONFIG
    except IngestdError as error:
        _complain(error)
        return FAILED
    except KeyboardInterrupt:
        return DONE
    return code


def _complain(error: IngestdError) -> None:
    from ingestd.redact import printable, redact

    # The logs may not be set up yet.
    print(f"ingestd: {printable(redact(str(error)))}", file=sys.stderr)


def entry() -> NoReturn:
    """Run the command line as a process, and exit."""
    # Until the app or the demo listens to signals there is nothing to clean up. An exception instead could be
    # swallowed by the module that is being imported.
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(DONE))
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does. Shells show this status for an end by SIGPIPE.
        code = 128 + signal.SIGPIPE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"ingestd: standard output: {error.strerror}", file=sys.stderr)
        code = FAILED
    # The SDK's threads call into Python as long as they live; one that does so while the interpreter shuts
    # down is unwound through Rust, which aborts the process.
    sys.stderr.flush()
    os._exit(code)


def _load(path: Path) -> "Config":
    from ingestd.config import load

    return _hiding_secrets(load(path, os.environ))


def _hiding_secrets(config: "Config") -> "Config":
    from ingestd.redact import hide

    for secret in config.secrets:
        hide(secret)
    return config


def _refuse_invalid_token(config: "Config", *, may_be_early: bool) -> None:
    """Raise ConfigError where the token has expired, or is not valid yet unless it ``may_be_early``."""
    import contextlib
    import time

    source, now = config.livekit.token_source, time.time()
    with contextlib.suppress(ValueError):  # it has been read before
        if source is None:
            return
        token = source.read()
        if token.expired(now) or not (may_be_early or token.valid(now)):
            raise ConfigError(f"{source} {token.validity(now)}; {source.cure}")


def _run(options: argparse.Namespace) -> int:
    import resource

    from ingestd.observe import logs
    from ingestd.observe.log_writer import LogWriter

    # A core, of native code that crashes, would hold every secret. Who wants one has prlimit --core.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    config = _load(options.config)
    if config.livekit.token is not None:
        _refuse_invalid_token(config, may_be_early=True)  # one in a file may be replaced at any time
    log_writer = LogWriter(sys.stderr)
    logs.configure(config.log.level, config.log.format, log_writer)
    sys.unraisablehook = logs.log_unraisable

    import asyncio
    import gc
    from functools import partial

    import uvloop

    # The SDK takes a second to import, which the other commands do without.
    from ingestd.app import App
    from ingestd.config.load_in_child import load_in_child
    from ingestd.hooks.hooks import Hooks
    from ingestd.publish.sdk import h265
    from ingestd.service.passed_sockets import PassedSockets
    from ingestd.service.service_manager import ServiceManager
    from ingestd.source.connection_limits import ConnectionCount
    from ingestd.wiring import build_stream

    service_manager = ServiceManager.taken_from(os.environ)
    passed = PassedSockets.taken_from(os.environ)

    async def run() -> int:
        hooks = Hooks()
        refusal = (await h265.prepare(config.livekit.h265)).refusal
        connections = ConnectionCount()
        make_stream = partial(
            build_stream, h265_refusal=refusal, hooks=hooks, passed=passed, connections=connections
        )
        app = App(
            config,
            reload,
            make_stream=make_stream,
            hooks=hooks,
            service_manager=service_manager,
            passed=passed,
            connections=connections,
        )
        return await app.run()

    async def reload() -> "Config":
        return _hiding_secrets(await load_in_child(options.config, os.environ))

    # The loop is not closed, and stays referenced: closing it waits for names that are still looked up, which
    # takes a minute where DNS does not answer. The process is about to leave.
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    # What was imported is here to stay: looking through it for garbage would hold up the loop for 45 ms.
    gc.freeze()
    try:
        return loop.run_until_complete(run())
    finally:
        log_writer.drain(_LAST_LINES_TIMEOUT_S)


def _check(options: argparse.Namespace) -> int:
    from ingestd.config import certificate_expiry, compare, describe, describe_changes
    from ingestd.hooks.event import describe_hooks
    from ingestd.publish.sdk import h265_choice
    from ingestd.redact import printable

    config = _load(options.config)
    said = [describe(config), "", h265_choice.describe(config.livekit.h265)]
    if config.hooks:
        said += ["", describe_hooks(config.hooks, config.streams[0])]
    if options.against is not None:
        changes = describe_changes(compare(_load(options.against), config))
        said += ["", f"A reload that replaces {options.against} changes:", changes]
    print(printable("\n".join(said)), flush=True)
    _refuse_invalid_token(config, may_be_early=False)
    if expired := certificate_expiry.expired(config):
        # `run` goes on: a daemon that does not start takes the other streams away, too.
        raise ConfigError("\n".join(expired))
    return _visit_rooms(config) if options.connect else DONE


def _visit_rooms(config: "Config") -> int:
    import asyncio
    import logging

    from ingestd.publish.room_check import visit_rooms
    from ingestd.redact import printable

    logging.disable()  # the error holds what the SDK would log, and it would log the token, too
    errors = asyncio.run(visit_rooms(config))
    for room, error in errors.items():
        done = "joined, and left again" if config.livekit.token_source is None else _VALID
        result = done if error is None else f"not joined: {error}"
        print(printable(f"room {room}: {result}"))
    return FAILED if any(errors.values()) else DONE


def _probe(options: argparse.Namespace) -> int:
    # Shells let what they start in the background ignore Ctrl-C, which ends a probe.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from ingestd.probe import probe

    # A terminal or file that cannot take the bars of the plot gets the rest all the same.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    probe(options.target, options.seconds, json=options.json)
    return DONE


def _top(options: argparse.Namespace) -> int:
    from ingestd.config import load_http
    from ingestd.terminal import top

    url = options.url
    if url is None:
        listen = load_http(options.config, os.environ).listen
        if listen.port == 0:
            raise ConfigError(
                "http.listen has port 0, any free one: give --url with the port that the log names"
            )
        # What listens on every address answers on loopback.
        here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)
        url = str(replace(listen, host=here))
    top(url, as_json=options.json)
    return DONE


def _schema(_options: argparse.Namespace) -> int:
    import json

    from ingestd.config import json_schema

    print(json.dumps(json_schema(), indent=2))
    return DONE


def _completion(options: argparse.Namespace) -> int:
    from ingestd import manual
    from ingestd.arguments import parser_of

    print(manual.script(options.shell, manual.read(parser_of(options.program))), end="")
    return DONE


def _man(options: argparse.Namespace) -> int:
    from ingestd import manual
    from ingestd.arguments import parser_of
    from ingestd.config import reference

    if options.page == "ingestd.yaml":
        page = manual.configuration_page(reference(), __version__)
    else:
        page = manual.program_page(manual.read(parser_of(options.page)), __version__)
    print(page, end="")
    return DONE


def _demo(options: argparse.Namespace) -> int:
    # Needs the `demo` extra, which the daemon does without.
    from ingestd.demo import run

    return run(options.codec, options.seconds)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "check": _check,
    "probe": _probe,
    "top": _top,
    "schema": _schema,
    "completion": _completion,
    "man": _man,
    "demo": _demo,
}
