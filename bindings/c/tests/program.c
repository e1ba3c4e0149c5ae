// A C program against the header and the library: what works, and what every mistake gives. Ends with 0 if all is right.

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lq_infer.h"

#undef NDEBUG
#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s; last error: %s\n", __FILE__, __LINE__, #condition, lq_last_error()); \
            exit(1); \
        } \
    } while (0)

static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    CHECK(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size);
    CHECK(fread(bytes, 1, *size, file) == *size);
    fclose(file);
    return bytes;
}

static void print_device(const lq_device *device, void *count) {
    printf("%zu %s (%s)%s%s\n", device->index, device->name, device->api, device->problem ? ": " : "",
           device->problem ? device->problem : "");
    ++*(size_t *)count;
}

static void *cancel_later(void *cancel) {
    lq_cancel_now(cancel);
    return NULL;
}

static void mistakes(const lq_net *net) {
    lq_model *model = (lq_model *)1;
    CHECK(lq_model_open("/no/such/file", &model) == LQ_STATUS_IO && model == NULL);
    CHECK(strstr(lq_last_error(), "/no/such/file"));
    model = (lq_model *)1;
    CHECK(lq_model_open(NULL, &model) == LQ_STATUS_USAGE && model == NULL);
    model = (lq_model *)1;
    CHECK(lq_model_open("\xff", &model) == LQ_STATUS_USAGE && model == NULL);
    CHECK(lq_model_bundled(NULL) == LQ_STATUS_USAGE);
    CHECK(lq_model_from_bytes((const uint8_t *)"text", 4, "note", &model) == LQ_STATUS_BAD_MODEL);
    CHECK(strstr(lq_last_error(), "note"));
    model = (lq_model *)1;
    CHECK(lq_model_from_bytes(NULL, 4, NULL, &model) == LQ_STATUS_USAGE && model == NULL);
    lq_engine *engine = NULL;
    CHECK(lq_engine_new("abacus", 0, NULL, &engine) == LQ_STATUS_NO_DEVICE && engine == NULL);
    engine = (lq_engine *)1;
    CHECK(lq_engine_new("\xff", 0, NULL, &engine) == LQ_STATUS_USAGE && engine == NULL);
    lq_net *none = (lq_net *)1;
    CHECK(lq_engine_prepare(NULL, NULL, 1, NULL, &none) == LQ_STATUS_USAGE && none == NULL);
    CHECK(lq_engine_prepare(NULL, NULL, 1, NULL, NULL) == LQ_STATUS_USAGE);
    float logits[10];
    uint8_t pixels[32 * 32 * 3] = {0};
    CHECK(lq_net_logits(NULL, pixels, 1, logits, 10, NULL) == LQ_STATUS_USAGE);
    CHECK(lq_net_logits(net, NULL, 1, logits, 10, NULL) == LQ_STATUS_USAGE);
    CHECK(lq_net_logits(net, pixels, 1, logits, 9, NULL) == LQ_STATUS_USAGE);
    CHECK(strstr(lq_last_error(), "room for 9 logits"));
    CHECK(lq_net_logits(net, pixels, SIZE_MAX, logits, 10, NULL) == LQ_STATUS_USAGE);
    CHECK(lq_net_logits(net, NULL, 0, NULL, 0, NULL) == LQ_STATUS_OK);
    lq_prediction top[1];
    size_t found = 9;
    CHECK(lq_net_classify(net, pixels, LQ_PIXEL_FORMAT_RGB, 32, 32, 95, top, 1, &found, NULL) == LQ_STATUS_USAGE);
    CHECK(found == 0);
    found = 9;
    CHECK(lq_net_classify(NULL, pixels, LQ_PIXEL_FORMAT_RGB, 32, 32, 96, top, 1, &found, NULL) == LQ_STATUS_USAGE);
    CHECK(found == 0);
    found = 9;
    CHECK(lq_net_classify_file(net, pixels, 7, top, 1, &found, NULL) == LQ_STATUS_BAD_INPUT && found == 0);
    found = 9;
    CHECK(lq_net_classification(net, logits, 9, top, 1, &found) == LQ_STATUS_USAGE && found == 0);
    CHECK(strstr(lq_last_error(), "9 logits, expected 10"));
    CHECK(lq_net_classification(net, NULL, 10, top, 1, NULL) == LQ_STATUS_USAGE);
    CHECK(lq_net_classify(net, pixels, LQ_PIXEL_FORMAT_RGB, SIZE_MAX, 2, 1, top, 1, NULL, NULL) == LQ_STATUS_USAGE);
    CHECK(lq_net_classify(net, pixels, LQ_PIXEL_FORMAT_RGB, 0, 0, 0, top, 1, NULL, NULL) != LQ_STATUS_OK);
    CHECK(lq_net_classify(net, pixels, 3, 32, 32, 96, top, 1, NULL, NULL) == LQ_STATUS_USAGE);
    CHECK(lq_net_classify_file(net, pixels, sizeof pixels, top, 1, NULL, NULL) == LQ_STATUS_BAD_INPUT);
    float tensor[32 * 32 * 3];
    for (size_t i = 0; i < 32 * 32 * 3; i++) tensor[i] = NAN;
    CHECK(lq_net_logits_of_tensors(net, tensor, 1, logits, 10, NULL) == LQ_STATUS_BAD_INPUT);
    CHECK(lq_devices(NULL, NULL) == LQ_STATUS_USAGE);
    char digest[LQ_DIGEST_SIZE] = "untouched";
    CHECK(lq_digest(logits, 10, digest, LQ_DIGEST_SIZE - 1) == LQ_STATUS_USAGE);
    CHECK(lq_digest(NULL, 10, digest, sizeof digest) == LQ_STATUS_USAGE && strcmp(digest, "untouched") == 0);
    CHECK(lq_digest(logits, 10, NULL, sizeof digest) == LQ_STATUS_USAGE);
    lq_model_free(NULL);
    lq_engine_free(NULL);
    lq_net_free(NULL);
    lq_cancel_free(NULL);
    CHECK(lq_model_name(NULL) == NULL && lq_engine_device(NULL) == NULL && !lq_engine_is_lost(NULL));
}

