"""H.264 and H.265 NAL units written element by element, so that a test shows the bits it is about."""

START = b"\x00\x00\x00\x01"
SHORT_START = b"\x00\x00\x01"


class BitWriter:
    """Writes syntax elements; `nal` adds rbsp_trailing_bits() and emulation prevention."""

    def __init__(self) -> None:
        self.bits = ""

    def u(self, n: int, value: int) -> "BitWriter":
        self.bits += f"{value:0{n}b}" if n else ""
        return self

    def ue(self, *values: int) -> "BitWriter":
        for value in values:
            code = f"{value + 1:b}"
            self.bits += "0" * (len(code) - 1) + code
        return self

    def se(self, *values: int) -> "BitWriter":
        return self.ue(*(2 * value - 1 if value > 0 else -2 * value for value in values))

    def nal(self, header: bytes, payload: bytes = b"") -> bytes:
        bits = self.bits + "1"
        bits += "0" * (-len(bits) % 8)
        rbsp = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)) + payload
        return header + escape(rbsp)


def escape(rbsp: bytes) -> bytes:
    """Put in emulation_prevention_three_bytes, H.264 7.4.1.1."""
    out, zeros = bytearray(), 0
    for byte in rbsp:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def annexb(*nals: bytes) -> bytes:
    return b"".join(START + nal for nal in nals)


