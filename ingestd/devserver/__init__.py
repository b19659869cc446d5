"""LiveKit server for the demo, the tests and the benchmarks; the daemon does not use it.

livekit_binary    finds the program `livekit-server`, or builds it from source into the cache
livekit_server    runs it on loopback, with its own ports and keys; can be killed and started again
port_pair         reserves two neighbouring free ports
process           starts processes that die with this one (by `die_with_parent`), and ends them
"""
