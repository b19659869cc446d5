"""The configuration of a track that an application publishes itself, by `ingestd.Publication`."""

from pydantic import ValidationError

from ingestd.config.quantities import BacklogSeconds, Bitrate, Framerate
from ingestd.config.schema import Section
from ingestd.config.values import Name, ReplayPolicy, Secret, ServerUrl, Text
from ingestd.errors import ConfigError


class PublicationConfig(Section):
    """The keys of the configuration file that concern the track, with the same names and limits."""

    url: ServerUrl
    api_key: Text
    api_secret: Secret
    room: Name
    identity: Name
    track: Name
    max_bitrate: Bitrate
    max_framerate: Framerate
    max_backlog: BacklogSeconds
    replay: ReplayPolicy


def publication(**values: object) -> PublicationConfig:
    """Return ``values``, typed. Raises ConfigError, which names each bad one and what is allowed."""
    try:
        return PublicationConfig.model_validate(values)
    except ValidationError as errors:
        problems = [f"{e['loc'][0]}: {e['ctx']['error']}" for e in errors.errors(include_url=False)]
        raise ConfigError("; ".join(problems)) from None