static void stopped(const lq_net *net) {
    size_t images = 20000;
    uint8_t *pixels = calloc(images, 32 * 32 * 3);
    float *logits = malloc(images * 10 * sizeof *logits);
    lq_call call = {NULL, 0.05};
    CHECK(lq_net_logits(net, pixels, images, logits, images * 10, &call) == LQ_STATUS_DEADLINE_EXCEEDED);
    call.timeout_seconds = NAN;
    CHECK(lq_net_logits(net, pixels, 1, logits, 10, &call) == LQ_STATUS_USAGE);
    CHECK(strstr(lq_last_error(), "timeout_seconds is not a number"));
    double unlimited[] = {0.0, -1.0, 1e300, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof unlimited / sizeof *unlimited; i++) {
        call.timeout_seconds = unlimited[i];
        CHECK(lq_net_logits(net, pixels, 1, logits, 10, &call) == LQ_STATUS_OK);
    }
    // The message of the last failure is still there.
    CHECK(strstr(lq_last_error(), "timeout_seconds is not a number"));
    lq_cancel *cancel = NULL;
    CHECK(lq_cancel_new(&cancel) == LQ_STATUS_OK);
    call = (lq_call){cancel, 0.0};
    CHECK(lq_net_logits(net, pixels, 2, logits, 20, &call) == LQ_STATUS_OK);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, cancel_later, cancel) == 0);
    CHECK(lq_net_logits(net, pixels, images, logits, images * 10, &call) == LQ_STATUS_CANCELLED);
    pthread_join(thread, NULL);
    lq_cancel_free(cancel);
    free(pixels);
    free(logits);
}

