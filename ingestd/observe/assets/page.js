// The status page: keeps the texts of each stream up to date and draws its last ten minutes.
"use strict";

const KEPT = 600; // samples, one a second
// As history.COLUMNS and stream_state.State have them.
const COLUMNS = ["state", "rate", "bitrate", "target", "key", "delta", "delay", "sendDelay", "lost"];
const STATES = ["failed", "frozen", "degraded", "starting", "waiting", "live"];
const SILENT_MS = 5000; // without a sample for so long, what the page shows is old
const HIDDEN_MS = 10000; // a page that no one has looked at for so long gives its connection back: a browser has six
const RETRY_MS = 10000; // the next try, where too many pages are open, or a connection died while the machine slept

const streams = new Map(); // name → {section, columns, look, visible}
let source = null, heardAt = Date.now(), triedAt = 0, only = "", reloading = false, hiddenTimer = 0;

// Texts

function adopt() { // every section of the page; what is known of a stream stays
  const gone = new Set(streams.keys());
  for (const section of document.querySelectorAll("[data-stream]")) {
    const name = section.dataset.stream;
    gone.delete(name);
    const known = streams.get(name) ?? {
      look: 0, columns: Object.fromEntries(COLUMNS.map((column) => [column, new Float32Array(KEPT).fill(NaN)])),
    };
    known.section = section;
    known.visible = false;
    streams.set(name, known);
    inView.observe(section);
    section.querySelector("details").addEventListener("toggle", () => draw(known));
    for (const figure of section.querySelectorAll("figure")) {
      const chart = figure.querySelector(".chart");
      chart.addEventListener("pointermove", (event) => read(known, figure, event));
      chart.addEventListener("pointerleave", () => { delete figure.dataset.at; draw(known); });
    }
  }
  gone.forEach((name) => streams.delete(name));
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setHtml(element, html) { // what the server has escaped; only where it changed, for focus and selection
  if (element.dataset.was !== html) {
    element.dataset.was = html;
    const open = [...element.querySelectorAll("details")].map((details) => details.open);
    element.innerHTML = html;
    element.querySelectorAll("details").forEach((details, i) => { details.open = open[i] ?? false; });
  }
}

function update(known, said) {
  const section = known.section;
  for (const element of section.querySelectorAll("[data-field]")) setText(element, said.texts[element.dataset.field] ?? "");
  for (const element of section.querySelectorAll("[data-html]")) setHtml(element, said.html[element.dataset.html] ?? "");
  section.dataset.encoder = said.texts.encoder;
  section.dataset.look = section.querySelector("[data-state]").dataset.state = said.texts.state;
}

function showOnly() {
  if (!document.querySelector(`[data-count="${only}"]`)) only = ""; // none is in that state any more
  for (const button of document.querySelectorAll("[data-count]"))
    button.setAttribute("aria-pressed", String(button.dataset.count === only));
  for (const {section} of streams.values()) section.hidden = only !== "" && section.dataset.look !== only;
}

function changed(known, {texts}) { // it listens elsewhere now: the commands to copy were made for the place before
  return known?.section.querySelector("[data-field=source]").textContent !== texts.source;
}

async function reload() { // other streams are configured now, or other places: the server makes the page again
  if (reloading) return;
  reloading = true;
  try {
    const answer = await fetch("/", {cache: "no-store"});
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = new Set([...document.querySelectorAll("[data-stream] > details[open]")].map((e) => e.parentElement.dataset.stream));
    const before = new Set(streams.keys());
    document.getElementById("streams").replaceWith(document.adoptNode(fresh.getElementById("streams")));
    for (const section of document.querySelectorAll("[data-stream]"))
      if (before.has(section.dataset.stream)) section.querySelector("details").open = open.has(section.dataset.stream);
    adopt();
  } finally { reloading = false; }
}

// What the server sends

function onHistory({stream, look, packed}) {
  const known = streams.get(stream);
  if (!known) return;
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const all = new Float32Array(bytes.buffer), length = all.length / COLUMNS.length;
  COLUMNS.forEach((column, place) => {
    const values = new Float32Array(KEPT).fill(NaN);
    values.set(all.subarray(place * length, (place + 1) * length), KEPT - length);
    known.columns[column] = values;
  });
  known.look = look;
  draw(known);
}

function onSample({version, look, title, tally, problems, streams: said}) {
  // Another ingestd answers now: this script may not understand what it says.
  if (version !== document.querySelector("h1 small").textContent) return location.reload();
  heardAt = Date.now();
  connected();
  document.title = `${title} · ingestd`;
  const focused = document.activeElement?.dataset?.count;
  setHtml(document.querySelector(".tally"), tally);
  if (focused) document.querySelector(`[data-count="${focused}"]`)?.focus();
  setHtml(document.getElementById("problems"), problems);
  const names = Object.keys(said);
  const other = new Set(names.filter((name) => changed(streams.get(name), said[name])));
  if (names.length !== streams.size || other.size) reload();
  for (const [name, known] of streams) {
    if (!said[name] || other.has(name)) continue;
    update(known, said[name]);
    const missed = Math.min(look - known.look, KEPT);
    if (missed > 0) COLUMNS.forEach((column, place) => {
      const values = known.columns[column];
      values.copyWithin(0, missed);
      values.fill(NaN, KEPT - missed);
      values[KEPT - 1] = said[name].values[place] ?? NaN;
    });
    known.look = look;
    draw(known);
  }
  showOnly();
}

function connect() {
  disconnect();
  triedAt = Date.now();
  source = new EventSource("/api/events");
  source.addEventListener("history", (event) => onHistory(JSON.parse(event.data)));
  source.addEventListener("sample", (event) => onSample(JSON.parse(event.data)));
  source.onerror = () => { if (source?.readyState === EventSource.CLOSED) old(); };
}

function disconnect() {
  source?.close();
  source = null;
}

function old() { // what the page shows
  const lost = document.getElementById("lost"), since = new Date(heardAt).toLocaleTimeString();
  lost.hidden = false;
  setText(lost, source?.readyState === EventSource.CLOSED
    ? `Not live since ${since}: too many pages are open, or a proxy does not reach ingestd. What you see is old.`
    : `ingestd does not answer since ${since}; what you see is old.`);
  document.title = "no answer · ingestd";
  document.documentElement.dataset.stale = "";
}

function connected() {
  document.getElementById("lost").hidden = true;
  delete document.documentElement.dataset.stale;
}

setInterval(() => {
  const now = Date.now();
  if (document.hidden || now - heardAt <= SILENT_MS) return;
  old();
  // Of a connection that died while this machine slept the browser never hears.
  if (now - triedAt > RETRY_MS) connect();
}, 1000);

function looked() { // or not: a tab in the background keeps no connection, nor a title that may be untrue
  clearTimeout(hiddenTimer);
  if (document.hidden) {
    hiddenTimer = setTimeout(() => { disconnect(); document.title = "paused · ingestd"; }, source ? HIDDEN_MS : 0);
  } else if (source === null) {
    heardAt = Date.now();
    connect();
  }
}
document.addEventListener("visibilitychange", looked);

// Plots

const SVG = "http://www.w3.org/2000/svg";
const inView = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const known = streams.get(entry.target.dataset.stream);
    if (known?.section === entry.target && (known.visible = entry.isIntersecting)) draw(known);
  }
}, {rootMargin: "200px"});

