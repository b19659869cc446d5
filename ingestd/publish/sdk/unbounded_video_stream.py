"""A video stream of the SDK that drops no picture, however late Python takes it."""

from typing import Any

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2, video_frame_pb2


class UnboundedVideoStream(rtc.VideoStream):
    """Queues every decoded picture.

    The SDK's own stream keeps one picture that Python has not fetched yet and drops the others, which on a
    busy machine would look like pictures lost on the way. Its ``capacity`` concerns only the queue behind.
    """

    def _create_owned_stream(self) -> Any:
        assert self._track is not None
        request = ffi_pb2.FfiRequest()
        request.new_video_stream.track_handle = self._track._ffi_handle.handle
        request.new_video_stream.type = video_frame_pb2.VideoStreamType.VIDEO_STREAM_NATIVE
        if self._format is not None:
            request.new_video_stream.format = self._format
        request.new_video_stream.normalize_stride = True
        request.new_video_stream.queue_size_frames = 0  # unbounded
        return FfiClient.instance.request(request).new_video_stream.stream
