// C interface of lq-infer: exact integer inference of LQ-Nets on any GPU and any CPU. Made by cbindgen; do not edit.
//
// * Functions that can fail return an lq_status. What went wrong is in lq_last_error, for each thread, until the next failure.
// * Objects that functions give through `out` (lq_model_open, _from_bytes and _bundled; lq_engine_new; lq_engine_prepare;
//   lq_cancel_new) are freed by the caller with the lq_..._free of their type, in any order: a net keeps what it needs.
//   On failure they give NULL. Freeing NULL does nothing.
// * Everything may be used by several threads at once. Texts are UTF-8, and belong to the object they were asked from.
// * No panic crosses this interface: it becomes LQ_STATUS_PANIC, and the objects of that call should not be used again.

#ifndef LQ_INFER_H
#define LQ_INFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Version of this interface. It grows with every change that a program compiled against an older header would notice.
#define LQ_INTERFACE_VERSION 1

// Bytes of a digest as text, with the zero byte at its end.
#define LQ_DIGEST_SIZE 65

// What became of a call.
typedef enum lq_status {
  // Done.
  LQ_STATUS_OK = 0,
  // Arguments contradict each other or the model, or are NULL where that is not allowed.
  LQ_STATUS_USAGE = 1,
  // A file cannot be opened, read or written.
  LQ_STATUS_IO = 2,
  // A packed model cannot be used.
  LQ_STATUS_BAD_MODEL = 3,
  // A picture or an array cannot be classified.
  LQ_STATUS_BAD_INPUT = 4,
  // No device matches the selector.
  LQ_STATUS_NO_DEVICE = 5,
  // The network needs more than the device offers.
  LQ_STATUS_DEVICE_LIMIT = 6,
  // The device ran out of memory.
  LQ_STATUS_OUT_OF_MEMORY = 7,
  // The device was lost: make a new engine and prepare the model again.
  LQ_STATUS_DEVICE_LOST = 8,
  // The device or its driver reported a failure.
  LQ_STATUS_DEVICE = 9,
  // lq_cancel_now was called.
  LQ_STATUS_CANCELLED = 10,
  // The timeout passed.
  LQ_STATUS_DEADLINE_EXCEEDED = 11,
  // Recorded and computed results differ.
  LQ_STATUS_VERIFICATION_FAILED = 12,
  // A defect of the library; please report it.
  LQ_STATUS_PANIC = 13,
  // An error that this version of the interface has no code for.
  LQ_STATUS_OTHER = 14,
} lq_status;

// The order of a pixel's bytes, as a number that functions take.
typedef enum lq_pixel_format {
  // Red, green, blue.
  LQ_PIXEL_FORMAT_RGB = 0,
  // Red, green, blue, alpha, which is dropped.
  LQ_PIXEL_FORMAT_RGBA = 1,
  // Blue, green, red, alpha, which is dropped.
  LQ_PIXEL_FORMAT_BGRA = 2,
} lq_pixel_format;

// A flag that ends calls.
typedef struct lq_cancel lq_cancel;

// An opened device.
typedef struct lq_engine lq_engine;

// A packed model.
typedef struct lq_model lq_model;

// A network that is ready to run on one device.
typedef struct lq_net lq_net;

// A device. The texts are valid while the function is called that is given it.
typedef struct lq_device {
  // What selects it by number.
  size_t index;
  // What selects it, the same in every run.
  const char *id;
  // Name that the driver gives it.
  const char *name;
  // "cpu", "vulkan", "metal", "dx12" or "gl".
  const char *api;
  // Whether it is a GPU in software, which computes on the CPU.
  bool software;
  // Why it cannot be used, or NULL.
  const char *problem;
} lq_device;

// How one call can be ended early. Functions take NULL for a call that runs to its end. Calls look at this after every
// kernel or batch, so they end soon rather than at once.
typedef struct lq_call {
  // Ends the call when lq_cancel_now is called, or NULL.
  const struct lq_cancel *cancel;
  // Ends the call so many seconds after it began. 0 is no limit, as are negative numbers and infinity.
  double timeout_seconds;
} lq_call;

// One class and its probability. The label is that of lq_model_label.
typedef struct lq_prediction {
  // Index of the class.
  size_t class_index;
  // Softmax of the logits.
  double probability;
} lq_prediction;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// LQ_INTERFACE_VERSION of the library, to compare with that of the header.
uint32_t lq_interface_version(void);

// The library's version, such as "0.1.0".
const char *lq_version(void);

// Makes a flag.
enum lq_status lq_cancel_new(struct lq_cancel **out);

// Ends all calls that have this flag, now and later, from any thread. They return LQ_STATUS_CANCELLED.
void lq_cancel_now(const struct lq_cancel *cancel);

// Frees a flag. Calls that have it go on.
void lq_cancel_free(struct lq_cancel *cancel);

// Calls `each` with every device, in the order of their indices, and with `user`.
enum lq_status lq_devices(void (*each)(const struct lq_device *device, void *user), void *user);

// SHA-256 of `numbers` logits with the low byte first, in hex: the same on every device. Of the logits of one image,
// it is what `lq-infer --logits --json` prints. `digest` is room for `room` bytes, at least LQ_DIGEST_SIZE, of which
// none is written on failure.
enum lq_status lq_digest(const float *logits, size_t numbers, char *digest, size_t room);

