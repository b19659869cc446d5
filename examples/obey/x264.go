// Encodes a picture with libx264 for ingestd, and obeys it: go run x264.go 127.0.0.1:5004
package main

// #cgo pkg-config: x264
// #include <stdint.h>
// #include <stdlib.h>
// #include <x264.h>
import "C"

import (
	"bufio"
	"encoding/json"
	"log"
	"math/rand"
	"net"
	"os"
	"time"
	"unsafe"
)

const fps, width, height, maximumKbps = 30, 640, 360, 1500

func main() {
	connection, err := net.Dial("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	keyframes, rates := make(chan bool, 1), make(chan int, 16)
	go func() {
		for lines := bufio.NewScanner(connection); lines.Scan(); {
			var message struct {
				Type       string
				BitrateBps int `json:"bitrate_bps"`
			}
			if json.Unmarshal(lines.Bytes(), &message) != nil {
				continue
			}
			switch message.Type {
			case "keyframe":
				select {
				case keyframes <- true:
				default: // one is wanted already
				}
			case "rate":
				rates <- min(maximumKbps, message.BitrateBps/1000)
			}
		}
	}()

	var settings C.x264_param_t
	C.x264_param_default_preset(&settings, C.CString("veryfast"), C.CString("zerolatency"))
	settings.i_width, settings.i_height, settings.i_csp = width, height, C.X264_CSP_I420
	settings.i_fps_num, settings.i_fps_den = fps, 1
	settings.i_keyint_max, settings.i_scenecut_threshold = 10*fps, 0
	settings.b_repeat_headers, settings.b_annexb, settings.i_log_level = 1, 1, C.X264_LOG_ERROR
	settings.rc.i_rc_method, settings.rc.i_bitrate = C.X264_RC_ABR, maximumKbps
	settings.rc.i_vbv_max_bitrate, settings.rc.i_vbv_buffer_size = maximumKbps, maximumKbps/2
	C.x264_param_apply_profile(&settings, C.CString("baseline"))
	encoder := C.x264_encoder_open(&settings)
	picture, coded := (*C.x264_picture_t)(C.malloc(C.sizeof_x264_picture_t)), new(C.x264_picture_t)
	C.x264_picture_alloc(picture, C.X264_CSP_I420, width, height)
	luma := unsafe.Slice((*byte)(picture.img.plane[0]), width*height)

	for range time.Tick(time.Second / fps) {
		picture.i_pts++
		picture.i_type = C.X264_TYPE_AUTO
		select {
		case <-keyframes:
			picture.i_type = C.X264_TYPE_IDR
		case kbps := <-rates:
			settings.rc.i_bitrate, settings.rc.i_vbv_max_bitrate = C.int(kbps), C.int(kbps)
			C.x264_encoder_reconfig(encoder, &settings)
		default:
		}
		for i := range luma {
			luma[i] = byte(rand.Intn(32) + int(picture.i_pts%128))
		}
		var units *C.x264_nal_t
		var count C.int
		size := C.x264_encoder_encode(encoder, &units, &count, picture, coded)
		if _, err := connection.Write(unsafe.Slice((*byte)(units.p_payload), size)); err != nil {
			log.Fatal(err)
		}
	}
}
