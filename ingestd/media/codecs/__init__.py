"""Headers of H.264, H.265, VP8, VP9 and AV1, by the names of the specifications; none knows a format.

h26x                                         what H.264 and H.265 share: Role of a NAL unit, Slice, Syntax
h264, h265                                   slice headers, and which slices make a picture
h264_parameter_sets, h265_parameter_sets     VPS, SPS, PPS
decoder_configuration                        the records avcC, hvcC and av1C
parameter_sets                               keeps them, and puts them before keyframes that lack them
vui                                          what they say of the looks of a picture
random_access, picture_order                 where decoding can start; B-frames
sei, lkts_trailer                            SEI messages; the frame metadata in them
nal_evidence                                 how far one NAL unit speaks for H.264 or H.265
codec_changes                                how often a stream may change its codec
vp8, vp9                                     frame headers, superframes
obu, av1                                     OBUs; sequence and frame headers, temporal units

A new codec: its headers here, `Codec` in ..access_unit, its place in ..formats (ivf, framed, or a Syntax in
formats.access_unit_assembler.SYNTAX), its sign in ..detection.
"""
