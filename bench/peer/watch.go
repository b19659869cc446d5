package main

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"os"
	"sync"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"
)

// RFC 6184, table 1, and H.264, table 7-1.
const (
	nonIDR, idr = 1, 5
	stapA, fuA  = 24, 28
)

// watch says "joined", and at the end of its standard input one line for each slice that came whole:
// TRACK CRC32 NAL_UNIT_TYPE NANOSECONDS (of CLOCK_MONOTONIC).
func watch(url, token string) {
	seen := &report{}
	callback := lksdk.NewRoomCallback()
	callback.OnTrackSubscribed = func(track *webrtc.TrackRemote, publication *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
		go read(track, publication.Name(), seen)
	}
	room, err := lksdk.ConnectToRoomWithToken(url, token, callback)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("joined")
	_, _ = io.Copy(io.Discard, os.Stdin)
	room.Disconnect()
	seen.print()
}

func read(track *webrtc.TrackRemote, name string, seen *report) {
	fragments := fragments{}
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		at := monotonic()
		payload := packet.Payload
		if len(payload) < 2 {
			continue
		}
		switch payload[0] & 0x1f {
		case nonIDR, idr:
			seen.slice(name, payload, at)
		case stapA:
			for rest := payload[1:]; len(rest) > 2; {
				size := int(rest[0])<<8 | int(rest[1])
				if size == 0 || size > len(rest)-2 {
					break
				}
				seen.slice(name, rest[2:2+size], at)
				rest = rest[2+size:]
			}
		case fuA:
			if unit := fragments.add(packet); unit != nil {
				seen.slice(name, unit, at)
			}
		}
	}
}

// fragments puts NAL units together from FU-A packets, in whatever order these come.
type fragments map[uint16][]byte

func (f fragments) add(packet *rtp.Packet) []byte {
	number := packet.SequenceNumber
	f[number] = packet.Payload
	delete(f, number-1<<14) // long before a number is used again
	first, last := number, number
	for f[first][1]&0x80 == 0 { // S: the start bit
		if first--; f[first] == nil {
			return nil
		}
	}
	for f[last][1]&0x40 == 0 { // E: the end bit
		if last++; f[last] == nil {
			return nil
		}
	}
	unit := []byte{f[first][0]&0xe0 | f[first][1]&0x1f}
	for n := first; n != last+1; n++ {
		unit = append(unit, f[n][2:]...)
		delete(f, n)
	}
	return unit
}

type report struct {
	mutex sync.Mutex
	lines []line
}

type line struct {
	track string
	crc   uint32
	kind  byte
	at    int64
}

func (r *report) slice(track string, unit []byte, at int64) {
	kind := unit[0] & 0x1f
	if kind != nonIDR && kind != idr {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.lines = append(r.lines, line{track, crc32.ChecksumIEEE(unit), kind, at})
}

func (r *report) print() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, l := range r.lines {
		fmt.Fprintln(out, l.track, l.crc, l.kind, l.at)
	}
}

// monotonic is the clock that Python's time.monotonic_ns() reads.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		log.Fatal(err)
	}
	return now.Nano()
}
