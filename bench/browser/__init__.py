"""A real Chromium with LiveKit's JavaScript client, as viewers use it.

numbered    pictures that carry their number where a script can read it, as one H.264 stream
live        a live encoder of them, and the viewer who watches from the beginning
chromium    runs the browser, tells its page who joins, leaves or hides, and collects what was shown when
page.html   the page: as many viewers as wanted, each with its own connection
"""