const count = (value) => value.toFixed(value < 10 ? 1 : 0);
const PLOTS = { // what is drawn from below upwards, the least that the scale ends at, and how a value is said
  rate: {least: 10, say: count, layers: [["area", "rate"]]},
  bitrate: {least: 1e5, say: bits, layers: [["area", "bitrate"], ["line", "target"]]},
  delay: {least: 0.01, say: (s) => `${(s * 1000).toFixed(s < 0.01 ? 1 : 0)} ms`, layers: [["area", "delay"], ["line", "sendDelay"]]},
  sizes: {least: 1000, say: (size) => size < 1e6 ? `${count(size / 1e3)} kB` : `${count(size / 1e6)} MB`, layers: [["area", "delta"], ["marks", "key"]]},
  losses: {least: 5, say: (value) => String(Math.round(value)), layers: [["bars", "lost"]]},
};

function bits(value) {
  return value < 1e6 ? `${(value / 1e3).toFixed(0)} kbit/s` : `${(value / 1e6).toFixed(value < 1e7 ? 1 : 0)} Mbit/s`;
}

// On paper all of it is seen; there the browser waits for nothing that is not drawn by the end of this.
addEventListener("beforeprint", () => { for (const known of streams.values()) draw(known, true); });

function draw(known, printed = false) {
  if (!known.visible && !printed) return;
  drawStrip(known);
  if (!known.section.querySelector("details").open) return;
  for (const figure of known.section.querySelectorAll("figure")) drawPlot(known, figure, PLOTS[figure.dataset.plot]);
}

