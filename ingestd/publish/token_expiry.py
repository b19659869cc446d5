"""Warnings in the log before an access token that the user gives expires."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from ingestd.publish.given_token import GivenToken

# Between two looks at whether it will expire soon, or another has been written.
LOOK_INTERVAL_S = 10.0
_HOW_FAR = re.compile(r", (in )?\d+ \w+( ago)?")


async def warn_of_expiry(given: Callable[[], GivenToken | None], log: Any) -> None:
    """Say once of each token of ``given`` that it is about to expire, or cannot be used; until cancelled."""
    said = None
    while True:
        token = given()
        notice = token.notice() if token is not None else None
        if notice is not None and (key := _HOW_FAR.sub("", notice)) != said:
            said = key
            if token is not None and token.usable:
                log.warning("access token expires soon", problem=notice)
            else:
                log.error("access token not usable", problem=notice)
        await asyncio.sleep(LOOK_INTERVAL_S)
