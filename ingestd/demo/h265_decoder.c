/* A decoder of H.265 for the LiveKit SDK's subscriber, which has none: NVIDIA's libraries as far as the SDK
 * calls them to decode, with a decoder of ours behind (h265_decoder.py).
 *
 * Compiled twice, as libcuda.so.1 and libnvcuvid.so.1. The names, numbers and layouts below are the interface
 * of these libraries; no code of theirs is in here, and what the SDK does not look into is left out.
 */

#include <stddef.h>
#include <stdint.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 801 };

static int something; /* any address will do for what the SDK only compares with NULL */

/* --- libcuda.so.1 ---------------------------------------------------------------------------------------- */

int cuInit(unsigned flags) { (void)flags; return SUCCESS; }

int cuDriverGetVersion(int *version) { *version = 12000; return SUCCESS; } /* asked for: 11000 */

int cuDeviceGetCount(int *count) { *count = 1; return SUCCESS; }

int cuDeviceGet(int *device, int ordinal) { (void)ordinal; *device = 0; return SUCCESS; }

int cuDeviceGetName(char *name, int size, int device) {
    (void)size, (void)device;
    name[0] = 0;
    return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    enum { COMPUTE_CAPABILITY_MAJOR = 75 };
    (void)device;
    *value = attribute == COMPUTE_CAPABILITY_MAJOR ? 5 : 0; /* H.265 is decoded by what is newer than 3 */
    return SUCCESS;
}

int cuCtxCreate_v2(void **context, unsigned flags, int device) {
    (void)flags, (void)device;
    *context = &something;
    return SUCCESS;
}

int cuCtxDestroy_v2(void *context) { (void)context; return SUCCESS; }

int cuCtxGetCurrent(void **context) { *context = &something; return SUCCESS; }

int cuCtxSetCurrent(void *context) { (void)context; return SUCCESS; }

int cuCtxGetDevice(int *device) { *device = 0; return SUCCESS; }

int cuCtxPushCurrent_v2(void *context) { (void)context; return SUCCESS; }

int cuCtxPopCurrent_v2(void **context) {
    if (context != NULL) {
        *context = &something;
    }
    return SUCCESS;
}

int cuStreamCreate(void **stream, unsigned flags) { (void)flags; *stream = &something; return SUCCESS; }

int cuStreamSynchronize(void *stream) { (void)stream; return SUCCESS; }

int cuGetErrorName(int error, const char **name) { (void)error; *name = "not supported"; return SUCCESS; }

/* CUDA_MEMCPY2D */
struct copy {
    size_t source_x, source_y;
    uint32_t source_type;
    const void *source_host;
    const uint8_t *source_device;
    void *source_array;
    size_t source_pitch;
    size_t target_x, target_y;
    uint32_t target_type;
    uint8_t *target_host;
    uint64_t target_device;
    void *target_array;
    size_t target_pitch;
    size_t width, height;
};

int cuMemcpy2DAsync_v2(const struct copy *copy, void *stream) {
    (void)stream;
    for (size_t row = 0; row < copy->height; row++) {
        const uint8_t *source = copy->source_device + row * copy->source_pitch;
        uint8_t *target = copy->target_host + row * copy->target_pitch;
        for (size_t column = 0; column < copy->width; column++) {
            target[column] = source[column];
        }
    }
    return SUCCESS;
}

/* --- libnvcuvid.so.1: a parser that decodes, too --------------------------------------------------------- */

/* CUVIDPARSERPARAMS */
struct parser {
    int codec;
    uint32_t unused[9];
    void *user;
    int (*sequence)(void *user, void *format);
    int (*decode)(void *user, void *picture);
    int (*display)(void *user, void *picture);
};

/* CUVIDSOURCEDATAPACKET */
struct packet {
    unsigned long flags, size;
    const uint8_t *data;
    int64_t timestamp;
};

/* CUVIDEOFORMAT */
struct format {
    int codec;
    uint32_t frame_rate_numerator, frame_rate_denominator;
    uint8_t progressive, luma_bits_minus8, chroma_bits_minus8, surfaces;
    uint32_t width, height;
    int left, top, right, bottom;
    int chroma_format;
    uint32_t bitrate;
    int aspect_x, aspect_y;
    uint8_t signal[4];
    uint32_t header_size;
};

