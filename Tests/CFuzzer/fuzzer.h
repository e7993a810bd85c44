#ifndef LOGS_FUZZER_H
#define LOGS_FUZZER_H

#include <stddef.h>
#include <stdint.h>

/// libFuzzer's loop, which the compiler links with `-sanitize=fuzzer` (https://llvm.org/docs/LibFuzzer.html, "Using
/// libFuzzer as a library").
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

#endif
