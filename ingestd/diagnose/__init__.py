"""Advice to users: from the reason of a fault to what was seen, what is expected and what to change.

`media` and `publish` state facts: a reason, and a sentence with the numbers. Here stands what to do about it;
the log, the status page, the probe and the API add it where a person reads it.

    diagnosis.py          Diagnosis: the shape of an entry, and its text
    stream_diagnoses.py   the table of what an encoder sends: a new reason is one entry here
    foreign_format_diagnoses.py  its part on containers and protocols (MPEG-TS, FLV, ...)
    viewer_diagnoses.py   its part on what viewers cannot decode or see badly
    rate_diagnoses.py     its part on how fast pictures and bits come
    room_diagnoses.py     the table of LiveKit's rooms and of the track in one: likewise
    explain.py            error or issue -> the whole text: seen, expected, what to change
    encoder_commands.py   address and codec -> commands that send a test picture, for ffmpeg and GStreamer
    compatibility.py      headers of a stream -> the issues that viewers over WebRTC have with it
    rate_watch.py         the rates that a stream states or may have, against what comes
    reporter.py           what the log and the status page say of a stream, each thing once
    docs_page.py          both tables -> docs/diagnoses.md: python -m ingestd.diagnose > docs/diagnoses.md
"""