/* CUVIDPARSERDISPINFO */
struct shown {
    int index, progressive, top_field_first, repeat_first_field;
    int64_t timestamp;
};

/* CUVIDDECODECAPS */
struct capabilities {
    int codec, chroma_format;
    uint32_t bits_minus8, reserved1[3];
    uint8_t supported, decoders;
    uint16_t formats;
    uint32_t max_width, max_height, max_macroblocks;
};

/* One decoded picture: NV12, the chroma below the luma. */
struct picture {
    uint32_t width, height;
    const uint8_t *data;
};

enum { PARSERS = 64, NV12 = 0, CHROMA_420 = 1, MAX_SIZE = 16384 };

static struct parser parsers[PARSERS];
static uint32_t widths[PARSERS], heights[PARSERS];
static int used;
static __thread struct picture current; /* between the calls that hand one picture over */

/* Decodes what is a whole picture of ``codec``; false: nothing came of it. */
static int (*decode)(int parser, int codec, const uint8_t *data, size_t size, struct picture *picture);

void ingestd_set_decoder(int (*function)(int, int, const uint8_t *, size_t, struct picture *)) {
    decode = function;
}

int cuvidCtxLockCreate(void **lock, void *context) { (void)context; *lock = &something; return SUCCESS; }

int cuvidCtxLockDestroy(void *lock) { (void)lock; return SUCCESS; }

int cuvidCreateVideoParser(struct parser **parser, const struct parser *parameters) {
    int number = __atomic_fetch_add(&used, 1, __ATOMIC_SEQ_CST);
    if (number >= PARSERS) {
        return NOT_SUPPORTED;
    }
    parsers[number] = *parameters;
    *parser = &parsers[number];
    return SUCCESS;
}

int cuvidDestroyVideoParser(struct parser *parser) { (void)parser; return SUCCESS; }

int cuvidParseVideoData(struct parser *parser, const struct packet *packet) {
    static uint64_t picture_parameters[2048]; /* CUVIDPICPARAMS, all zero */
    int number = (int)(parser - parsers);
    if (!decode(number, parser->codec, packet->data, packet->size, &current)) {
        return NOT_SUPPORTED;
    }
    if (widths[number] != current.width || heights[number] != current.height) {
        struct format format = {.codec = parser->codec, .frame_rate_denominator = 1, .progressive = 1,
                                .surfaces = 1, .width = current.width, .height = current.height,
                                .right = (int)current.width, .bottom = (int)current.height,
                                .chroma_format = CHROMA_420};
        parser->sequence(parser->user, &format);
        widths[number] = current.width, heights[number] = current.height;
    }
    struct shown shown = {.progressive = 1, .timestamp = packet->timestamp};
    parser->decode(parser->user, picture_parameters);
    parser->display(parser->user, &shown);
    return SUCCESS;
}

int cuvidGetDecoderCaps(struct capabilities *capabilities) {
    capabilities->supported = 1;
    capabilities->formats = 1 << NV12;
    capabilities->max_width = capabilities->max_height = MAX_SIZE;
    capabilities->max_macroblocks = MAX_SIZE * (MAX_SIZE / 256);
    return SUCCESS;
}

int cuvidCreateDecoder(void **decoder, const void *parameters) {
    (void)parameters;
    *decoder = &something;
    return SUCCESS;
}

int cuvidReconfigureDecoder(void *decoder, const void *parameters) {
    (void)decoder, (void)parameters;
    return SUCCESS;
}

int cuvidDestroyDecoder(void *decoder) { (void)decoder; return SUCCESS; }

int cuvidDecodePicture(void *decoder, const void *picture) { (void)decoder, (void)picture; return SUCCESS; }

int cuvidGetDecodeStatus(void *decoder, int index, void *status) {
    (void)decoder, (void)index, (void)status;
    return NOT_SUPPORTED;
}

int cuvidMapVideoFrame64(void *decoder, int index, const uint8_t **data, uint32_t *pitch, void *parameters) {
    (void)decoder, (void)index, (void)parameters;
    *data = current.data;
    *pitch = current.width;
    return SUCCESS;
}

int cuvidUnmapVideoFrame64(void *decoder, uint64_t data) { (void)decoder, (void)data; return SUCCESS; }