// Opens a device: "auto" (also NULL: a hardware GPU, else the CPU), "cpu", "gpu", "vulkan", "metal", "dx12", "gl", an index
// or an id of lq_devices, or part of a name. `threads` are those of the CPU; 0 for all. `cache` is a folder for what is
// worth keeping between runs, such as compiled pipelines; NULL for none.
enum lq_status lq_engine_new(const char *device,
                             size_t threads,
                             const char *cache,
                             struct lq_engine **out);

// Frees an engine. Nets on its device go on.
void lq_engine_free(struct lq_engine *engine);

// Name of the device with its API, or NULL if `engine` is.
const char *lq_engine_device(const struct lq_engine *engine);

// Whether the device was lost, as far as is known. Then every call gives LQ_STATUS_DEVICE_LOST.
bool lq_engine_is_lost(const struct lq_engine *engine);

// Makes a model ready to run, with memory for `max_batch` images at a time, 1 to 4096; more are run in several
// batches. `call` may be NULL.
enum lq_status lq_engine_prepare(const struct lq_engine *engine,
                                 const struct lq_model *model,
                                 size_t max_batch,
                                 const struct lq_call *call,
                                 struct lq_net **out);

// Reads a packed file, which may be changed or removed afterwards.
enum lq_status lq_model_open(const char *path, struct lq_model **out);

// A packed file in memory, of `size` bytes, which are copied. Errors give `name` in place of a path.
enum lq_status lq_model_from_bytes(const uint8_t *bytes, size_t size, const char *name, struct lq_model **out);

// The model inside the library: a CIFAR-10 ResNet-20 with 2-bit weights and activations.
enum lq_status lq_model_bundled(struct lq_model **out);

// Frees a model. Nets made of it go on.
void lq_model_free(struct lq_model *model);

// The model's name, or NULL if `model` is.
const char *lq_model_name(const struct lq_model *model);

// Height, width and channels of one image, and the number of classes. Each place may be NULL.
enum lq_status lq_model_shape(const struct lq_model *model,
                              size_t *height,
                              size_t *width,
                              size_t *channels,
                              size_t *classes);

// The label of a class, or NULL if the model has none for it.
const char *lq_model_label(const struct lq_model *model, size_t class_index);

// Whether the model takes pictures, or only the tensors of lq_net_logits_of_tensors. False if `model` is NULL.
bool lq_model_takes_pictures(const struct lq_model *model);

// One image of lq_net_logits of a picture of any size: [height, width, 3] in RGB, resized and cropped as the model's
// file says. `format` is an lq_pixel_format. Rows of `pixels` begin every `stride` bytes. `image` is room for `room`
// bytes, of which none is written on failure.
enum lq_status lq_model_preprocess(const struct lq_model *model,
                                   const uint8_t *pixels,
                                   uint32_t format,
                                   size_t width,
                                   size_t height,
                                   size_t stride,
                                   uint8_t *image,
                                   size_t room);

// The same for the bytes of a file: PNG, JPEG, WebP, BMP, GIF or TIFF.
enum lq_status lq_model_preprocess_file(const struct lq_model *model,
                                        const uint8_t *bytes,
                                        size_t size,
                                        uint8_t *image,
                                        size_t room);

// Frees a net. It must not be in use.
void lq_net_free(struct lq_net *net);

// Logits of `images` pictures at the network's size: `pixels` are [images, height, width, 3] in RGB, as
// lq_model_preprocess makes them of pictures of any size. `logits` is room for [images, classes] numbers, `room` of
// them, of which none is written on failure. The same bits on every device. `call` may be NULL.
enum lq_status lq_net_logits(const struct lq_net *net,
                             const uint8_t *pixels,
                             size_t images,
                             float *logits,
                             size_t room,
                             const struct lq_call *call);

// The same for the tensors that the first layer receives: `tensors` are [images, height, width, channels].
enum lq_status lq_net_logits_of_tensors(const struct lq_net *net,
                                        const float *tensors,
                                        size_t images,
                                        float *logits,
                                        size_t room,
                                        const struct lq_call *call);

// Classifies one picture of any size, prepared as the model's file says. `format` is an lq_pixel_format. Rows of
// `pixels` begin every `stride` bytes. `top` is room for `room` predictions, best first; `found` (may be NULL) is how
// many were written, 0 on failure. `call` may be NULL.
enum lq_status lq_net_classify(const struct lq_net *net,
                               const uint8_t *pixels,
                               uint32_t format,
                               size_t width,
                               size_t height,
                               size_t stride,
                               struct lq_prediction *top,
                               size_t room,
                               size_t *found,
                               const struct lq_call *call);

// The same for the bytes of a file: PNG, JPEG, WebP, BMP, GIF or TIFF.
enum lq_status lq_net_classify_file(const struct lq_net *net,
                                    const uint8_t *bytes,
                                    size_t size,
                                    struct lq_prediction *top,
                                    size_t room,
                                    size_t *found,
                                    const struct lq_call *call);

// What lq_net_classify gives, by the logits of one image: `logits` are those of all classes, `numbers` of them. `top`,
// `room` and `found` are those of lq_net_classify.
enum lq_status lq_net_classification(const struct lq_net *net,
                                     const float *logits,
                                     size_t numbers,
                                     struct lq_prediction *top,
                                     size_t room,
                                     size_t *found);

// The message of the last call on this thread that failed, or "" if none has. It stays, and the pointer is valid,
// until the next call on this thread that fails: calls that succeed do not clear it, so ask for it only after a
// failure.
const char *lq_last_error(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LQ_INFER_H */
