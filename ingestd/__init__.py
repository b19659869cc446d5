"""Publishes already encoded video from any encoder into a LiveKit room, untouched."""

__version__ = "0.1.0"
