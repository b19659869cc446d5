from ingestd.observe.page_files import ASSETS, policy


def test_the_files_of_both_pages_are_there() -> None:
    here = {file.name for file in ASSETS.iterdir()}
    assert {f"{page}.{kind}" for page in ("page", "preview") for kind in ("html", "css", "js")} <= here


def test_a_page_loads_our_files_and_speaks_to_us_and_to_those_it_names() -> None:
    alone = dict(rule.split(" ", 1) for rule in policy().split("; "))
    assert alone["default-src"] == alone["media-src"] == alone["frame-ancestors"] == "'none'"
    assert alone["script-src"] == alone["style-src"] == alone["connect-src"] == "'self'"
    other = dict(rule.split(" ", 1) for rule in policy("wss://a", "https://a", media="blob:").split("; "))
    assert other == {**alone, "connect-src": "'self' wss://a https://a", "media-src": "blob:"}
