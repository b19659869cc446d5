"""The credentials of a configuration: key and secret, or a token; files that hold them."""

from collections.abc import Mapping

from ingestd.config.access_token import TokenSource
from ingestd.config.document import Document, Located
from ingestd.config.document import Path as KeyPath
from ingestd.config.schema import ParticipantConfig, StreamConfig
from ingestd.config.secret_files import SecretFiles

_NEEDED = {
    "api_key": "set it here or as LIVEKIT_API_KEY, or give a token",
    "api_secret": "set it here, in a file named by api_secret_file, as LIVEKIT_API_SECRET, or give a token",
}
_MAKE_ONE = "make one with `lk token create --token-only --join --room ROOM --identity IDENTITY`"


def resolve(document: Document, livekit: Located, secrets: SecretFiles) -> None:
    """Read the secret's file, and note what is missing or contradicts itself."""
    secrets.read(livekit, ("livekit",), "api_secret")
    set_ = [key for key in ("token", "token_file", "api_key", "api_secret") if livekit.get(key) is not None]
    if "token" not in set_ and "token_file" not in set_:
        for key in ("api_key", "api_secret"):
            if key not in set_:
                document.problem(("livekit", key), f"is missing; {_NEEDED[key]}")
    elif len(set_) > 1:
        others = " and ".join(
            document.origin(("livekit", key)).key.removeprefix("livekit.") for key in set_[1:]
        )
        are = "is" if len(set_) == 2 else "are"
        text = f"{others} {are} set as well; allowed: a token, a token_file, or key and secret"
        document.problem(("livekit", set_[0]), text)
    secrets.locate(livekit, "token_file")


def check_token(document: Document, source: TokenSource, streams: Mapping[int, StreamConfig]) -> None:
    """Note what keeps the token from serving ``streams``.

    But for its time: one that has expired has let us in before, and may be replaced.
    """
    here: KeyPath = ("livekit", "token" if source.file is None else "token_file")
    try:
        token = source.read()
    except ValueError as error:
        document.problem(here, str(error))
        return
    for lack in token.lacks({stream.track_source for stream in streams.values()}):
        document.problem(here, f"{lack}; {_MAKE_ONE}")
    granted = f"room {token.room!r} as identity {token.identity!r}"
    only = f"{source} is for {granted}; allowed: these, or key and secret in its place"
    for index, stream in streams.items():
        path: KeyPath = ("streams", index)
        if token.room and stream.room != token.room:
            document.problem((*path, "room"), f"{stream.room!r} is another room: {only}")
        if token.identity and stream.identity != token.identity:
            document.problem((*path, "identity"), f"{stream.identity!r} is another participant: {only}")
        if stream.participant != ParticipantConfig():
            document.problem((*path, "participant"), "is said by the token, where one is given; leave it out")
