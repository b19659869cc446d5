"""The service manager's side of the daemon: the protocols of systemd, spoken without its libraries.

sd_notify       datagrams to NOTIFY_SOCKET (sd_notify(3))
service_manager what systemd is told, and when: ready, reloading, stopping, alive, a line of status
status_line     the line of status: what is up, what is wrong
movement        whether pictures move where an encoder sends: what the watchdog looks at
passed_sockets  listening sockets that were passed, by the name of their stream (sd_listen_fds(3))
"""
