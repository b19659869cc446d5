"""From the encoder's write to a whole picture at a viewer: ingestd beside the Go SDK and the Python SDK."""
