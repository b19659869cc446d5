"""`python -m ingestd`."""

from ingestd.cli import entry

if __name__ == "__main__":
    entry()
