from ingestd.media.access_unit import Codec
from ingestd.media.codecs.parameter_sets import Kind, ParameterSet, ParameterSets, insert_missing

VPS = ParameterSet(Kind.VPS, 0, b"vps")
SPS = ParameterSet(Kind.SPS, 0, b"sps")
PPS = ParameterSet(Kind.PPS, 0, b"pps")


def test_a_changed_set_takes_the_place_of_the_old_and_an_equal_one_does_not() -> None:
    sets = ParameterSets()
    sets.store(SPS)
    sets.store(ParameterSet(Kind.SPS, 0, b"sps"))
    assert sets.get(Kind.SPS, 0) is SPS
    changed = ParameterSet(Kind.SPS, 0, b"other")
    sets.store(changed)
    assert sets.get(Kind.SPS, 0) is changed
    assert sets.get(Kind.SPS, 1) is None
    assert sets.get(Kind.PPS, 0) is None


def test_sets_outlive_a_connection_but_not_a_change_of_codec() -> None:
    sets = ParameterSets()
    sets.use_for(Codec.H264)
    sets.store(SPS)
    sets.use_for(Codec.H264)
    assert sets.get(Kind.SPS, 0) is SPS
    sets.use_for(Codec.H265)
    assert sets.get(Kind.SPS, 0) is None


def inserted(nals: list[bytes], present: list[tuple[int, Kind, int]], first: int = 0) -> list[bytes]:
    insert_missing(nals, present, [PPS, VPS, SPS, PPS], first)
    return nals


def test_missing_sets_go_after_the_delimiter_in_the_order_a_decoder_needs() -> None:
    assert inserted([b"aud", b"sei", b"idr"], [], 1) == [b"aud", b"vps", b"sps", b"pps", b"sei", b"idr"]
    assert inserted([b"idr"], []) == [b"vps", b"sps", b"pps", b"idr"]


def test_sets_in_band_are_not_doubled_and_keep_their_place() -> None:
    assert inserted([b"aud", b"SPS", b"sei", b"idr"], [(1, Kind.SPS, 0)], 1) == [
        b"aud", b"vps", b"SPS", b"pps", b"sei", b"idr",
    ]  # fmt: skip
    assert inserted([b"PPS", b"idr"], [(0, Kind.PPS, 0)]) == [b"vps", b"sps", b"PPS", b"idr"]
    everything = [(0, Kind.VPS, 0), (1, Kind.SPS, 0), (2, Kind.PPS, 0)]
    assert inserted([b"V", b"S", b"P", b"idr"], everything) == [b"V", b"S", b"P", b"idr"]


def test_a_set_in_band_with_another_id_is_another_set() -> None:
    assert inserted([b"S1", b"idr"], [(0, Kind.SPS, 1)]) == [b"vps", b"sps", b"S1", b"pps", b"idr"]
