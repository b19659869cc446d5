"""The status page: one HTML text without outside assets, which fetches itself again each second."""

from collections.abc import Mapping, Sequence
from html import escape
from string import Template

from ingestd.media.access_unit import CODEC_NAMES
from ingestd.observe.figures import StreamFigures

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style nonce="$nonce">$style</style>
<noscript><meta http-equiv="refresh" content="2"></noscript>
</head>
<body>
<header><h1>ingestd</h1><span class="quiet">$version</span></header>
<p id="lost" class="problems" hidden>ingestd does not answer; what you see is old.</p>
<main id="live">
$summary
<div class="wide"><table>
<thead><tr><th>Stream</th><th>State</th><th>Picture</th><th class="n">Pictures/s</th>
<th class="n">Bitrate</th><th class="n">Delay</th><th class="n">Sent</th><th>Dropped</th></tr></thead>
<tbody>
$rows
</tbody>
</table></div>
</main>
<footer class="quiet">Delay: last byte read to WebRTC, median; then their wait in WebRTC.
<a href="/api/streams">/api/streams</a> <a href="/metrics">/metrics</a> <a href="/readyz">/readyz</a>
<a href="/healthz">/healthz</a></footer>
<script nonce="$nonce">$script</script>
</body>
</html>
""")

_ROW = Template("""<tr>
<th scope="row">$name<small>track $track<br>room $room</small></th>
<td><span class="state $state">$state</span><small>$encoder</small>$problems$remarks</td>
<td>$picture<small>$detail</small></td>
<td class="n">$frame_rate<small>$keyframes</small></td>
<td class="n">$bitrate<small>$target</small><small>$feedback</small></td>
<td class="n">$delay<small>$send_delay</small><small>$backlog</small></td>
<td class="n">$sent<small>$held</small></td>
<td>$dropped<small>$reasons</small><small>$frozen</small></td>
</tr>""")

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --quiet: #69707a; --line: #e1e4e8; --ground: #f7f8f9;
  --card: #fff; --up: #18794e; --upground: #ddf3e4; --down: #b42318; --downground: #fdecea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --quiet: #939aa3; --line: #2c3136;
  --ground: #131517; --card: #1b1e21; --up: #5bd197; --upground: #12301f;
  --down: #ff8a7a; --downground: #3a1a17; } }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
header { display: flex; align-items: baseline; gap: .6rem; }
h1 { font-size: 1.3rem; margin: 0; }
.quiet, small { color: var(--quiet); }
small { display: block; font-weight: 400; font-size: .8rem; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .65rem .8rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
thead th { font-size: .75rem; color: var(--quiet); font-weight: 600; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
.n { text-align: right; white-space: nowrap; }
.state { display: inline-block; padding: 0 .55rem; border-radius: 1rem; font-weight: 600; font-size: .85rem; }
.up { color: var(--up); background: var(--upground); }
.down { color: var(--down); background: var(--downground); }
.problems { margin: .4rem 0 0; padding: 0; list-style: none; color: var(--down);
  font-size: .85rem; max-width: 24rem; }
footer { margin-top: 1rem; font-size: .8rem; }
a { color: inherit; }
"""

# The page is made in one place only, here: the script asks for it again and takes over what changed.
# It is parsed as a separate document, in which nothing runs.
_SCRIPT = """
const lost = document.getElementById("lost");
async function refresh() {
  try {
    const answer = await fetch("/", {cache: "no-store", signal: AbortSignal.timeout(5000)});
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("live").replaceWith(fresh.getElementById("live"));
    document.title = fresh.title;
    lost.hidden = true;
  } catch { lost.hidden = false; }
  setTimeout(refresh, 1000);
}
setTimeout(refresh, 1000);
"""


def render(streams: Sequence[StreamFigures], problems: Sequence[str], version: str, nonce: str) -> str:
    """The page as HTML; whatever comes from outside is escaped."""
    up = sum(figures.up for figures in streams)
    return _PAGE.substitute(
        title=f"{up}/{len(streams)} up · ingestd",
        version=escape(version),
        nonce=escape(nonce),
        style=_STYLE,
        script=_SCRIPT,
        summary=f"<p>{up} of {len(streams)} streams up.</p>{_list(problems)}",
        rows="\n".join(map(_row, streams)),
    )


def _row(figures: StreamFigures) -> str:
    dropped = {reason: count for reason, count in figures.frames_dropped.items() if count}
    delay_s = figures.frame_delay.quantile_s(0.5)
    cells = {
        "name": figures.name,
        "track": figures.track,
        "room": figures.room,
        "state": "up" if figures.up else "down",
        "encoder": f"{figures.encoder or 'no encoder'} {figures.encoder_name}".strip(),
        "picture": f"{CODEC_NAMES.get(figures.codec, figures.codec)} {figures.size}".strip() or "–",
        "detail": figures.profile,
        "frame_rate": f"{figures.frame_rate:.1f}",
        "keyframes": ""
        if figures.keyframe_interval is None
        else f"keyframe each {figures.keyframe_interval:.1f} s",
        "bitrate": _bitrate(figures.bitrate_bps),
        "target": "" if figures.target_bitrate_bps is None else f"of {_bitrate(figures.target_bitrate_bps)}",
        "feedback": _feedback(figures.feedback_messages),
        "delay": "–" if delay_s is None else f"{delay_s * 1000:.1f} ms",
        "send_delay": ""
        if figures.send_delay_s is None
        else f"then {figures.send_delay_s * 1000:.1f} ms in WebRTC",
        "backlog": f"{figures.backlog * 1000:.0f} ms waiting" if figures.backlog else "",
        "sent": f"{figures.frames_sent:,}",
        "held": ", ".join(
            f"{count:,} {what}"
            for count, what in ((figures.frames_held, "held"), (figures.frames_lost, "lost"))
            if count
        ),
        "frozen": f"{figures.frozen:.1f} s frozen" if figures.frozen >= 0.05 else "",
        "dropped": f"{sum(dropped.values()):,}",
        "reasons": _reasons(dropped),
    }
    return _ROW.substitute(
        {key: escape(text) for key, text in cells.items()},
        problems=_list(figures.problems),
        remarks="".join(f"<small>{escape(remark)}</small>" for remark in figures.remarks),
    )


def _list(problems: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return f'<ul class="problems">{items}</ul>' if items else ""


def _reasons(dropped: Mapping[str, int]) -> str:
    most_first = sorted(dropped.items(), key=lambda item: -item[1])
    return ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in most_first)


def _feedback(messages: Mapping[str, Mapping[str, int]]) -> str:
    sent = sum(results["sent"] for results in messages.values())
    lost = sum(sum(results.values()) for results in messages.values()) - sent
    return f"feedback: {sent:,} sent, {lost:,} lost" if sent or lost else ""


def _bitrate(bits_per_second: float) -> str:
    if bits_per_second >= 1e6:
        return f"{bits_per_second / 1e6:.2f} Mbit/s"
    return f"{bits_per_second / 1e3:.0f} kbit/s"
