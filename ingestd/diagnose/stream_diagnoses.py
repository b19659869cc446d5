"""The table of all that can be wrong with what an encoder sends: reason → `Diagnosis`.

A new reason of a StreamError or an Issue is one entry here; a test compares this table with the source.
"""

from collections.abc import Mapping

from ingestd.diagnose.diagnosis import (
    H264_BYTE_STREAM,
    H265_BYTE_STREAM,
    IVF,
    OBU_STREAM,
    Diagnoses,
    Diagnosis,
)
from ingestd.diagnose.foreign_format_diagnoses import FOREIGN_FORMATS
from ingestd.diagnose.rate_diagnoses import RATES
from ingestd.diagnose.viewer_diagnoses import VIEWERS

_FINISH = {
    "any": "stop the encoder in a way that lets it finish",
    "ffmpeg": "stop it with SIGINT",
    "GStreamer": "stop it with EOS (gst-launch-1.0 -e)",
}
_CUT_OFF = {"any": "if the encoder was not stopped, see what cut it off"}

_MALFORMED = Diagnosis(
    means="a header cannot be parsed",
    cures={"any": "the encoder wrote it wrong or bytes were lost on the way"},
)


_CONNECTIONS: Diagnoses = {
    "empty": Diagnosis(
        means="the connection closed without sending a byte",
        expected="an encoder (a port scan or health check does this, and so does ffmpeg when it fails before "
        "the first picture)",
    ),
    "connection_lost": Diagnosis(
        means="the connection broke: the encoder or the network between gave it up",
        cures={"any": "see why the encoder or its machine ended, and what the network between does"},
    ),
    "idle_timeout": Diagnosis(
        means="the encoder sent nothing for `source.idle_timeout`",
        cures={"any": "see whether the encoder runs, or set a longer source.idle_timeout, or auto"},
    ),
    "too_many_faults": Diagnosis(
        means="one read of the socket held more faults than a stream can have",
        cures={"any": "see what damages the stream, and restart the encoder"},
    ),
    "too_costly": Diagnosis(
        means="to read the stream took far more time than any real one takes, for 10 s; it was slowed before",
        cures={
            "any": "see what damages the stream, or makes thousands of tiny pictures, slices or headers of it"
        },
    ),
    "codec_flips": Diagnosis(
        means="the codec changes again and again, and each change costs viewers the track",
        expected="one codec per connection",
        cures={"any": "see whether two encoders write to one connection, and restart the encoder"},
    ),
    "internal": Diagnosis(
        means="a defect of ingestd: the log has the details",
        cures={"any": "report it with the lines of the log"},
    ),
}

_NAL_UNITS: Diagnoses = {
    "malformed_vps": _MALFORMED,
    "malformed_sps": _MALFORMED,
    "malformed_pps": _MALFORMED,
    "malformed_sei": _MALFORMED,
    "malformed_slice_header": _MALFORMED,
    "malformed_nal_header": Diagnosis(
        means="a NAL unit has a header that is forbidden; it is left out",
        cures={"any": "bytes were damaged or lost between the encoder and here"},
    ),
    "malformed_trailer": Diagnosis(
        means="an LKTS trailer, the metadata of a picture, cannot be read; it is left out",
        cures={"any": "the encoder wrote it wrong, or in an older layout"},
    ),
    "changed_sets": Diagnosis(
        means="the VPS or SPS changed before a picture that is no keyframe: decoders show it wrong, and the "
        "server takes it for a keyframe",
        expected="a keyframe where the parameter sets change",
        cures={"any": "make the encoder begin a new GOP when its settings change"},
    ),
    "leading_garbage": Diagnosis(
        means="bytes before the first start code are left out: the stream was joined in the middle of a NAL "
        "unit, or something else stands before it"
    ),
    "unknown_header": Diagnosis(
        means="a header of another protocol stands before each access unit, and does not say its size",
        expected="start codes and NAL units, and nothing else",
        cures={
            "any": "leave the header out, or put the size of the access unit into it: four bytes, big-endian",
            "scrcpy": "raw_stream=true, or its frame meta complete",
        },
    ),
    "lost_lengths.packets": Diagnosis(
        means="the sizes in the headers before the access units make no sense any more",
        cures={"any": "restart the encoder, or leave the headers out"},
    ),
    "lost_lengths": Diagnosis(
        means="the lengths before the NAL units make no sense any more",
        cures={
            "any": "restart the encoder, or send start codes",
            "GStreamer": H264_BYTE_STREAM,
            "ffmpeg": "-bsf:v h264_mp4toannexb -f h264",
        },
    ),
    "too_large": Diagnosis(
        means="a picture of more bytes than any real one",
        expected="a new picture before that",
        cures={"any": "lower the encoder's bitrate, or see whether it still sends start codes"},
    ),
    "too_large.slices": Diagnosis(
        means="a picture of more NAL units than any real one",
        cures={
            "any": "make fewer slices per picture",
            "x264": "slices=4",
            "x264enc": "option-string=slices=4",
        },
    ),
    "too_large.sets": Diagnosis(
        means="a picture of more parameter sets than a stream can have",
        cures={"any": "send those in use, before keyframes; see what damages the stream"},
    ),
    "tiny_keyframe": Diagnosis(
        means="a keyframe far smaller than the parameter sets that it lacks; it is dropped",
        cures={"any": "see what damages the stream"},
    ),
    "skipped_picture": Diagnosis(
        means="a leading picture (RASL) behind the CRA or BLA picture that the stream begins with; it is "
        "left out",
        cures={"any": "to have none of them, encode closed GOPs", "x265": "open-gop=0"},
    ),
    "torn_picture": Diagnosis(
        means="the rest of a picture came so late that the picture had been taken for whole",
        cures={"any": "see what interrupts the connection between the encoder and here"},
    ),
    "cut_nal_unit": Diagnosis(means="the connection closed in the middle of a NAL unit", cures=_CUT_OFF),
    "cut_picture": Diagnosis(
        means="the connection closed after the headers of a picture, before the picture", cures=_CUT_OFF
    ),
}

