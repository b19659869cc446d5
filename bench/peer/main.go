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
		log.Fatal("usage: peer publish URL TOKEN TRACK=HOST:PORT... | peer watch URL TOKEN")
	}
	url, token := os.Args[2], os.Args[3]
	switch os.Args[1] {
	case "publish":
		publish(url, token, os.Args[4:])
	case "watch":
		watch(url, token)
	}
}

// publish joins the room and then dials the encoders, one track for each.
func publish(url, token string, tracks []string) {
	room, err := lksdk.ConnectToRoomWithToken(url, token, lksdk.NewRoomCallback(), lksdk.WithAutoSubscribe(false))
	if err != nil {
		log.Fatal(err)
	}
	defer room.Disconnect()
	for _, named := range tracks {
		name, address, _ := strings.Cut(named, "=")
		encoder, err := net.Dial("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		track, err := lksdk.NewLocalReaderTrack(encoder, webrtc.MimeTypeH264)
		if err != nil {
			log.Fatal(err)
		}
		options := &lksdk.TrackPublicationOptions{Name: name, Source: livekit.TrackSource_CAMERA}
		if _, err := room.LocalParticipant.PublishTrack(track, options); err != nil {
			log.Fatal(err)
		}
	}
	untilTerminated()
}

func untilTerminated() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}
