from tests.support.metrics_page import PAGE, families, table, with_table


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text()
    assert page == with_table(page), "run .venv/bin/python -m tests.support.metrics_page"


def test_every_family_has_a_sample_that_shows_its_labels() -> None:
    assert [family.name for family in families() if not family.samples] == []


def test_a_row_has_name_type_labels_and_words() -> None:
    assert (
        "| `ingestd_frames_dropped_total` | counter | stream, reason | Pictures that were not submitted. |"
        in table()
    )
