#!/usr/bin/env bash
# Has ffmpeg encode for ingestd, and obeys by starting it again: ffmpeg.sh 127.0.0.1 5004
# ffmpeg cannot be told anything while it runs; its first picture is a keyframe. Needs nothing but bash.
exec 3<>"/dev/tcp/$1/$2"
kbps=1500 maximum_kbps=1500 started_at=0
trap 'kill "$encoder" 2>/dev/null' EXIT

start() {
    [[ -z $encoder ]] || { kill "$encoder" && wait "$encoder"; } 2>/dev/null
    ffmpeg -v error -nostdin -re -f lavfi -i testsrc2=size=640x360:rate=30 -pix_fmt yuv420p \
        -c:v libx264 -profile:v baseline -preset veryfast -tune zerolatency -g 300 -x264-params repeat-headers=1 \
        -b:v "${kbps}k" -maxrate "${kbps}k" -bufsize "$((kbps / 2))k" -f h264 -flush_packets 1 pipe:1 >&3 &
    encoder=$! started_at=$SECONDS
}

start
while read -r message <&3; do
    case $message in
    *'"keyframe"'*) start ;;
    *'"rate"'*)
        [[ $message =~ '"bitrate_bps":'[[:space:]]*([0-9]+) ]] || continue
        wanted=$((BASH_REMATCH[1] / 1000))
        ((wanted < maximum_kbps)) || wanted=$maximum_kbps
        # Each start costs viewers a jump: only downwards at once, upwards when it has lasted.
        ((wanted < kbps || (wanted > kbps && SECONDS - started_at > 10))) && kbps=$wanted && start
        ;;
    esac
done
