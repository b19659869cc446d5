"""AV1 sequence and frame headers, and temporal units (AV1 specification 5.5, 5.9, 6.4, 7.5)."""

from typing import NamedTuple

from ingestd.errors import BitstreamError, ExcessError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Codec, Format, StreamInfo
from ingestd.media.bits.bit_reader import BitReader
from ingestd.media.codecs.obu import KNOWN_OBU_TYPES, ObuType, open_bitstream_units, read_obu, write_obu

KEY_FRAME = 0
SELECT_SCREEN_CONTENT_TOOLS = 2
CP_BT_709, TC_SRGB, MC_IDENTITY = 1, 13, 0
PROFILES = ("Main", "High", "Professional")  # seq_profile, 6.4.1
# 32 operating points of 89 bits each, and everything else, have less than half of this.
MAX_SEQUENCE_HEADER_BYTES = 1024
MAX_LEVEL_IDX = 23  # A.3: 24 to 30 are reserved, 31 sets no limits

TEMPORAL_DELIMITER = b"\x12\x00"  # the whole OBU: its header with obu_has_size_field, and obu_size 0
_FRAME_HEADERS = frozenset({ObuType.FRAME, ObuType.FRAME_HEADER})


class SequenceHeader(NamedTuple):
    """sequence_header_obu() as far as a viewer would notice a change (5.5.1)."""

    seq_profile: int
    seq_level_idx: int
    reduced_still_picture_header: bool
    width: int
    height: int
    bit_depth: int
    chroma_format: str
    frame_rate_fps: float | None
    # Of the first operating point, which holds them all; 0 where there is no scalability.
    spatial_layers: int
    temporal_layers: int
    full_range: bool


class FrameHeader(NamedTuple):
    """uncompressed_header() as far as it says whether something is shown (5.9.2)."""

    show_existing_frame: bool
    frame_type: int
    show_frame: bool


def parse_sequence_header(payload: bytes) -> SequenceHeader:
    """Read sequence_header_obu() up to color_config() (5.5.1)."""
    bits = BitReader(payload, "av1")
    if len(payload) > MAX_SEQUENCE_HEADER_BYTES:
        raise bits.malformed(f"a sequence header has {len(payload)} bytes, more than any real one")
    seq_profile = bits.u(3)
    if seq_profile >= len(PROFILES):
        raise bits.malformed(f"seq_profile is {seq_profile}, above 2 are reserved")
    bits.skip(1)  # still_picture
    reduced_still_picture_header = bits.flag()
    frame_rate_fps = None
    if reduced_still_picture_header:
        seq_level_idx, operating_point_idc = bits.u(5), 0
    else:
        frame_rate_fps, buffer_delay_bits = _timing(bits)
        seq_level_idx, operating_point_idc = _operating_points(bits, buffer_delay_bits)
    frame_width_bits, frame_height_bits = bits.u(4) + 1, bits.u(4) + 1
    width, height = bits.u(frame_width_bits) + 1, bits.u(frame_height_bits) + 1
    _skip_coding_tools(bits, reduced_still_picture_header)
    bit_depth, chroma_format, full_range = _color_config(bits, seq_profile)
    return SequenceHeader(
        seq_profile,
        seq_level_idx,
        reduced_still_picture_header,
        width,
        height,
        bit_depth,
        chroma_format,
        frame_rate_fps,
        spatial_layers=(operating_point_idc >> 8).bit_count(),
        temporal_layers=(operating_point_idc & 0xFF).bit_count(),
        full_range=full_range,
    )


def _timing(bits: BitReader) -> tuple[float | None, int]:
    """Return the frame rate, if it is fixed, and the length of buffer delays, 0 without a decoder model."""
    if not bits.flag():  # timing_info_present_flag
        return None, 0
    num_units_in_display_tick, time_scale = bits.u(32), bits.u(32)  # timing_info(), 5.5.3
    frame_rate_fps = None
    if bits.flag():  # equal_picture_interval
        num_ticks_per_picture = bits.ue() + 1  # uvlc(), 4.10.3, is ue(v)
        if num_units_in_display_tick:
            frame_rate_fps = time_scale / (num_units_in_display_tick * num_ticks_per_picture) or None
    if not bits.flag():  # decoder_model_info_present_flag
        return frame_rate_fps, 0
    buffer_delay_bits = bits.u(5) + 1  # decoder_model_info(), 5.5.4
    bits.skip(32 + 5 + 5)  # num_units_in_decoding_tick, two lengths of fields in frame headers
    return frame_rate_fps, buffer_delay_bits


