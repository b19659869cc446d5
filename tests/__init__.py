"""Tests. `ingestd/a/b.py` is tested by `tests/a/test_b.py`; test_layout.py says which modules are not, yet.

e2e       the daemon as users run it, a real LiveKit server, a viewer that names each picture by its hash
sdk       facts of the LiveKit SDK that the code relies on and its documentation does not promise
soak      everything at once, for hours: `make soak`
support   what more than one test needs: daemon, viewer, encoders, links, waiting (wait), the books (balance)

test_packaging.py: locks, make, image, systemd unit, wheel. test_docs_*.py: documents against the code.

Marks: `long` takes minutes (`make test-long`); `alone` needs the machine to itself and runs after the
others, one at a time: it asserts how soon something happens, or that nothing is lost, while real encoders,
servers or viewers must keep up. All others must hold on a busy machine.
"""
