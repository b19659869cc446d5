"""Bad links, one after the other: what a viewer sees before, meanwhile and after (docs/bad-links.md)."""

import argparse
import tempfile
from pathlib import Path

from tests.support.disturbance import BITRATE_BPS, Course, Disturbance, endure
from tests.support.link import NOTHING, Quality

DISTURBANCES = (
    Disturbance("800 kbit/s for 13 s", Quality(rate=800_000), 13),
    Disturbance("5 % loss for 15 s", Quality(loss=0.05), 15),
    Disturbance("300 ms round trip for 15 s", Quality(delay=0.15), 15),
    Disturbance("5 % reordered for 15 s", Quality(delay=0.02, reorder=0.05), 15),
    Disturbance("nothing for 1 s", NOTHING, 1),
    Disturbance("nothing for 5 s", NOTHING, 5),
    Disturbance("nothing for 30 s", NOTHING, 30),
)
# Beside the rows above, which have 1.5 Mbit/s, a stream of 8 Mbit/s.
FAST = Disturbance("4 Mbit/s for 13 s", Quality(rate=4_000_000), 13)
FAST_BPS = 8_000_000
COLUMNS = (
    "link | GOP | pictures/s before, meanwhile, after | longest freeze | full rate after | late for | "
    "delay at the end | replayed | lost | dropped | silent | wrong"
)


def row(disturbance: Disturbance, gop_seconds: int, course: Course) -> str:
    rates = (
        course.rate(course.begin - 4, course.begin),
        course.rate(course.begin, course.end),
        course.rate_after,
    )
    return " | ".join(
        (
            disturbance.name,
            f"{gop_seconds} s",
            ", ".join(f"{rate:.1f}" for rate in rates),
            f"{course.freeze:.1f} s",
            f"{course.recovery:.1f} s",
            f"{course.late:.1f} s",
            f"{course.lag_at(course.until):.2f} s",
            f"{course.count('ingestd_frames_replayed_total')}",
            f"{course.count('ingestd_frames_lost_total')}",
            f"{course.count('ingestd_frames_dropped_total')}",
            f"{course.count('ingestd_stream_errors_total', reason='silent')}",
            f"{course.wrong}",
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="links whose name holds this")
    parser.add_argument("--gop", type=int, nargs="+", default=[2, 10], help="seconds between keyframes")
    parser.add_argument("--observed", type=float, default=15.0, help="seconds to look on afterwards")
    parser.add_argument(
        "--verbose", action="store_true", help="the target bitrate and the room's events, too"
    )
    arguments = parser.parse_args()
    print(f"| {COLUMNS} |\n|{'---|' * len(COLUMNS.split('|'))}")
    for disturbance in (d for d in (*DISTURBANCES, FAST) if arguments.only in d.name):
        for gop_seconds in arguments.gop:
            with tempfile.TemporaryDirectory() as directory:
                course = endure(
                    disturbance,
                    gop_seconds=gop_seconds,
                    observed=arguments.observed,
                    directory=Path(directory),
                    room="links",
                    bitrate_bps=FAST_BPS if disturbance is FAST else BITRATE_BPS,
                )
                print(f"| {row(disturbance, gop_seconds, course)} |", flush=True)
                if arguments.verbose:
                    print_course(course, Path(directory))


def print_course(course: Course, directory: Path) -> None:
    print(
        "  targets",
        " ".join(f"{at - course.end:.0f}:{target / 1000:.0f}" for at, target in course.targets[::2]),
    )
    first = int(course.begin - course.end) - 3
    last = int(course.until - course.end)
    print(
        "  pictures/s",
        " ".join(f"{s}:{course.rate(course.end + s, course.end + s + 1):.0f}" for s in range(first, last)),
    )
    for name in ("ingestd_room_connections_total", "ingestd_keyframe_requests_total"):
        print(
            " ",
            name,
            course.after.by(name, "result") if "room" in name else course.count(name),
            "tracks",
            course.tracks,
        )
    print("  dropped", course.after.by("ingestd_frames_dropped_total", "reason"))
    for line in (directory / "daemon.log").read_text().splitlines():
        if any(
            f'"level": "{level}"' in line or f'"level":"{level}"' in line
            for level in ("info", "warning", "error")
        ):
            print("   ", line[:300])


if __name__ == "__main__":
    main()
