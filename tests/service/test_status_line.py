"""The line that `systemctl status` shows."""

from dataclasses import dataclass

from ingestd.service.status_line import status_line


@dataclass
class Figures:
    up: bool
    frame_rate: float


def test_it_says_what_is_up_and_what_is_wrong() -> None:
    streams = [Figures(True, 29.97), Figures(True, 30.1), Figures(False, 12.0)]
    assert status_line(streams, []) == "2 of 3 streams up, 60 pictures/s"
    assert status_line(streams, ["cam: room 'x' is\nnot joined"]) == (
        "2 of 3 streams up, 60 pictures/s; cam: room 'x' is not joined"
    )
    many = status_line([], ["x" * 300, "y", "z"])
    assert many == f"0 of 0 streams up, 0 pictures/s; {'x' * 159}…; 2 problems more"
