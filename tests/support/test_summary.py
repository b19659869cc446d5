from pathlib import Path

from tests.support.summary import closing_line


def result(path: Path, *, tests: int, failures: int, errors: int, skipped: int, time: float) -> Path:
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" '
        f'errors="{errors}" failures="{failures}" skipped="{skipped}" tests="{tests}" time="{time}" />'
        "</testsuites>"
    )
    return path


def test_passes_are_summed_up_in_the_words_of_pytest(tmp_path: Path) -> None:
    together = result(tmp_path / "1.xml", tests=10, failures=1, errors=0, skipped=2, time=60.25)
    alone = result(tmp_path / "2.xml", tests=5, failures=0, errors=1, skipped=0, time=30.5)
    assert closing_line([together, alone]) == "1 failed, 11 passed, 2 skipped, 1 error in 90.75s"


def test_what_did_not_happen_is_not_mentioned(tmp_path: Path) -> None:
    assert (
        closing_line([result(tmp_path / "1.xml", tests=3, failures=0, errors=0, skipped=0, time=1)])
        == "3 passed in 1.00s"
    )
    nothing = result(tmp_path / "2.xml", tests=0, failures=0, errors=0, skipped=0, time=0.5)
    assert closing_line([nothing]) == "no tests ran in 0.50s"
