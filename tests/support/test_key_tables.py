from ingestd.config import Key, reference
from tests.support.key_tables import HEAD, PAGE, render


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(PAGE.read_text(), reference()), "run: make references"


def test_each_table_gets_its_keys() -> None:
    keys = [Key("log.level", False, "`info`", "how much"), Key("room", True, "needed", "where")]
    page = f"Keys\n\n{HEAD}| old | | |\n\nOf a stream:\n\n{HEAD}\nThe end.\n"
    assert render(page, keys) == (
        f"Keys\n\n{HEAD}| `log.level` | `info` | how much |\n\n"
        f"Of a stream:\n\n{HEAD}| `room` | needed | where |\n\nThe end.\n"
    )
