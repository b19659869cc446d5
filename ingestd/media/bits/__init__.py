"""The ground of `media`: bits and bytes, without a word of any codec.

receive_buffer  ReceiveBuffer: bytes stay where they arrived until a picture is taken in one copy
bit_reader      BitReader: u(n), ue(v), se(v), with a BitstreamError for every fault
"""
