// Command peer is the other side of `make bench`: `publish` is what `lk room join --publish h264://HOST:PORT` does,
// `watch` is the viewer of all contestants, which notes when each picture is there whole and decodes nothing.
package main

import (
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/livekit/protocol/livekit"
	protologger "github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
)

func main() {
	lksdk.SetLogger(protologger.GetDiscardLogger())
	if len(os.Args) < 4 {
		log.Fatal("usage: peer publish URL TRACK=HOST:PORT=TOKEN... | peer watch URL TOKEN")
	}
	switch url := os.Args[2]; os.Args[1] {
	case "publish":
		for _, track := range os.Args[3:] {
			go publish(url, track)
		}
		untilTerminated()
	case "watch":
		watch(url, os.Args[3])
	}
}

// publish joins the room and then dials the encoder.
func publish(url, track string) {
	name, rest, _ := strings.Cut(track, "=")
	address, token, _ := strings.Cut(rest, "=")
	room, err := lksdk.ConnectToRoomWithToken(url, token, lksdk.NewRoomCallback(), lksdk.WithAutoSubscribe(false))
	if err != nil {
		log.Fatal(err)
	}
	encoder, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	reader, err := lksdk.NewLocalReaderTrack(encoder, webrtc.MimeTypeH264)
	if err != nil {
		log.Fatal(err)
	}
	options := &lksdk.TrackPublicationOptions{Name: name, Source: livekit.TrackSource_CAMERA}
	if _, err := room.LocalParticipant.PublishTrack(reader, options); err != nil {
		log.Fatal(err)
	}
}

func untilTerminated() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}
