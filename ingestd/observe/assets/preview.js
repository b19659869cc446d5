// Plays one track of one room; `data-state` of #preview says how far it is: joining, waiting, playing, failed.
"use strict";

const preview = document.getElementById("preview"), video = document.getElementById("video");
const {url, token, track: wanted, problem} = preview.dataset;

function say(state, text) {
  preview.dataset.state = state;
  document.getElementById("said").textContent = text;
}

function isOurs(publication) {
  return publication.trackName === wanted && publication.kind === "video";
}

// The name of the track's codec where this browser has no decoder for it, else "".
function notDecoded({mimeType}) {
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const known = !mimeType || codecs.some((codec) => codec.mimeType.toLowerCase() === mimeType.toLowerCase());
  return known ? "" : (mimeType.split("/")[1] ?? mimeType).replace("H26", "H.26");
}

async function play() {
  const {DisconnectReason, Room, RoomEvent, setLogLevel} = LivekitClient;
  setLogLevel("error");
  const room = new Room();
  let pictures = 0, playing = null, before = 0, unknown = "";
  const published = (publication) => {
    if (!isOurs(publication)) return publication.setSubscribed(false);
    unknown = notDecoded(publication);
    publication.setSubscribed(!unknown);
  };
  room.on(RoomEvent.TrackPublished, published);
  room.on(RoomEvent.TrackUnpublished, (publication) => { if (isOurs(publication)) unknown = ""; });
  room.on(RoomEvent.TrackSubscribed, (track) => {
    playing = track;
    track.attach(video);
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(function shown() {
      pictures += 1;
      video.requestVideoFrameCallback(shown);
    });
  });
  room.on(RoomEvent.TrackUnsubscribed, (track) => {
    track.detach(video);
    if (track === playing) playing = null;
  });
  room.on(RoomEvent.Disconnected, (reason) => { // a number; its name is in capitals
    const why = DisconnectReason[reason]?.toLowerCase().replaceAll("_", " ") ?? "lost";
    say("failed", `The room was left (${why}). Reload to try again.`);
  });
  say("joining", "Joining the room …");
  await room.connect(url, token, {autoSubscribe: false});
  for (const participant of room.remoteParticipants.values())
    participant.trackPublications.forEach(published);
  setInterval(() => {
    if (room.state !== "connected") return;
    const {videoWidth: width, videoHeight: height} = video;
    if (unknown) say("failed", `This browser does not decode ${unknown}. Watch with one that does, or have the encoder send H.264.`);
    else if (!playing) say("waiting", "The track is not in the room: no encoder is connected.");
    else if (pictures > before) say("playing", `${width}×${height}, ${pictures - before} pictures in the last second`);
    else say("waiting", "The track is there; no picture has come in the last second.");
    before = pictures;
  }, 1000);
}

if (problem) say("failed", problem);
else play().catch((error) => say("failed", `Cannot watch at ${url}: ${error.message}`));
