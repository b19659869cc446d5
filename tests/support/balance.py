"""The contract's balance: every access unit received is submitted, dropped for a reason, or held."""

from collections.abc import Mapping


def assert_balanced(
    received: float, submitted: float, dropped: Mapping[str, float], held: float, stream: str = "stream"
) -> None:
    """Fail where a picture has gone a third way."""
    assert min(dropped.values(), default=0) >= 0, f"{stream}: dropped {dropped}"
    assert received == submitted + sum(dropped.values()) + held, (
        f"{stream}: received {received} ≠ submitted {submitted} + dropped {dropped} + held {held}"
    )