def sei_message(payload_type: int, payload: bytes) -> bytes:
    """sei_message(), H.264 7.3.2.3.1."""
    numbers = (b"\xff" * (n // 255) + bytes([n % 255]) for n in (payload_type, len(payload)))
    return b"".join(numbers) + payload


def length_prefixed(*nals: bytes) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


# --- H.264 -------------------------------------------------------------------------------------------

AUD = b"\x09\xf0"
SEI = b"\x06\x05\x04test\x80"
# recovery_point(): recovery_frame_cnt 3, exact_match_flag, broken_link_flag, changing_slice_group_idc
RECOVERY_POINT = b"\x06" + sei_message(6, b"\x22\x40") + b"\x80"
FILLER = b"\x0c\xff\xff\xff\x80"
END_OF_SEQUENCE = b"\x0a"
END_OF_STREAM = b"\x0b"


def sps(
    *,
    profile_idc: int = 66,
    constraints: int = 0b110000,
    level_idc: int = 31,
    id: int = 0,
    chroma_format_idc: int = 1,
    bit_depth: int = 8,
    log2_max_frame_num: int = 4,
    pic_order_cnt_type: int = 0,
    width_mbs: int = 20,
    height_map_units: int = 15,
    frame_mbs_only: bool = True,
    crop: tuple[int, int, int, int] | None = None,
    timing: tuple[int, int] | None = None,
    hrd: bool = False,  # this and the next behind the timing
    reorder_depth: int | None = None,
    scaling_lists: bool = False,
    separate_colour_planes: bool = False,
) -> bytes:
    w = BitWriter().u(8, profile_idc).u(6, constraints).u(2, 0).u(8, level_idc).ue(id)
    if profile_idc not in (66, 77, 88):
        w.ue(chroma_format_idc)
        if chroma_format_idc == 3:
            w.u(1, separate_colour_planes)
        w.ue(bit_depth - 8, bit_depth - 8).u(1, 0).u(1, scaling_lists)
        if scaling_lists:
            w.u(1, 1).se(*([1] * 16))  # one list written out
            w.u(1, 1).se(-8)  # one that says: use the default
            w.u(6 if chroma_format_idc != 3 else 10, 0)
    w.ue(log2_max_frame_num - 4).ue(pic_order_cnt_type)
    if pic_order_cnt_type == 0:
        w.ue(0)  # log2_max_pic_order_cnt_lsb_minus4
    elif pic_order_cnt_type == 1:
        w.u(1, 0).se(-1, 1).ue(2).se(1, 2)
    w.ue(1).u(1, 0).ue(width_mbs - 1, height_map_units - 1).u(1, frame_mbs_only)
    if not frame_mbs_only:
        w.u(1, 0)
    w.u(1, 1)
    w.u(1, crop is not None)
    if crop is not None:
        w.ue(*crop)
    w.u(1, timing is not None)
    if timing is not None:
        w.u(1, 1).u(8, 255).u(16, 1).u(16, 1).u(1, 0).u(1, 0).u(1, 0)
        w.u(1, 1).u(32, timing[0]).u(32, timing[1]).u(1, 1).u(1, hrd)
        if hrd:
            w.ue(1).u(8, 0).ue(9, 9).u(1, 1).ue(99, 99).u(1, 0).u(20, 0x5A5A5)  # two coded picture buffers
        w.u(1, 0).u(int(hrd), 1).u(1, 0).u(1, reorder_depth is not None)
        if reorder_depth is not None:
            w.u(1, 1).ue(2, 1, 16, 16, reorder_depth, 4)
    return w.nal(b"\x67")


def pps(*, id: int = 0, sps_id: int = 0, bottom_order: bool = False, redundant: bool = False) -> bytes:
    w = BitWriter().ue(id, sps_id).u(1, 0).u(1, bottom_order).ue(0, 0, 0).u(3, 0).se(0, 0, 0).u(2, 0)
    return w.u(1, redundant).nal(b"\x68")


def slice(
    *,
    idr: bool = False,
    ref_idc: int = 2,
    first_mb: int = 0,
    slice_type: int | None = None,
    pps_id: int = 0,
    frame_num: int = 0,
    frame_num_bits: int = 4,
    field: int | None = None,  # with frame_mbs_only_flag 0: 0 frame, 1 top, 2 bottom
    idr_pic_id: int = 0,
    poc_lsb: int | None = 0,
    delta_bottom: int | None = None,
    deltas: tuple[int, ...] = (),
    redundant: int | None = None,
    colour_plane: int | None = None,
    payload: bytes = b"slice data",
) -> bytes:
    """A slice of a stream whose SPS and PPS are those above with the same arguments."""
    w = BitWriter().ue(first_mb, (7 if idr else 5) if slice_type is None else slice_type, pps_id)
    if colour_plane is not None:
        w.u(2, colour_plane)
    w.u(frame_num_bits, frame_num)
    if field is not None:
        w.u(1, field > 0)
        if field:
            w.u(1, field == 2)
    if idr:
        w.ue(idr_pic_id)
    if poc_lsb is not None:
        w.u(4, poc_lsb)
        if delta_bottom is not None:
            w.se(delta_bottom)
    w.se(*deltas)
    if redundant is not None:
        w.ue(redundant)
    return w.nal(bytes([ref_idc << 5 | (5 if idr else 1)]), payload)


# --- H.265 -------------------------------------------------------------------------------------------


def h265_header(nal_unit_type: int, layer: int = 0, temporal_id: int = 0) -> bytes:
    return bytes([nal_unit_type << 1 | layer >> 5, (layer & 31) << 3 | temporal_id + 1])


H265_AUD = h265_header(35) + b"\x50"
H265_SEI = h265_header(39) + b"\x05\x04test\x80"
# recovery_point(): recovery_poc_cnt 0, exact_match_flag, broken_link_flag
H265_RECOVERY_POINT = h265_header(39) + sei_message(6, b"\xd0") + b"\x80"
H265_SUFFIX_SEI = h265_header(40) + b"\x05\x04test\x80"


def profile_tier_level(w: BitWriter, profile_idc: int, constraints: int, level_idc: int) -> None:
    w.u(3, 0).u(5, profile_idc).u(32, 1 << (31 - profile_idc)).u(4, 0b1001).u(9, constraints).u(35, 0)
    w.u(8, level_idc)


def h265_vps(*, id: int = 0, layers: int = 1, timing: tuple[int, int] | None = None) -> bytes:
    w = BitWriter().u(4, id).u(2, 3).u(6, layers - 1).u(3, 0).u(1, 1).u(16, 0xFFFF)
    profile_tier_level(w, 1, 0, 93)
    w.u(1, 1).ue(4, 0, 0).u(6, 0).ue(0).u(1, timing is not None)
    if timing is not None:
        w.u(32, timing[0]).u(32, timing[1]).u(1, 0).ue(0)
    return w.u(1, 0).nal(h265_header(32))


def h265_sps(
    *,
    id: int = 0,
    vps_id: int = 0,
    profile_idc: int = 1,
    constraints: int = 0,
    level_idc: int = 93,
    chroma_format_idc: int = 1,
    bit_depth: int = 8,
    size: tuple[int, int] = (320, 240),
    window: tuple[int, int, int, int] | None = None,
    timing: tuple[int, int] | None = None,
    field_seq: bool = False,  # with a timing
    separate_colour_planes: bool = False,
) -> bytes:
    w = BitWriter().u(4, vps_id).u(3, 0).u(1, 1)
    profile_tier_level(w, profile_idc, constraints, level_idc)
    w.ue(id, chroma_format_idc)
    if chroma_format_idc == 3:
        w.u(1, separate_colour_planes)
    w.ue(*size).u(1, window is not None)
    if window is not None:
        w.ue(*window)
    w.ue(bit_depth - 8, bit_depth - 8).ue(4).u(1, 1).ue(4, 0, 0).ue(0, 3, 0, 3, 0, 0)
    w.u(1, 1).u(1, 1)  # scaling lists: each predicted, but the first and the last written out
    w.u(1, 1).se(*([0] * 16)).u(1, 0).ue(0)
    for _ in range(4 + 6 + 6 + 1):
        w.u(1, 0).ue(0)
    w.u(1, 1).se(5).se(*([0] * 64))  # scaling_list_dc_coef_minus8 comes with the larger sizes
    w.u(2, 3).u(1, 1).u(8, 0x77).ue(0, 0).u(1, 0)  # amp, sao, pcm
    w.ue(2).ue(1, 1).ue(0).u(1, 1).ue(0).u(1, 1)  # two reference picture sets, the second predicted
    w.u(1, 1).u(1, 0).ue(0).u(1, 1).u(2, 0b01).u(1, 1)
    w.u(1, 1).ue(1).u(8, 5).u(1, 1)  # one long-term reference picture
    w.u(2, 3).u(1, timing is not None)
    if timing is not None:
        w.u(1, 0).u(1, 0).u(1, 1).u(3, 5).u(1, 0).u(1, 1).u(24, 0x010101).u(1, 0).u(3, field_seq << 1).u(1, 0)
        w.u(1, 1).u(32, timing[0]).u(32, timing[1]).u(1, 0).u(1, 0).u(1, 0)
    return w.u(1, 0).nal(h265_header(33))


def h265_pps(*, id: int = 0, sps_id: int = 0, output_flag: bool = False, extra_bits: int = 0) -> bytes:
    return (
        BitWriter().ue(id, sps_id).u(1, 0).u(1, output_flag).u(3, extra_bits).u(8, 0xA5).nal(h265_header(34))
    )


def h265_slice(
    nal_unit_type: int = 1,
    *,
    first: bool = True,
    pps_id: int = 0,
    layer: int = 0,
    temporal_id: int = 0,
    slice_type: int = 1,
    output_flag: bool | None = None,
    extra_bits: str = "",
    colour_plane: int | None = None,
    poc_lsb: int = 0,
    payload: bytes = b"data",
) -> bytes:
    """A slice segment of a stream whose SPS and PPS are those above with the same arguments."""
    w = BitWriter().u(1, first)
    if 16 <= nal_unit_type <= 23:
        w.u(1, 0)
    w.ue(pps_id)
    if first:
        w.bits += extra_bits
        w.ue(slice_type)
        if output_flag is not None:
            w.u(1, output_flag)
        if colour_plane is not None:
            w.u(2, colour_plane)
        if nal_unit_type not in (19, 20):
            w.u(8, poc_lsb)  # log2_max_pic_order_cnt_lsb_minus4 is 4 in the SPS above
    return w.nal(h265_header(nal_unit_type, layer, temporal_id), payload)
