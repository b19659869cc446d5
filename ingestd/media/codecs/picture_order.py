"""Order of decoding against order of output, told by picture order counts; no timestamps are needed.

Slices of type B do not tell: they may refer to two pictures of the past alone, and many encoders write them
so for low delay. A picture jumps back for WebRTC's viewers, who see pictures in the order of decoding, only
where its picture order count is below that of one decoded before.
"""


class PictureOrder:
    """PicOrderCntVal of each picture (H.264 8.2.1.1, H.265 8.3.1), as far as its order needs."""

    def __init__(self) -> None:
        self._msb = self._lsb = 0  # prevPicOrderCntMsb, prevPicOrderCntLsb
        self.count = 0  # PicOrderCntVal of the last picture, from the one that began the order
        self._highest: int | None = None  # of all pictures since the one that began the order

    def goes_back(
        self, lsb: int, log2_max_lsb: int, *, begins_order: bool, is_reference: bool, delta_bottom: int = 0
    ) -> bool:
        """Take the next picture in decoding order; return whether it is output before an earlier one.

        ``begins_order`` holds for IDR and IRAP pictures: whatever was decoded before them is output before
        them. ``is_reference`` says that the count of the next picture is relative to this one's.
        ``delta_bottom`` is delta_pic_order_cnt_bottom.
        """
        max_lsb = 1 << log2_max_lsb
        msb = self._msb
        if begins_order or self._highest is None:
            msb, self._highest, is_reference = 0, None, True
        elif lsb < self._lsb and self._lsb - lsb >= max_lsb // 2:
            msb += max_lsb
        elif lsb > self._lsb and lsb - self._lsb > max_lsb // 2:
            msb -= max_lsb
        if is_reference:
            self._msb, self._lsb = msb, lsb
        count = self.count = msb + lsb + (delta_bottom if delta_bottom < 0 else 0)
        if self._highest is not None and count < self._highest:
            return True
        self._highest = count
        return False