def _operating_points(bits: BitReader, buffer_delay_bits: int) -> tuple[int, int]:
    """Return seq_level_idx and operating_point_idc of the first operating point, which holds all layers."""
    initial_display_delay_present_flag = bits.flag()
    points = []
    for _ in range(bits.u(5) + 1):  # operating_points_cnt_minus_1
        operating_point_idc, seq_level_idx = bits.u(12), bits.u(5)
        points.append((seq_level_idx, operating_point_idc))
        if seq_level_idx > 7:
            bits.skip(1)  # seq_tier
        if buffer_delay_bits and bits.flag():  # decoder_model_present_for_this_op
            bits.skip(2 * buffer_delay_bits + 1)  # operating_parameters_info(), 5.5.5
        if initial_display_delay_present_flag and bits.flag():
            bits.skip(4)  # initial_display_delay_minus_1
    return points[0]


def _skip_coding_tools(bits: BitReader, reduced_still_picture_header: bool) -> None:
    """Pass over what lies between the size and color_config() (5.5.1)."""
    if not reduced_still_picture_header and bits.flag():  # frame_id_numbers_present_flag
        bits.skip(4 + 3)  # delta_frame_id_length_minus_2, additional_frame_id_length_minus_1
    bits.skip(3)  # use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    if not reduced_still_picture_header:
        bits.skip(4)  # interintra compound, masked compound, warped motion, dual filter
        enable_order_hint = bits.flag()
        if enable_order_hint:
            bits.skip(2)  # enable_jnt_comp, enable_ref_frame_mvs
        seq_choose_screen_content_tools = bits.flag()
        tools = SELECT_SCREEN_CONTENT_TOOLS if seq_choose_screen_content_tools else bits.u(1)
        if tools and not bits.flag():  # seq_choose_integer_mv
            bits.skip(1)  # seq_force_integer_mv
        if enable_order_hint:
            bits.skip(3)  # order_hint_bits_minus_1
    bits.skip(3)  # enable_superres, enable_cdef, enable_restoration


def _color_config(bits: BitReader, seq_profile: int) -> tuple[int, str, bool]:
    """Return BitDepth, the chroma format and color_range (color_config(), 5.5.2)."""
    bit_depth = 8
    if bits.flag():  # high_bitdepth
        bit_depth = 12 if seq_profile == 2 and bits.flag() else 10  # twelve_bit
    if seq_profile != 1 and bits.flag():  # mono_chrome
        return bit_depth, "4:0:0", False
    if bits.flag():  # color_description_present_flag
        color_description = (bits.u(8), bits.u(8), bits.u(8))
        if color_description == (CP_BT_709, TC_SRGB, MC_IDENTITY):
            return bit_depth, "4:4:4", False  # RGB: there is no other range
    full_range = bits.flag()  # color_range
    if seq_profile == 0:
        return bit_depth, "4:2:0", full_range
    if seq_profile == 1:
        return bit_depth, "4:4:4", full_range
    if bit_depth < 12:
        return bit_depth, "4:2:2", full_range
    if not bits.flag():  # subsampling_x
        return bit_depth, "4:4:4", full_range
    return bit_depth, "4:2:0" if bits.flag() else "4:2:2", full_range  # subsampling_y


def parse_frame_header(frame_header: bytes, reduced_still_picture_header: bool = False) -> FrameHeader:
    """Read the beginning of uncompressed_header() (5.9.2)."""
    if reduced_still_picture_header:
        return FrameHeader(False, KEY_FRAME, True)
    bits = BitReader(frame_header, "av1")
    if bits.flag():
        return FrameHeader(True, KEY_FRAME, True)
    return FrameHeader(False, frame_type=bits.u(2), show_frame=bits.flag())


def is_shown_key_frame(frame_header: bytes, reduced_still_picture_header: bool = False) -> bool:
    """Whether uncompressed_header() is that of a key frame to be shown at once (5.9.2).

    A key frame that is hidden first and shown by show_existing_frame later is none that a decoder could
    start at: the later temporal unit holds only the request to show it.
    """
    header = parse_frame_header(frame_header, reduced_still_picture_header)
    return not header.show_existing_frame and header.frame_type == KEY_FRAME and header.show_frame


def starts_temporal_unit(data: bytes) -> bool:
    """Whether `data` begins with a temporal delimiter and another OBU, or with a sequence header (7.5)."""
    try:
        first = read_obu(data, 0)
        if first.obu_type == ObuType.TEMPORAL_DELIMITER:
            return (
                first.payload == first.end < len(data)
                and read_obu(data, first.end).obu_type in KNOWN_OBU_TYPES
            )
        if first.obu_type == ObuType.SEQUENCE_HEADER:
            parse_sequence_header(data[first.payload : first.end])
            return True
    except BitstreamError:
        pass
    return False