_IVF_AND_OBUS: Diagnoses = {
    "not_ivf": Diagnosis(
        means="the configuration says IVF, and the bytes are something else",
        expected="IVF",
        cures={"any": "set format: auto, or write IVF", **IVF},
    ),
    "malformed_header": Diagnosis(
        means="the file header of IVF is damaged, or not from a muxer",
        expected="IVF",
        cures={"any": "it is damaged, or not from a muxer", **IVF},
    ),
    "unknown_codec": Diagnosis(
        means="the file header of IVF names a codec that is not known here",
        expected="VP80, VP90 or AV01",
        cures={"ffmpeg": "-c:v libvpx, libvpx-vp9 or libsvtav1"},
    ),
    "wrong_format.h264": Diagnosis(
        means="H.264 in IVF",
        expected="VP80, VP90 or AV01",
        cures={
            "any": "send it as a byte stream",
            "ffmpeg": "-f h264 instead of -f ivf",
            "GStreamer": f"{H264_BYTE_STREAM},alignment=au and no muxer",
        },
    ),
    "wrong_format.h265": Diagnosis(
        means="H.265 in IVF",
        expected="VP80, VP90 or AV01",
        cures={
            "any": "send it as a byte stream",
            "ffmpeg": "-f hevc instead of -f ivf",
            "GStreamer": f"{H265_BYTE_STREAM},alignment=au and no muxer",
        },
    ),
    "wrong_fourcc": Diagnosis(
        means="the file header of IVF names another codec than the frames have; they are published as what "
        "they are",
        cures={"any": "see what writes the header", **IVF},
    ),
    "too_large.ivf": Diagnosis(
        means="a frame in IVF of more bytes than any real one",
        cures={
            "any": "bytes were lost or something other than the muxer writes to the connection; connect again"
        },
    ),
    "empty_frame": Diagnosis(
        means="a frame in IVF without bytes; it is skipped", cures={"any": "check the muxer"}
    ),
    "cut_header": Diagnosis(
        means="the connection closed in the middle of a header",
        cures={
            "any": "see why the encoder stopped",
            **{tool: _FINISH[tool] for tool in ("ffmpeg", "GStreamer")},
        },
    ),
    "cut_frame": Diagnosis(means="the connection closed in the middle of a frame", cures=_FINISH),
    "malformed_vp8": Diagnosis(
        means="a frame is not VP8",
        cures={
            "any": "check that only the encoder's frames go into the muxer",
            "ffmpeg": "-c:v libvpx -f ivf",
        },
    ),
    "malformed_vp9": _MALFORMED,
    "malformed_av1": Diagnosis(
        means="an OBU or a header in it cannot be parsed",
        expected="a temporal unit of OBUs with sizes",
        cures={"any": _MALFORMED.cures["any"], "GStreamer": OBU_STREAM},
    ),
    "obu_without_size": Diagnosis(
        means="an OBU outside a container has no obu_size",
        expected="OBUs with sizes",
        cures={"GStreamer": OBU_STREAM, "ffmpeg": "-f obu, or -f ivf"},
    ),
    "lost_lengths.av1": Diagnosis(
        means="the lengths of AV1's Annex B contradict each other",
        cures={"any": "restart the encoder, or send OBUs with sizes", "GStreamer": OBU_STREAM},
    ),
    "too_large.av1": Diagnosis(
        means="a temporal unit of more bytes than any real one",
        expected="a temporal delimiter before that",
        cures={"any": "lower the encoder's bitrate", "GStreamer": OBU_STREAM, "ffmpeg": "-f obu, or -f ivf"},
    ),
    "too_large.obus": Diagnosis(
        means="a temporal unit of more OBUs than any real one, or so many without a frame",
        cures={
            "any": "make fewer tile groups per frame; see what damages the stream",
            "libaom": "num-tile-groups=1",
        },
    ),
    "torn_picture.av1": Diagnosis(
        means="a temporal unit goes on behind the frame that it shows",
        cures={
            "any": "write a frame into one OBU_FRAME, and a temporal delimiter before each temporal unit",
            "libaom": "num-tile-groups=1",
            "GStreamer": "av1parse",
        },
    ),
    "cut_temporal_unit": Diagnosis(
        means="the connection closed in the middle of a temporal unit; it is left out", cures=_FINISH
    ),
}

