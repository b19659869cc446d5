"""The fuzzer: python -m tests.media.fuzz LIBFUZZER-ARGUMENT… CORPUS; see `make fuzz`."""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # in the fuzzer's own environment

with atheris.instrument_imports(include=["ingestd"]):
    from tests.media.fuzz_targets import check, fuzzed
from tests.media import vectors_h26x, vectors_ivf, vectors_obu
from tests.media.vectors_h26x import annexb, length_prefixed


def seeds() -> list[bytes]:
    """Streams to begin with: of every format one."""
    h264 = (
        vectors_h26x.AUD,
        vectors_h26x.sps(timing=(1, 60), crop=(0, 0, 0, 4)),
        vectors_h26x.pps(bottom_order=True, redundant=True),
        vectors_h26x.SEI,
        vectors_h26x.RECOVERY_POINT,
        vectors_h26x.slice(idr=True, delta_bottom=0, redundant=0),
        vectors_h26x.slice(frame_num=1, poc_lsb=2, delta_bottom=0, redundant=0, payload=b"x" * 70),
        vectors_h26x.FILLER,
        vectors_h26x.slice(frame_num=2, poc_lsb=4, delta_bottom=0, redundant=0),
    )
    h265 = (
        vectors_h26x.H265_AUD,
        vectors_h26x.h265_vps(timing=(1, 30)),
        vectors_h26x.h265_sps(),
        vectors_h26x.h265_pps(),
        vectors_h26x.H265_SEI,
        vectors_h26x.h265_slice(nal_unit_type=19),
        vectors_h26x.h265_slice(nal_unit_type=1, poc_lsb=1),
        vectors_h26x.H265_SUFFIX_SEI,
    )
    ivf = vectors_ivf.file_header() + vectors_ivf.frame(vectors_ivf.vp8_key(), 0)
    ivf += vectors_ivf.frame(vectors_ivf.vp8_delta(), 1)
    vp9 = vectors_ivf.file_header(b"VP90") + vectors_ivf.frame(vectors_ivf.vp9_key(), 0)
    unit = vectors_ivf.AV1_DELIMITER + vectors_ivf.AV1_SEQUENCE_HEADER + vectors_ivf.AV1_KEY
    obus = unit + vectors_ivf.AV1_DELIMITER + vectors_ivf.AV1_DELTA
    frame_unit = vectors_obu.frame_unit(
        vectors_ivf.AV1_DELIMITER, vectors_ivf.AV1_SEQUENCE_HEADER, vectors_ivf.AV1_KEY
    )
    delimited = vectors_obu.temporal_unit(frame_unit)
    streams = {
        "annexb h264": annexb(*h264),
        "annexb h265": annexb(*h265),
        "length-prefixed h264": length_prefixed(*h264),
        "length-prefixed h265": length_prefixed(*h265),
        "ivf": ivf,
        "obu": obus,
        "obu, length delimited": delimited,
    }
    parts = {
        "h264 sps": h264[1], "h264 pps": h264[2], "h264 slice": h264[5], "h264 sei": h264[4],
        "h265 vps": h265[1], "h265 sps": h265[2], "h265 pps": h265[3],
        "h265 slice": h265[5], "h265 sei": h265[4],
        "av1 sequence header": vectors_ivf.AV1_SEQUENCE_HEADER[2:], "av1 temporal unit": unit,
        "vp8": vectors_ivf.vp8_key(), "vp9": vectors_ivf.vp9_key(), "obus": unit,
        "vp9 superframe": vectors_ivf.superframe(vectors_ivf.vp9_key(), vectors_ivf.vp9_delta()),
        "headerless ivf": ivf[32:],
    }  # fmt: skip
    whole = [fuzzed("demuxer", stream) for stream in (*streams.values(), vp9)]
    return [*whole, *(fuzzed(*seed) for seed in (*streams.items(), *parts.items()))]


def main() -> None:
    *arguments, corpus = sys.argv
    for number, seed in enumerate(seeds()):
        Path(corpus, f"seed-{number}").write_bytes(seed)
    atheris.Setup([*arguments, corpus], lambda data: check(bytes(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
