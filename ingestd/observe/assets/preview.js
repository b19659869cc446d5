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

async function play() {
  const {Room, RoomEvent, setLogLevel} = LivekitClient;
  setLogLevel("error");
  const room = new Room();
  let pictures = 0, playing = null, before = 0;
  room.on(RoomEvent.TrackPublished, (publication) => publication.setSubscribed(isOurs(publication)));
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
  room.on(RoomEvent.Disconnected, (reason) => say("failed", `The room was left (${reason ?? "lost"}). Reload to try again.`));
  say("joining", "Joining the room …");
  await room.connect(url, token, {autoSubscribe: false});
  for (const participant of room.remoteParticipants.values())
    for (const publication of participant.trackPublications.values()) publication.setSubscribed(isOurs(publication));
  setInterval(() => {
    if (room.state !== "connected") return;
    const {videoWidth: width, videoHeight: height} = video;
    if (!playing) say("waiting", "The track is not in the room: no encoder is connected.");
    else if (pictures > before) say("playing", `${width}×${height}, ${pictures - before} pictures in the last second`);
    else say("waiting", "The track is there; no picture has come in the last second.");
    before = pictures;
  }, 1000);
}

if (problem) say("failed", problem);
else play().catch((error) => say("failed", `Cannot watch at ${url}: ${error.message}`));
