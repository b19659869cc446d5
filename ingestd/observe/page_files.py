"""The files of the pages, in assets/, and what a browser may load with a page (Content-Security-Policy)."""

from pathlib import Path

ASSETS = Path(__file__).with_name("assets")


def policy(*connect: str, media: str = "'none'") -> str:
    """Return the policy of a page that is made of our files; its scripts may also ``connect`` elsewhere."""
    origins = " ".join(("'self'", *connect))
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "
        f"connect-src {origins}; media-src {media}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
