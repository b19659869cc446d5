/* Encodes a picture with libx264 for ingestd, and obeys it: cc x264.c -o push -lx264 && ./push 127.0.0.1 5004 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <x264.h>

enum { FPS = 30, WIDTH = 640, HEIGHT = 360, MAXIMUM_KBPS = 1500 };
static x264_param_t settings;
static x264_t *encoder;
static int keyframe_wanted;

static void obey(const char *message) {
    const char *bitrate = strstr(message, "\"bitrate_bps\":");
    if (strstr(message, "\"keyframe\"")) keyframe_wanted = 1;
    if (!strstr(message, "\"rate\"") || !bitrate) return;
    int kbps = atoi(bitrate + strlen("\"bitrate_bps\":")) / 1000;
    if (kbps < 1 || kbps > MAXIMUM_KBPS) kbps = MAXIMUM_KBPS;
    settings.rc.i_bitrate = settings.rc.i_vbv_max_bitrate = kbps;
    x264_encoder_reconfig(encoder, &settings);
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[2]))};
    inet_pton(AF_INET, arguments[1], &address.sin_addr);
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address)) return perror(arguments[1]), 1;

    x264_param_default_preset(&settings, "veryfast", "zerolatency");
    settings.i_width = WIDTH, settings.i_height = HEIGHT, settings.i_csp = X264_CSP_I420;
    settings.i_fps_num = FPS, settings.i_fps_den = 1;
    settings.i_keyint_max = 10 * FPS, settings.i_scenecut_threshold = 0;
    settings.b_repeat_headers = settings.b_annexb = settings.b_aud = 1, settings.i_log_level = X264_LOG_ERROR;
    settings.rc.i_rc_method = X264_RC_ABR, settings.rc.i_bitrate = settings.rc.i_vbv_max_bitrate = MAXIMUM_KBPS;
    settings.rc.i_vbv_buffer_size = MAXIMUM_KBPS / 2;
    x264_param_apply_profile(&settings, "baseline");
    encoder = x264_encoder_open(&settings);

    x264_picture_t picture, coded;
    x264_picture_alloc(&picture, X264_CSP_I420, WIDTH, HEIGHT);
    char line[65536] = "";
    size_t used = 0;
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (picture.i_pts = 0;; picture.i_pts++) {
        ssize_t read = recv(connection, line + used, sizeof line - 1 - used, MSG_DONTWAIT);
        if (read == 0) return 0;
        if (read > 0) line[used += read] = 0;
        for (char *end; (end = strchr(line, '\n')); used = strlen(line)) {
            *end = 0, obey(line);
            memmove(line, end + 1, strlen(end + 1) + 1);
        }
        for (int i = 0; i < WIDTH * HEIGHT; i++) picture.img.plane[0][i] = rand() % 32 + picture.i_pts % 128;
        picture.i_type = keyframe_wanted ? X264_TYPE_IDR : X264_TYPE_AUTO, keyframe_wanted = 0;
        x264_nal_t *units;
        int pieces, size = x264_encoder_encode(encoder, &units, &pieces, &picture, &coded);
        for (char *data = (char *)units[0].p_payload; size > 0;) {
            ssize_t sent = send(connection, data, size, MSG_NOSIGNAL);
            if (sent < 0) return perror("send"), 1;
            data += sent, size -= sent;
        }
        due.tv_nsec += 1000000000 / FPS, due.tv_sec += due.tv_nsec / 1000000000, due.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    }
}