class Av1TemporalUnits:
    """Turns temporal units into access units; remembers the sequence header for those that come without."""

    def __init__(self, container: Format) -> None:
        self.info: StreamInfo | None = None
        self.frame_rate_fps: float | None = None
        self._format = container
        self._sequence_header = b""  # the payload of the last one seen
        self._hidden = bytearray()  # what came without a frame to be shown, and belongs to the one behind it
        self._reduced_still_picture_header = False

    def access_unit(self, temporal_unit: bytes, timestamp_us: int | None) -> AccessUnit:
        """Return `temporal_unit`, with the sequence header that a key frame needs put in if it is missing."""
        after_delimiter = 0
        has_sequence_header = False
        keyframe = None  # until a frame header has been met
        for obu in open_bitstream_units(temporal_unit):
            if obu.obu_type == ObuType.TEMPORAL_DELIMITER and obu.start == 0:
                after_delimiter = obu.end
            elif obu.obu_type == ObuType.SEQUENCE_HEADER and keyframe is None and not has_sequence_header:
                has_sequence_header = True  # others in the temporal unit repeat it (7.5)
                self._remember(temporal_unit[obu.payload : obu.end])
            elif obu.obu_type in _FRAME_HEADERS and keyframe is None:
                start_of_header = temporal_unit[obu.payload : min(obu.end, obu.payload + 1)]
                keyframe = is_shown_key_frame(start_of_header, self._reduced_still_picture_header)
        if not keyframe or has_sequence_header:
            return AccessUnit(temporal_unit, bool(keyframe), self.info, timestamp_us)
        if not self._sequence_header:
            return AccessUnit(temporal_unit, True, self.info, timestamp_us, lacks_parameter_sets=True)
        repaired = b"".join(
            (
                temporal_unit[:after_delimiter],
                write_obu(ObuType.SEQUENCE_HEADER, self._sequence_header),
                temporal_unit[after_delimiter:],
            )
        )
        return AccessUnit(repaired, True, self.info, timestamp_us, repaired=True)

    def join(self, chunk: bytes) -> bytes | None:
        """Return the temporal unit that ends with `chunk`; None: it shows nothing, and goes with the next.

        A temporal unit has a shown frame (7.5). Some muxers give a hidden one a temporal unit for itself,
        which the decoders of WebRTC take for an error.
        """
        if self._hidden and chunk.startswith(TEMPORAL_DELIMITER):
            chunk = chunk[len(TEMPORAL_DELIMITER) :]
        if self._hides(chunk) and len(self._hidden) + len(chunk) < MAX_ACCESS_UNIT_BYTES:
            self._hidden += chunk
            return None
        if not self._hidden:
            return chunk
        joined = bytes(self._hidden + chunk)
        self._hidden.clear()
        return joined

    def _hides(self, chunk: bytes) -> bool:
        """Whether there are frames in `chunk`, and all are hidden."""
        hidden, reduced = False, self._reduced_still_picture_header
        try:
            for obu in open_bitstream_units(chunk):
                if obu.obu_type == ObuType.SEQUENCE_HEADER:
                    reduced = parse_sequence_header(chunk[obu.payload : obu.end]).reduced_still_picture_header
                elif obu.obu_type in _FRAME_HEADERS:
                    head = chunk[obu.payload : min(obu.end, obu.payload + 1)]
                    if parse_frame_header(head, reduced).show_frame:
                        return False
                    hidden = True
        except BitstreamError:
            return False  # said when it comes out
        return hidden

    def take(self, chunk: bytes, faults: list[BitstreamError]) -> AccessUnit | None:
        """Return the temporal unit that ends with `chunk`, as it is and with a fault where it is malformed.

        None: it shows nothing, as `join` says.
        """
        temporal_unit = self.join(chunk)
        if temporal_unit is None:
            return None
        try:
            return self.access_unit(temporal_unit, None)
        except ExcessError:
            raise
        except BitstreamError as fault:
            faults.append(fault)
            return AccessUnit(temporal_unit, False, self.info)

    def _remember(self, payload: bytes) -> None:
        header = parse_sequence_header(payload)
        self._sequence_header = payload
        self._reduced_still_picture_header = header.reduced_still_picture_header
        self.info = StreamInfo(
            codec=Codec.AV1,
            format=self._format,
            width=header.width,
            height=header.height,
            profile=PROFILES[header.seq_profile],
            level=level_name(header.seq_level_idx),
            chroma_format=header.chroma_format,
            bit_depth=header.bit_depth,
            frame_rate_fps=header.frame_rate_fps or self.frame_rate_fps,
            layers=max(1, header.spatial_layers),
            temporal_layers=max(1, header.temporal_layers),
            full_range=header.full_range,
        )


def level_name(seq_level_idx: int) -> str:
    """Return e.g. "3.1", or "" for a level that is reserved or sets no limits (A.3)."""
    return f"{2 + (seq_level_idx >> 2)}.{seq_level_idx & 3}" if seq_level_idx <= MAX_LEVEL_IDX else ""
