"""The only reader of files and environment; everything else is handed a `Config`."""

from ingestd.config.address import PRIVATE_NETWORKS, Address, Network
from ingestd.config.describe import describe
from ingestd.config.keys import all_keys
from ingestd.config.load import load
from ingestd.config.model import (
    Config,
    FeedbackConfig,
    HttpConfig,
    LiveKitConfig,
    LogConfig,
    SourceConfig,
    StreamConfig,
)
from ingestd.config.publication import PublicationConfig, publication

__all__ = [
    "PRIVATE_NETWORKS",
    "Address",
    "Config",
    "FeedbackConfig",
    "HttpConfig",
    "LiveKitConfig",
    "LogConfig",
    "Network",
    "PublicationConfig",
    "SourceConfig",
    "StreamConfig",
    "all_keys",
    "describe",
    "load",
    "publication",
]