_SUBMITTED: Diagnoses = {
    "empty.submitted": Diagnosis(
        means="`Publication.submit` was given an access unit of no bytes",
        cures={"any": "submit what the encoder returns, and nothing where it returns nothing"},
    ),
    "too_large.submitted": Diagnosis(
        means="`Publication.submit` was given more bytes than any real picture has",
        cures={"any": "submit one picture at a time, or lower the encoder's bitrate"},
    ),
    "no_start_code": Diagnosis(
        means="`Publication.submit` was given an access unit that does not begin with a start code",
        expected="a start code",
        cures={
            "any": "set the encoder to Annex-B, also called byte stream, or put 00 00 00 01 in the place of "
            "each NAL unit's length",
            "PyAV": "BitStreamFilterContext h264_mp4toannexb, hevc_mp4toannexb",
        },
    ),
    "several_pictures": Diagnosis(
        means="`Publication.submit` was given more than one picture at once",
        cures={"any": "submit each by itself, as the encoder returns it"},
    ),
    "no_picture": Diagnosis(
        means="`Publication.submit` was given headers at most, and no picture",
        cures={
            "any": "submit headers in front of the keyframe that follows them, and see that the codec is the "
            "encoder's"
        },
    ),
}

_PROBED: Diagnoses = {
    "empty.file": Diagnosis(
        means="`ingestd probe` was given an empty file",
        expected="a recorded stream",
        cures={"ffmpeg": "-f h264 FILE"},
    ),
    "unreachable": Diagnosis(
        means="`ingestd probe` cannot connect to the encoder",
        expected="an encoder that listens there",
        cures={
            "any": "have it listen, or let it dial: ingestd probe listen:PORT",
            "ffmpeg": "-f h264 tcp://0.0.0.0:PORT?listen=1",
            "GStreamer": "tcpserversink",
        },
    ),
    "silent": Diagnosis(
        means="`ingestd probe` is connected, and nothing came", cures={"any": "see whether the encoder runs"}
    ),
}

STREAM_SECTIONS: Mapping[str, Diagnoses] = {
    "The connection": _CONNECTIONS,
    "Something other than a stream ingestd takes": FOREIGN_FORMATS,
    "H.264 and H.265": _NAL_UNITS,
    "IVF and OBUs: VP8, VP9, AV1": _IVF_AND_OBUS,
    "What viewers do not decode, or not well": VIEWERS,
    "How fast it comes": RATES,
    "Access units from Python": _SUBMITTED,
    "The probe": _PROBED,
}

STREAM_DIAGNOSES: Diagnoses = {
    reason: diagnosis for section in STREAM_SECTIONS.values() for reason, diagnosis in section.items()
}
