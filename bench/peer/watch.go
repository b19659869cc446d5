package main

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"os"
	"strings"
	"sync"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"
)

// codec is what the viewer has to know of NAL units and of how they travel in RTP packets.
type codec struct {
	header              int // bytes
	kind                func(header []byte) byte
	isSlice             func(kind byte) bool
	aggregate, fragment byte
}

var (
	// RFC 6184, table 1, and H.264, table 7-1.
	h264 = codec{
		header:    1,
		kind:      func(header []byte) byte { return header[0] & 0x1f },
		isSlice:   func(kind byte) bool { return kind == 1 || kind == 5 },
		aggregate: 24, fragment: 28,
	}
	// RFC 7798, 4.4, and H.265, table 7-1.
	h265 = codec{
		header:    2,
		kind:      func(header []byte) byte { return header[0] >> 1 & 0x3f },
		isSlice:   func(kind byte) bool { return kind < 32 },
		aggregate: 48, fragment: 49,
	}
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
	codec := h264
	if strings.EqualFold(track.Codec().MimeType, webrtc.MimeTypeH265) {
		codec = h265
	}
	fragments := fragments{codec: codec, payloads: map[uint16][]byte{}}
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		at := monotonic()
		payload := packet.Payload
		if len(payload) <= codec.header {
			continue
		}
		switch codec.kind(payload) {
		case codec.aggregate:
			for rest := payload[codec.header:]; len(rest) > 2; {
				size := int(rest[0])<<8 | int(rest[1])
				if size == 0 || size > len(rest)-2 {
					break
				}
				seen.unit(codec, name, rest[2:2+size], at)
				rest = rest[2+size:]
			}
		case codec.fragment:
			if unit := fragments.add(packet); unit != nil {
				seen.unit(codec, name, unit, at)
			}
		default:
			seen.unit(codec, name, payload, at)
		}
	}
}

// fragments puts NAL units together from fragmentation units, in whatever order these come.
type fragments struct {
	codec    codec
	payloads map[uint16][]byte
}

func (f fragments) add(packet *rtp.Packet) []byte {
	number, header := packet.SequenceNumber, f.codec.header
	f.payloads[number] = packet.Payload
	delete(f.payloads, number-1<<14) // long before a number is used again
	first, last := number, number
	for f.payloads[first][header]&0x80 == 0 { // S: the start bit
		if first--; f.payloads[first] == nil {
			return nil
		}
	}
	for f.payloads[last][header]&0x40 == 0 { // E: the end bit
		if last++; f.payloads[last] == nil {
			return nil
		}
	}
	unit := f.unitHeader(f.payloads[first])
	for n := first; n != last+1; n++ {
		unit = append(unit, f.payloads[n][header+1:]...)
		delete(f.payloads, n)
	}
	return unit
}

// unitHeader is that of the NAL unit, of which a fragment's payload begins with a part, then a part of its own.
func (f fragments) unitHeader(payload []byte) []byte {
	if f.codec.header == 1 {
		return []byte{payload[0]&0xe0 | payload[1]&0x1f}
	}
	return []byte{payload[0]&0x81 | payload[2]&0x3f<<1, payload[1]}
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

func (r *report) unit(codec codec, track string, unit []byte, at int64) {
	kind := codec.kind(unit)
	if !codec.isSlice(kind) {
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
