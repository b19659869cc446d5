"""The tree of errors is the one that is drawn at the top of the module."""

import inspect

from ingestd import errors

INDENT = 4


def drawn() -> set[tuple[str, str]]:
    """Each error with its base, as the module's docstring draws them."""
    lines = [line for line in (errors.__doc__ or "").splitlines() if line.strip().startswith(("│", "├", "└"))]
    path = ["IngestdError"]
    pairs = set()
    for line in lines:
        before, _, behind = line.partition("── ")
        depth = (len(before) - INDENT) // INDENT + 1
        name = behind.split()[0]
        pairs.add((name, path[depth - 1]))
        path[depth:] = [name]
    return pairs


def test_the_tree_is_drawn_as_it_is() -> None:
    defined = {
        (name, error.__bases__[0].__name__)
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if error is not errors.IngestdError
    }
    assert drawn() == defined


def test_a_fault_of_a_stream_says_its_reason_beside_what_was_seen() -> None:
    error = errors.ExcessError("too_many_slices", "a picture of 600 slices", "h264")
    assert (error.reason, error.seen, error.case, str(error)) == (
        "too_many_slices",
        "a picture of 600 slices",
        "h264",
        "a picture of 600 slices",
    )