function drawStrip({section, columns}) {
  const svg = section.querySelector(".strip"), states = columns.state, paths = {};
  for (let from = 0, to; from < KEPT; from = to) {
    for (to = from + 1; to < KEPT && Object.is(states[to], states[from]); to++);
    const state = STATES[states[from]];
    if (state) paths[state] = `${paths[state] ?? ""}M${from} 5H${to}`;
  }
  for (const state of STATES) path(svg, state, paths[state] ?? "");
}

function drawPlot({columns}, figure, {least, say, layers}) {
  const svg = figure.querySelector("svg");
  let most = least;
  for (const [, column] of layers) for (const value of columns[column]) if (value > most) most = value;
  const top = nice(most), y = (value) => (100 - 96 * Math.min(value / top, 1)).toFixed(1);
  layers.forEach(([kind, column], place) => {
    const values = columns[column];
    let line = "", area = "", from = -1;
    for (let x = 0; x <= KEPT; x++) {
      const value = x < KEPT ? values[x] : NaN;
      if (kind === "bars" || kind === "marks") { // what stands at its foot is the bar, or the stem of the mark
        if (value > 0) area += `M${x} 100V${y(value)}`;
        if (value > 0 && kind === "marks") line += `M${x - 0.8} ${y(value)}h1.6`;
      } else if (!Number.isNaN(value)) {
        line += from < 0 ? `M${x} ${y(value)}` : `L${x} ${y(value)}`;
        if (from < 0) { area += `M${x} 100L${x} ${y(value)}`; from = x; } else area += `L${x} ${y(value)}`;
      } else if (from >= 0) {
        area += `L${x - 1} 100Z`;
        from = -1;
      }
    }
    const [below, above] = {area: ["fill", "line"], line: ["", "line"], marks: ["stems", "marks"], bars: ["bars", ""]}[kind];
    if (below) path(svg, below, area);
    if (above) path(svg, `${above} n${place}`, line);
  });
  setText(figure.querySelector(".top"), say(top));
  const at = figure.dataset.at, shown = figure.querySelector(".read");
  path(svg, "cursor", at === undefined ? "" : `M${at} 0V100`);
  const values = at === undefined ? [] : layers.map(([, column]) => columns[column][at]);
  const said = values.filter((value) => !Number.isNaN(value)).map(say).join(" · ");
  setText(shown, at === undefined ? "" : `${ago(KEPT - 1 - at)}  ${said || "–"}`);
  const known = [...columns[layers[0][1]]].filter((value) => !Number.isNaN(value));
  const name = figure.querySelector("figcaption > span").textContent;
  svg.setAttribute("aria-label", known.length
    ? `${name}, last 10 minutes: now ${say(known.at(-1))}, from ${say(Math.min(...known))} to ${say(Math.max(...known))}`
    : `${name}, last 10 minutes: nothing yet`);
}

function path(svg, kind, d) {
  let element = [...svg.children].find((child) => child.getAttribute("class") === kind);
  if (!element) {
    element = svg.appendChild(document.createElementNS(SVG, "path"));
    element.setAttribute("class", kind);
    element.setAttribute("vector-effect", "non-scaling-stroke");
  }
  if (element.getAttribute("d") !== d) element.setAttribute("d", d);
}

function nice(most) { // where the scale ends
  const unit = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * unit >= most * 0.999) * unit;
}

function ago(seconds) {
  return seconds ? `−${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "now";
}

function read(known, figure, event) { // the values under the pointer
  const box = event.currentTarget.getBoundingClientRect();
  const at = Math.round((event.clientX - box.left) / box.width * (KEPT - 1));
  figure.dataset.at = Math.max(0, Math.min(KEPT - 1, at));
  drawPlot(known, figure, PLOTS[figure.dataset.plot]);
}

// What people do

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.count) {
    only = only === button.dataset.count ? "" : button.dataset.count;
    showOnly();
  } else if (button && "copy" in button.dataset) {
    await copy(button.previousElementSibling);
    setText(button, "Copied");
    setTimeout(() => setText(button, "Copy"), 2000);
  }
});

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch { // not over plain HTTP from another machine
    getSelection().selectAllChildren(element);
    document.execCommand("copy");
  }
}

function chooseTool(tool) {
  document.documentElement.dataset.tool = tool;
  for (const radio of document.querySelectorAll("[name=tool]")) radio.checked = radio.value === tool;
}

document.addEventListener("change", (event) => {
  if (event.target.name !== "tool") return;
  chooseTool(event.target.value);
  try { localStorage.setItem("tool", event.target.value); } catch { /* not allowed: for this page only */ }
});
try { chooseTool(localStorage.getItem("tool") === "gstreamer" ? "gstreamer" : "ffmpeg"); } catch { /* likewise */ }
adopt();
looked();
