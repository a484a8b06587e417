/*===- HostInC.c - the headers are C, and a C program can be a host -------===*/

#include "weft/Runtime/Runtime.h"

#include <string.h>

int hostInC(const void *image, size_t size, const float *x, int64_t n, float *y) {
  WeftError err;
  WeftProgram *program = weft_program_load(image, size, &err);
  if (!program)
    return err.code;
  WeftArg args[] = {{(void *)x, &n}};
  WeftResult out[1];
  WeftCallOptions options = {.threads = 1};
  int code = weft_call(program, args, out, &options, &err);
  if (code == 0) {
    memcpy(y, out[0].buffer->data, (size_t)out[0].shape[0] * sizeof *y);
    weft_buffer_release(out[0].buffer);
  }
  weft_program_free(program);
  return code;
}
