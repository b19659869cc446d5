"""The configuration: the only reader of its file and of the environment; all else is handed a `Config`.

load           file and environment to a Config, or all mistakes at once; warnings
load_in_child  the same beside the loop, for a reload
secret_files   what api_secret_file and its kind name
small_files    reads those: regular files, up to a size
document       YAML to values and the line of each
environment    INGESTD_… and LIVEKIT_… variables over these
schema         every key with type and default: a new key begins here
values         types of keys: names, secrets, URLs, addresses, choices
quantities     types of keys: rates, durations, sizes, counts, and their limits
conflicts      streams that get in each other's way
warnings       what is allowed, and has no effect or is risky
credentials    key and secret, or a token; where they are missing or contradict each other
access_token   a token in place of key and secret: what it grants, until when
address        tcp://, tls://, unix:// and networks
tls_contexts   files of certificates and keys to TLS contexts
certificate_expiry  which of those certificates have expired or soon will
ingest_tokens  tokens of encoders
key_docs       what each key does, in words: reference, schema and man page say it
written        how each value may be written
json_schema    the JSON schema of the file, of these two and schema
key_tree       all keys, derived from schema; hints for unknown ones
describe       a Config in words (ingestd check)
changes        what differs between two, and when a running ingestd obeys it
publication    the keys of `ingestd.Publication`
"""

from ingestd.config.access_token import AccessToken, TokenSource
from ingestd.config.address import PRIVATE_NETWORKS, Address, Network
from ingestd.config.changes import Changes, Effect, compare, describe_changes, in_force
from ingestd.config.describe import describe
from ingestd.config.json_schema import Key, json_schema, reference
from ingestd.config.key_docs import plain
from ingestd.config.key_tree import all_keys
from ingestd.config.load import load, load_http
from ingestd.config.publication import PublicationConfig, publication
from ingestd.config.schema import (
    Config,
    FeedbackConfig,
    HookConfig,
    HttpConfig,
    LiveKitConfig,
    LogConfig,
    ParticipantConfig,
    SourceConfig,
    StreamConfig,
)
from ingestd.config.values import HookEvent

__all__ = [
    "PRIVATE_NETWORKS",
    "AccessToken",
    "Address",
    "Changes",
    "Config",
    "Effect",
    "FeedbackConfig",
    "HookConfig",
    "HookEvent",
    "HttpConfig",
    "Key",
    "LiveKitConfig",
    "LogConfig",
    "Network",
    "ParticipantConfig",
    "PublicationConfig",
    "SourceConfig",
    "StreamConfig",
    "TokenSource",
    "all_keys",
    "compare",
    "describe",
    "describe_changes",
    "in_force",
    "json_schema",
    "load",
    "load_http",
    "plain",
    "publication",
    "reference",
]
