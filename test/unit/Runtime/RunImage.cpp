//===- RunImage.cpp - calls of images where there is no Python ------------===//
//
// Decides how a test runs a program on another machine (test/python/targets.py):
// weft-run-image REQUEST RESPONSE. Both files are numbers of 8 bytes and bytes:
//
//   request    size and bytes of the image; threads (0: the default); number of
//              arguments, and for each its rank, sizes, number of bytes, bytes
//   response   the status; where it is not 0 the size and bytes of the message,
//              else for each result its dtype, rank, sizes, number of bytes, bytes
//
// Prints go to the standard output; there is nobody whom a callback could call.
//
//===----------------------------------------------------------------------===//

#include "weft/Runtime/Runtime.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Request {
  std::string bytes;
  size_t at = 0;

  char *take(size_t size) {
    if (size > bytes.size() - at) {
      fprintf(stderr, "weft-run-image: the request ends too soon\n");
      exit(2);
    }
    at += size;
    return bytes.data() + at - size;
  }
  int64_t number() {
    int64_t value;
    memcpy(&value, take(8), 8);
    return value;
  }
};

struct Response {
  FILE *file;

  void number(int64_t value) { bytes(&value, sizeof value); }
  void bytes(const void *data, size_t size) { fwrite(data, 1, size, file); }
};

std::string readAll(const char *path) {
  std::string bytes;
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(2);
  }
  char chunk[65536];
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
    bytes.append(chunk, n);
  fclose(file);
  return bytes;
}

/// Arguments as a host has them: aligned to their elements at least.
struct Argument {
  std::vector<int64_t> shape;
  WeftBuffer *buffer = nullptr;
};

} // namespace

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: weft-run-image REQUEST RESPONSE\n");
    return 2;
  }
  Request request{readAll(argv[1])};
  Response response{fopen(argv[2], "wb")};
  if (!response.file) {
    perror(argv[2]);
    return 2;
  }
  WeftError err = {};
  auto fail = [&] {
    response.number(err.code);
    response.number(int64_t(strlen(err.message)));
    response.bytes(err.message, strlen(err.message));
    return fclose(response.file) ? 2 : 0;
  };
  int64_t size = request.number();
  WeftProgram *program = weft_program_load(request.take(size_t(size)), size_t(size), &err);
  if (!program)
    return fail();
  WeftCallOptions options = {};
  options.threads = int32_t(request.number());
  std::vector<Argument> arguments(size_t(request.number()));
  std::vector<WeftArg> args;
  for (Argument &argument : arguments) {
    argument.shape.resize(size_t(request.number()));
    for (int64_t &extent : argument.shape)
      extent = request.number();
    int64_t bytes = request.number();
    argument.buffer = weft_buffer_alloc(bytes);
    memcpy(argument.buffer->data, request.take(size_t(bytes)), size_t(bytes));
    args.push_back({argument.buffer->data, argument.shape.data()});
  }
  std::vector<WeftResult> results(size_t(weft_program_num_results(program)));
  if (weft_call(program, args.data(), results.data(), &options, &err))
    return fail();
  response.number(0);
  for (size_t i = 0; i < results.size(); ++i) {
    int32_t dtype = weft_program_result(program, int32_t(i)).dtype;
    int64_t bytes = weft_dtype_size(dtype);
    response.number(dtype);
    response.number(results[i].rank);
    for (int32_t d = 0; d < results[i].rank; ++d) {
      response.number(results[i].shape[d]);
      bytes *= results[i].shape[d];
    }
    response.number(bytes);
    response.bytes(results[i].buffer->data, size_t(bytes));
    weft_buffer_release(results[i].buffer);
  }
  for (Argument &argument : arguments)
    weft_buffer_release(argument.buffer);
  weft_program_free(program);
  return fclose(response.file) ? 2 : 0;
}
