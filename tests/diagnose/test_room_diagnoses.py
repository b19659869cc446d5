"""The table of rooms against the source, both ways."""

from ingestd.diagnose.room_diagnoses import ROOM_DIAGNOSES, ROOM_SECTIONS
from ingestd.publish import room_errors
from tests.diagnose.source import PACKAGE, modules, reasons, texts

# Counted without an error that is raised.
COUNTED_ALONE = {"publish_forbidden", "muted", "h265_not_published"}


def test_every_reason_has_an_entry_and_every_entry_a_reason() -> None:
    classified = (
        {reason for _, reason, _ in room_errors.REASONS} | room_errors.COUNTED_ENDS | {"lost", "failed"}
    )
    in_table = {key.partition(".")[0] for key in ROOM_DIAGNOSES}
    assert in_table == classified | reasons({"RoomError"}) | COUNTED_ALONE


def test_every_case_has_an_entry_and_every_entry_of_a_case_is_told_apart() -> None:
    in_table = {key for key in ROOM_DIAGNOSES if "." in key}
    of_errors = {f"{reason}.{case}" for _, reason, case in room_errors.REASONS if case}
    of_refusals = {f"h265_not_published.{case}" for case in reasons({"refused"})}
    assert in_table == of_errors | of_refusals | {"codec_refused.h265", "unauthorized.token"}


def test_reasons_that_are_only_counted_are_in_the_source() -> None:
    said = {
        text
        for path, tree in modules()
        if "diagnose" not in path.relative_to(PACKAGE).parts
        for text in texts(tree)
    }
    assert said >= COUNTED_ALONE


def test_no_reason_is_in_two_sections_and_cures_are_for_any_server() -> None:
    assert sum(map(len, ROOM_SECTIONS.values())) == len(ROOM_DIAGNOSES)
    assert all(set(diagnosis.cures) <= {"any"} for diagnosis in ROOM_DIAGNOSES.values())
