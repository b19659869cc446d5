"""What each rule of `ingestd.media.picture_end` buys: torn pictures and delay, with it and without it.

sources     pictures and the writes of their encoders: recorded (recordings/, made by record), and made up
paths       what networks, proxies and busy machines make of those writes
replay      the daemon's reads and timers with a simulated clock, around the real Demuxer
rules       what is switched off, or given another number
__main__    runs every source over every path under every rule; prints tables, and writes them into docs
"""
