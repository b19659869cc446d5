"""The table of what is wrong with how fast pictures, or bits, come: reason → `Diagnosis`."""

from ingestd.diagnose.diagnosis import Diagnoses, Diagnosis

RATES: Diagnoses = {
    "faster_than_real_time": Diagnosis(
        means="the encoder sends faster than real time, as from a file: it is paced to its own frame rate, "
        "and has to wait",
        cures={
            "any": "if it is live after all, set live: true",
            "ffmpeg": "-re makes it keep the pace by itself",
        },
    ),
    "wrong_rate": Diagnosis(
        means="the frame rate or the timestamps in the stream do not fit the rate at which it comes: "
        "pictures are handed over as they come",
        cures={
            "any": "set the encoder's frame rate to that of its source, or set `framerate`; if this is a "
            "file, set live: false"
        },
    ),
    "over_max_bitrate": Diagnosis(
        means="the stream has more bits per second than `max_bitrate`: WebRTC does not plan for that much",
        cures={"any": "set max_bitrate: auto, or lower the encoder's bit rate"},
    ),
    "faster_than_real_time.guessed": Diagnosis(
        means="the encoder sends faster than real time and states no frame rate: it is paced to a guess, and "
        "viewers see it slow or fast",
        cures={
            "any": "make it write its frame rate into the headers, or set framerate",
            "ffmpeg": "-re makes it keep the pace by itself",
        },
    ),
}
