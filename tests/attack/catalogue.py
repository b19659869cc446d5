"""The attacks by name: what each does, and whether several attackers at once make sense."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from tests.attack import hostile_frames as frames
from tests.attack import hostile_h26x as h26x
from tests.attack import storms
from tests.attack.pushes import Pushing, Run
from tests.media.vectors_h26x import annexb, length_prefixed

Guard = Literal["tls", "token", "proxy"]
Log = Literal["full", "unread"]

# The soft limit of most systems.
USUAL_DESCRIPTORS = 1024


@dataclass(frozen=True, slots=True)
class Attack:
    """``arm`` makes what is to be sent and returns what sends it."""

    name: str
    arm: Callable[[], Run]
    what: str  # in a table
    alone: bool = False  # it is aimed at the daemon, not at a stream: one is enough
    max_descriptors: int | None = None  # what the daemon may have open at most; None: what we may
    aims_at_good: bool = False  # connects to the ports of the good streams, whose encoders are there
    keeps_out: bool = False  # the next encoder comes at its beginning, not at its end
    guard: Guard | None = None  # what the attacked streams ask of an encoder
    log: Log | None = (
        None  # where the daemon's goes: to a small disk, or meanwhile to a pipe that nobody reads
    )
    shares_room: bool = False  # the attacked streams are in the good ones' rooms, with their identities


def _attacks() -> list[Attack]:
    get = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    events = b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n"
    half = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "
    header = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (1 << 20)

    def storm(run: Run) -> Callable[[], Run]:
        return lambda: run

    def reload(text: Callable[[str], str]) -> Callable[[], Run]:
        return storm(storms.reloading(text))

    return [
        Attack("none", storm(lambda target: storms.silent(0, reopening=False)(target)), "no attack"),
        # to compare with
        Attack("h264-live", Pushing(h26x.live), "no attack: H.264 of 1.5 Mbit/s, live"),
        Attack(
            "h264-live-2-mb", Pushing(h26x.live_of_2_mb), "no attack: pictures of 2.3 MB, 12 Mbit/s, live"
        ),
        # 1. one frame, one message
        Attack("ivf-av1-delimiters", Pushing(frames.ivf_of_delimiters), "IVF: one frame of 16 MB of `12 00`"),
        Attack("obu-delimiters", Pushing(frames.delimiters), "OBU: `12 00` without end"),
        Attack("h264-sei-ff", Pushing(partial(h26x.sei_of_ff, annexb)), "H.264: SEI of 8 MB of `ff`"),
        # 2. the past and the future
        Attack("h264-idr-7", Pushing(partial(h26x.tiny_idr_slices, annexb)), "H.264: IDR slices of 7 bytes"),
        Attack(
            "h264-idr-7-once", Pushing(h26x.tiny_idr_slices_once), "H.264: 64 kB of IDR slices of 7 bytes"
        ),
        # 3. a file and its end
        Attack("h264-file", Pushing(partial(h26x.file_at_full_speed, "h264")), "H.264: a file without `-re`"),
        Attack(
            "h264-file-reset",
            Pushing(partial(h26x.file_at_full_speed, "h264"), reset=True),
            "H.264: a file without `-re`, then RST",
        ),
        # 4. reloads
        Attack("reload-nested", reload(storms.nested), "SIGHUP: `[` 5,000 times", alone=True),
        Attack("reload-nested-far", reload(storms.nested_far), "SIGHUP: `[` 100,000 times", alone=True),
        Attack("reload-aliases", reload(storms.aliases), "SIGHUP: aliases of aliases", alone=True),
        Attack("reload-huge", reload(storms.huge), "SIGHUP: 16 MB of comments", alone=True),
        Attack(
            "reload-storm",
            storm(storms.reload_storm),
            "SIGHUP: 20 a second; streams change, come and go",
            alone=True,
        ),
        Attack("reload-unknown", reload(storms.unknown_keys), "SIGHUP: 10,000 unknown keys", alone=True),
        Attack(
            "reload-streams",
            reload(storms.more_streams(500, rooms=1)),
            "SIGHUP: 500 streams more, with 1,024 descriptors",
            alone=True,
            max_descriptors=USUAL_DESCRIPTORS,
        ),
        Attack(
            "log-full",
            storm(storms.full_disk(storms.reloading(storms.long_value))),
            "a full disk behind the log, and lines of 6 kB",
            alone=True,
            log="full",
        ),
        Attack(
            "log-unread",
            storm(storms.reloading(storms.long_value)),
            "a pipe behind the log that nobody reads, and lines of 6 kB",
            alone=True,
            log="unread",
        ),
        # 6. descriptors
        Attack(
            "rooms-20",
            reload(storms.more_streams(20, rooms=20)),
            "SIGHUP: 20 rooms more, with 1,024 descriptors",
            alone=True,
            max_descriptors=USUAL_DESCRIPTORS,
        ),
        Attack(
            "rooms-60",
            reload(storms.more_streams(60, rooms=60)),
            "SIGHUP: 60 rooms more, with 1,024 descriptors",
            alone=True,
            max_descriptors=USUAL_DESCRIPTORS,
        ),
        Attack(
            "silent-1100",
            storm(storms.silent(storms.MANY_CONNECTIONS, reopening=True)),
            "1,100 silent connections that reopen, with 1,024 descriptors",
            alone=True,
            max_descriptors=USUAL_DESCRIPTORS,
            keeps_out=True,
        ),
        # 7. what guards a port
        Attack("tls-garbage", storm(storms.tls_garbage()), "TLS: records of noise", guard="tls"),
        Attack(
            "tls-half",
            storm(storms.half_handshakes(40)),
            "TLS: 40 half handshakes that reopen",
            guard="tls",
            keeps_out=True,
        ),
        Attack(
            "tls-handshakes",
            storm(storms.handshakes()),
            "TLS: handshakes as fast as they can be done",
            guard="tls",
        ),
        Attack("token-guesser", storm(storms.guessing()), "a token guesser", guard="token", keeps_out=True),
        Attack(
            "proxy-half",
            storm(storms.silent(40, reopening=True, first=b"PROXY TCP4 127.0.0.1 ")),
            "PROXY: 40 half headers that reopen",
            guard="proxy",
            keeps_out=True,
        ),
        Attack("proxy-garbage", storm(storms.proxy_garbage()), "PROXY: headers that lie", guard="proxy"),
        # Beside a good stream's encoder, or in its room
        Attack(
            "good-port-reset",
            storm(storms.connecting(reset=True)),
            "the good streams' ports: connections reset at once",
            aims_at_good=True,
        ),
        Attack(
            "good-port-silent",
            storm(storms.silent(50, reopening=True)),
            "the good streams' ports: 50 silent connections that reopen",
            aims_at_good=True,
        ),
        Attack(
            "good-port-file",
            Pushing(partial(h26x.file_at_full_speed, "h264")),
            "the good streams' ports: a second encoder",
            aims_at_good=True,
        ),
        Attack(
            "room-keys-500",
            Pushing(h26x.keyframes_500_a_second),
            "in a good stream's room: 500 keyframes a second",
            shares_room=True,
        ),
        Attack(
            "room-10-mb",
            Pushing(partial(h26x.big_pictures, annexb)),
            "in a good stream's room: pictures of 10 MB",
            shares_room=True,
        ),
        Attack(
            "room-codec-flip",
            Pushing(h26x.codec_at_each_picture_paced),
            "in a good stream's room: H.264 and H.265 in turn, 60/s",
            shares_room=True,
        ),
        # 5. what costs more than its bytes
        Attack(
            "h264-tiny-units", Pushing(partial(h26x.tiny_nal_units, annexb)), "H.264: NAL units of one byte"
        ),
        Attack("h264-filler", Pushing(h26x.tiny_filler_units), "H.264: filler data of one byte"),
        Attack("h264-p-8", Pushing(h26x.tiny_p_slices), "H.264: P slices of 8 bytes"),
        Attack("h264-many-slices", Pushing(h26x.many_slices), "H.264: 16,000 slices in a picture"),
        Attack(
            "h264-sei-empty",
            Pushing(partial(h26x.empty_sei_messages, annexb)),
            "H.264: a million empty SEI messages",
        ),
        Attack("h264-sei-units", Pushing(h26x.sei_units), "H.264: SEI units of 64 messages"),
        Attack("h264-escapes", Pushing(h26x.emulation_prevention), "H.264: `00 00 03` all over"),
        Attack(
            "h264-zeros", Pushing(partial(h26x.zero_bytes, h26x.begun(annexb))), "H.264: zeros without end"
        ),
        Attack("h264-start-codes", Pushing(h26x.start_codes), "H.264: start codes without end"),
        Attack(
            "h264-endless-unit",
            Pushing(partial(h26x.nal_unit_without_end, h26x.begun(annexb))),
            "H.264: a NAL unit without end",
        ),
        Attack(
            "h264-sets", Pushing(h26x.changing_parameter_sets), "H.264: other parameter sets at each picture"
        ),
        Attack(
            "h264-sets-paced",
            Pushing(h26x.changing_parameter_sets_paced),
            "H.264: other parameter sets at each picture, 30/s",
        ),
        Attack("h264-metadata", Pushing(h26x.random_metadata), "H.264: frame metadata that are nonsense"),
        Attack("h264-many-sets", Pushing(h26x.many_parameter_sets), "H.264: 288 parameter sets of 15 kB"),
        Attack("h264-golomb", Pushing(h26x.exp_golomb_without_end), "H.264: codes of 64 bits"),
        Attack("codec-flip", Pushing(h26x.codec_at_each_picture), "H.264 and H.265 in turn"),
        Attack(
            "codec-flip-paced", Pushing(h26x.codec_at_each_picture_paced), "H.264 and H.265 in turn, 60/s"
        ),
        Attack("h264-keys-500", Pushing(h26x.keyframes_500_a_second), "H.264: 500 keyframes a second"),
        Attack("h264-10-mb", Pushing(partial(h26x.big_pictures, annexb)), "H.264: pictures of 10 MB"),
        Attack("h264-7-mb", Pushing(partial(h26x.pictures_of_7_mb, annexb)), "H.264: pictures of 7 MB"),
        Attack("h264-2-mb", Pushing(partial(h26x.pictures_of_2_mb, annexb)), "H.264: pictures of 2.3 MB"),
        Attack("h264-bytewise", Pushing(h26x.one_byte_at_a_time), "H.264: one byte per write"),
        Attack("h265-file", Pushing(partial(h26x.file_at_full_speed, "h265")), "H.265: a file without `-re`"),
        Attack("h265-idr", Pushing(h26x.h265_tiny_slices), "H.265: IDR slices of 8 bytes"),
        Attack("h265-tiny-units", Pushing(h26x.h265_tiny_nal_units), "H.265: NAL units of two bytes"),
        Attack("h265-sei-ff", Pushing(h26x.h265_sei_of_ff), "H.265: SEI of 8 MB of `ff`"),
        Attack(
            "h265-sets",
            Pushing(h26x.h265_changing_parameter_sets),
            "H.265: other parameter sets at each picture",
        ),
        Attack(
            "h265-zeros", Pushing(partial(h26x.zero_bytes, h26x.h265_begun())), "H.265: zeros without end"
        ),
        Attack("lp-zero", Pushing(h26x.zero_lengths), "Length-prefixed: lengths of 0"),
        Attack("lp-4gb", Pushing(h26x.greatest_length), "Length-prefixed: a length of 4 GB"),
        Attack(
            "lp-tiny",
            Pushing(partial(h26x.tiny_nal_units, length_prefixed)),
            "Length-prefixed: NAL units of one byte",
        ),
        Attack(
            "lp-idr",
            Pushing(partial(h26x.tiny_idr_slices, length_prefixed)),
            "Length-prefixed: IDR slices of 4 bytes",
        ),
        Attack(
            "lp-sei-ff",
            Pushing(partial(h26x.sei_of_ff, length_prefixed)),
            "Length-prefixed: SEI of 8 MB of `ff`",
        ),
        Attack(
            "lp-10-mb",
            Pushing(partial(h26x.big_pictures, length_prefixed)),
            "Length-prefixed: pictures of 10 MB",
        ),
        Attack(
            "packets-idr",
            Pushing(partial(h26x.tiny_idr_slices, h26x.packets)),
            "Packets: IDR slices of 4 bytes",
        ),
        Attack(
            "packets-tiny",
            Pushing(partial(h26x.tiny_nal_units, h26x.packets)),
            "Packets: NAL units of one byte",
        ),
        Attack(
            "packets-7-mb", Pushing(partial(h26x.pictures_of_7_mb, h26x.packets)), "Packets: pictures of 7 MB"
        ),
        Attack("ivf-obus", Pushing(frames.ivf_of_obus), "IVF, AV1: 16 MB of empty OBUs"),
        Attack(
            "ivf-sequence-headers",
            Pushing(frames.ivf_of_sequence_headers),
            "IVF, AV1: 131,072 sequence headers",
        ),
        Attack(
            "ivf-vp8-file", Pushing(partial(h26x.file_at_full_speed, "vp8")), "IVF, VP8: a file without `-re`"
        ),
        Attack(
            "ivf-vp9-file", Pushing(partial(h26x.file_at_full_speed, "vp9")), "IVF, VP9: a file without `-re`"
        ),
        Attack(
            "ivf-av1-file", Pushing(partial(h26x.file_at_full_speed, "av1")), "IVF, AV1: a file without `-re`"
        ),
        Attack("ivf-empty", Pushing(partial(frames.frames_of_no_bytes, "vp8")), "IVF: frames of no bytes"),
        Attack("ivf-4gb", Pushing(partial(frames.frames_of_4_gb, "vp8")), "IVF: a frame of 4 GB"),
        Attack(
            "ivf-vp8-tiny", Pushing(partial(frames.tiny_frames, "vp8")), "IVF, VP8: keyframes of 13 bytes"
        ),
        Attack(
            "ivf-vp9-tiny", Pushing(partial(frames.tiny_frames, "vp9")), "IVF, VP9: keyframes of 12 bytes"
        ),
        Attack(
            "ivf-av1-tiny", Pushing(partial(frames.tiny_frames, "av1")), "IVF, AV1: keyframes of 20 bytes"
        ),
        Attack(
            "ivf-timebase",
            Pushing(partial(frames.insane_timebases, "vp8")),
            "IVF: a file header before each frame",
        ),
        Attack(
            "ivf-vp9-superframes",
            Pushing(frames.vp9_superframe_nonsense),
            "IVF, VP9: superframe indices that lie",
        ),
        Attack(
            "ivf-vp9-hidden", Pushing(frames.vp9_superframes_of_hidden_frames), "IVF, VP9: nothing is shown"
        ),
        Attack("ivf-vp8-10-mb", Pushing(partial(frames.big_frames, "vp8")), "IVF, VP8: frames of 10 MB"),
        Attack("ivf-vp8-sizes", Pushing(frames.changing_sizes), "IVF, VP8: another size at each keyframe"),
        Attack("ivf-codecs", Pushing(frames.codec_in_each_frame), "IVF: VP8, VP9 and AV1 in turn"),
        Attack("ivf-vp9-colours", Pushing(frames.vp9_colours), "IVF, VP9: RGB keyframes of 20000x20000"),
        Attack("ivf-vp9-largest", Pushing(frames.vp9_largest), "IVF, VP9: keyframes of 8192x4352"),
        Attack(
            "ivf-slow", Pushing(frames.slow_timestamps), "IVF: a file by whose timestamps a picture lasts 1 s"
        ),
        Attack(
            "av1-empty", Pushing(frames.empty_temporal_units), "AV1 with lengths: temporal units of no bytes"
        ),
        Attack(
            "av1-empty-frames", Pushing(frames.empty_frame_units), "AV1 with lengths: frame units of no bytes"
        ),
        Attack("obu-file", Pushing(frames.obu_file_at_full_speed), "OBU: a file without `-re`"),
        Attack("obu-empty", Pushing(frames.empty_obus), "OBU: frames of no bytes"),
        Attack("obu-padding", Pushing(frames.padding_obus), "OBU: padding of no bytes"),
        Attack("obu-nested", Pushing(frames.nested_delimiters), "OBU: delimiters inside of delimiters"),
        Attack("obu-leb128", Pushing(frames.longest_leb128), "OBU: sizes of eight `ff`"),
        Attack("obu-leb128-padded", Pushing(frames.padded_leb128), "OBU: a size of 1 in eight bytes"),
        Attack("obu-tiny", Pushing(frames.tiny_temporal_units), "OBU: temporal units of 20 bytes"),
        Attack(
            "obu-sequence-headers",
            Pushing(frames.obu_sequence_headers),
            "OBU: 64 sequence headers in each unit",
        ),
        Attack("obu-metadata", Pushing(frames.obu_metadata), "OBU: metadata of one byte"),
        *[
            Attack(
                f"noise-{head or 'alone'}",
                Pushing(partial(frames.noise, head)),
                f"noise {f'behind {head}' if head else 'alone'}",
            )
            for head in ("", "h264", "length-prefixed", "vp9", "obu")
        ],
        # 7., 8. connections
        Attack(
            "connect-close",
            storm(storms.connecting(reset=False)),
            "connections closed at once",
            keeps_out=True,
        ),
        Attack(
            "connect-reset", storm(storms.connecting(reset=True)), "connections reset at once", keeps_out=True
        ),
        Attack(
            "connect-get", storm(storms.asking(get)), "HTTP requests to an encoder's port", keeps_out=True
        ),
        Attack(
            "silent-4",
            storm(storms.silent(4, reopening=True)),
            "four silent connections that reopen",
            keeps_out=True,
        ),
        Attack(
            "silent-300",
            storm(storms.silent(300, reopening=True)),
            "300 silent connections that reopen",
            keeps_out=True,
        ),
        Attack(
            "http-half",
            storm(storms.http(half, storms.MANY_CONNECTIONS)),
            "HTTP: 1,100 half requests, with 1,024 descriptors",
            alone=True,
            max_descriptors=USUAL_DESCRIPTORS,
        ),
        Attack(
            "http-silent",
            storm(storms.http(b"", storms.MANY_CONNECTIONS)),
            "HTTP: 1,100 silent connections, with 1,024 descriptors",
            alone=True,
            max_descriptors=USUAL_DESCRIPTORS,
        ),
        Attack(
            "http-unread", storm(storms.http_flood(get, 50)), "HTTP: answers that are not read", alone=True
        ),
        Attack(
            "http-scrapes",
            storm(storms.scrapes(("/metrics", "/", "/api/streams"), 8)),
            "HTTP: eight clients that scrape without a pause",
            alone=True,
        ),
        Attack(
            "http-events",
            storm(storms.http(events, storms.MANY_CONNECTIONS)),
            "HTTP: 1,100 live pages that are not read, with 1,024 descriptors",
            alone=True,
            max_descriptors=USUAL_DESCRIPTORS,
        ),
        Attack("http-header", storm(storms.http(header, 100)), "HTTP: headers of 1 MB", alone=True),
    ]


ATTACKS = {attack.name: attack for attack in _attacks()}
# Items of the list that the first table was made of.
FIRST = (
    "none",
    "ivf-av1-delimiters",
    "obu-delimiters",
    "h264-sei-ff",
    "h264-idr-7",
    "h264-idr-7-once",
    "h264-file",
    "reload-nested",
    "h264-tiny-units",
    "silent-4",
    "http-half",
    "connect-reset",
    "codec-flip",
)