// Pictures of any size in one batch give the digests and classes that each gives alone.
static void in_one_batch(const lq_model *model, const lq_net *net, const uint8_t *file, size_t size) {
    enum { IMAGE = 32 * 32 * 3, W = 50, H = 70 };
    uint8_t images[3 * IMAGE], photo[H][W][4];
    for (size_t y = 0; y < H; y++)
        for (size_t x = 0; x < W; x++)
            for (size_t c = 0; c < 4; c++) photo[y][x][c] = (uint8_t)(x * 5 + y * 3 + c * 77);
    const uint8_t *pixels = &photo[0][0][0];
    CHECK(lq_model_preprocess_file(model, file, size, images, sizeof images) == LQ_STATUS_OK);
    CHECK(lq_model_preprocess(model, pixels, LQ_PIXEL_FORMAT_RGBA, W, H, 4 * W, images + IMAGE, 2 * IMAGE) == LQ_STATUS_OK);
    CHECK(lq_model_preprocess(model, pixels, LQ_PIXEL_FORMAT_BGRA, W, H, 4 * W, images + 2 * IMAGE, IMAGE) == LQ_STATUS_OK);
    float logits[30];
    CHECK(lq_net_logits(net, images, 3, logits, 30, NULL) == LQ_STATUS_OK);
    char digests[3][LQ_DIGEST_SIZE];
    for (size_t i = 0; i < 3; i++) {
        CHECK(lq_digest(logits + 10 * i, 10, digests[i], LQ_DIGEST_SIZE) == LQ_STATUS_OK);
        CHECK(strlen(digests[i]) == LQ_DIGEST_SIZE - 1);
        printf("digest %s\n", digests[i]);
    }
    CHECK(strcmp(digests[1], digests[2]) != 0);

    lq_prediction top[2][10];
    size_t found[2];
    CHECK(lq_net_classify_file(net, file, size, top[0], 10, &found[0], NULL) == LQ_STATUS_OK);
    CHECK(lq_net_classification(net, logits, 10, top[1], 10, &found[1]) == LQ_STATUS_OK);
    CHECK(found[0] == 10 && found[1] == 10 && memcmp(top[0], top[1], sizeof top[0]) == 0);
    CHECK(lq_net_classify(net, pixels, LQ_PIXEL_FORMAT_RGBA, W, H, 4 * W, top[0], 4, &found[0], NULL) == LQ_STATUS_OK);
    CHECK(lq_net_classification(net, logits + 10, 10, top[1], 4, &found[1]) == LQ_STATUS_OK);
    CHECK(found[0] == 4 && found[1] == 4 && memcmp(top[0], top[1], 4 * sizeof top[0][0]) == 0);
    CHECK(lq_net_classification(net, logits, 10, NULL, 0, NULL) == LQ_STATUS_OK);

    uint8_t room[IMAGE] = {0};
    CHECK(lq_model_preprocess_file(model, file, size, room, IMAGE - 1) == LQ_STATUS_USAGE);
    CHECK(strstr(lq_last_error(), "room for 3071 bytes, expected at least 3072"));
    CHECK(lq_model_preprocess(NULL, pixels, LQ_PIXEL_FORMAT_RGBA, W, H, 4 * W, room, IMAGE) == LQ_STATUS_USAGE);
    CHECK(lq_model_preprocess(model, NULL, LQ_PIXEL_FORMAT_RGBA, W, H, 4 * W, room, IMAGE) == LQ_STATUS_USAGE);
    CHECK(lq_model_preprocess(model, pixels, LQ_PIXEL_FORMAT_RGBA, W, H, 4 * W - 1, room, IMAGE) == LQ_STATUS_USAGE);
    CHECK(lq_model_preprocess(model, pixels, 3, W, H, 4 * W, room, IMAGE) == LQ_STATUS_USAGE);
    CHECK(lq_model_preprocess(model, pixels, LQ_PIXEL_FORMAT_RGBA, W, H, 4 * W, NULL, IMAGE) == LQ_STATUS_USAGE);
    CHECK(lq_model_preprocess_file(model, (const uint8_t *)"text", 4, room, IMAGE) == LQ_STATUS_BAD_INPUT);
    for (size_t i = 0; i < IMAGE; i++) CHECK(room[i] == 0);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    CHECK(lq_interface_version() == LQ_INTERFACE_VERSION);
    CHECK(strcmp(lq_last_error(), "") == 0);
    size_t devices = 0;
    CHECK(lq_devices(print_device, &devices) == LQ_STATUS_OK && devices > 0);

    size_t size;
    uint8_t *file = read_file(argv[1], &size);
    lq_model *model = NULL, *copy = NULL;
    CHECK(lq_model_open(argv[1], &model) == LQ_STATUS_OK);
    CHECK(lq_model_from_bytes(file, size, NULL, &copy) == LQ_STATUS_OK);
    free(file);
    CHECK(strcmp(lq_model_name(model), lq_model_name(copy)) == 0);
    lq_model_free(copy);
    size_t height, width, channels, classes;
    CHECK(lq_model_shape(model, &height, &width, &channels, &classes) == LQ_STATUS_OK);
    CHECK(height == 32 && width == 32 && channels == 3 && classes == 10);
    CHECK(lq_model_takes_pictures(model) && !lq_model_takes_pictures(NULL));
    CHECK(lq_model_shape(model, NULL, NULL, NULL, NULL) == LQ_STATUS_OK);
    CHECK(strcmp(lq_model_label(model, 8), "ship") == 0 && lq_model_label(model, 10) == NULL);

    lq_engine *engine = NULL;
    lq_net *net = NULL;
    CHECK(lq_engine_new("cpu", 2, NULL, &engine) == LQ_STATUS_OK);
    CHECK(strcmp(lq_engine_device(engine), "cpu") == 0 && !lq_engine_is_lost(engine));
    lq_call patient = {NULL, 60.0};
    CHECK(lq_engine_prepare(engine, model, 0, NULL, &net) == LQ_STATUS_USAGE && net == NULL);
    CHECK(lq_engine_prepare(engine, model, 4097, NULL, &net) == LQ_STATUS_USAGE && net == NULL);
    CHECK(strstr(lq_last_error(), "expected 1 to 4096"));
    CHECK(lq_engine_prepare(engine, model, 4, &patient, &net) == LQ_STATUS_OK);
    lq_engine_free(engine);

    uint8_t *picture = read_file(argv[2], &size);
    lq_prediction top[3];
    size_t found = 0;
    CHECK(lq_net_classify_file(net, picture, size, top, 3, &found, NULL) == LQ_STATUS_OK && found == 3);
    CHECK(strcmp(lq_model_label(model, top[0].class_index), "ship") == 0 && top[0].probability > 0.99);
    in_one_batch(model, net, picture, size);
    free(picture);
    lq_model_free(model);

    // One picture in three orders, with gaps between its rows.
    enum { W = 40, H = 30, GAP = 5 };
    static uint8_t rgb[H * (3 * W + GAP)], rgba[H * (4 * W + GAP)], bgra[H * (4 * W + GAP)];
    for (size_t y = 0; y < H; y++) {
        for (size_t x = 0; x < W; x++) {
            for (size_t c = 0; c < 3; c++) {
                uint8_t value = (uint8_t)(x * 7 + y * 13 + c * 91);
                rgb[y * (3 * W + GAP) + 3 * x + c] = value;
                rgba[y * (4 * W + GAP) + 4 * x + c] = value;
                bgra[y * (4 * W + GAP) + 4 * x + 2 - c] = value;
            }
        }
    }
    lq_prediction best[3][10];
    CHECK(lq_net_classify(net, rgb, LQ_PIXEL_FORMAT_RGB, W, H, 3 * W + GAP, best[0], 10, &found, NULL) == LQ_STATUS_OK);
    CHECK(lq_net_classify(net, rgba, LQ_PIXEL_FORMAT_RGBA, W, H, 4 * W + GAP, best[1], 10, NULL, NULL) == LQ_STATUS_OK);
    CHECK(lq_net_classify(net, bgra, LQ_PIXEL_FORMAT_BGRA, W, H, 4 * W + GAP, best[2], 10, NULL, NULL) == LQ_STATUS_OK);
    CHECK(found == 10 && memcmp(best[0], best[1], sizeof best[0]) == 0 && memcmp(best[0], best[2], sizeof best[0]) == 0);

    // Six images in batches of four give what each gives alone.
    static uint8_t pixels[6 * 32 * 32 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 2654435761u >> 13);
    float together[60], alone[10];
    CHECK(lq_net_logits(net, pixels, 6, together, 60, NULL) == LQ_STATUS_OK);
    for (size_t i = 0; i < 6; i++) {
        CHECK(lq_net_logits(net, pixels + i * 32 * 32 * 3, 1, alone, 10, NULL) == LQ_STATUS_OK);
        CHECK(memcmp(alone, together + 10 * i, sizeof alone) == 0);
    }
    mistakes(net);
    stopped(net);
    lq_net_free(net);
    puts("all right");
    return 0;
}
