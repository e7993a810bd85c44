#ifndef LOGS_WEB_FILES_H
#define LOGS_WEB_FILES_H

#include <stddef.h>

/// A file of `Sources/Server/Web`, which the browser's viewer consists of.
struct logs_web_file {
  const char *name;
  const unsigned char *bytes;
  size_t size;
};

/// All of them: `logs_web_file_count`.
const struct logs_web_file *logs_web_file_list(void);
extern const size_t logs_web_file_count;

#endif
