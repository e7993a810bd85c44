#define _GNU_SOURCE
#include "system.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What is called here is async-signal-safe: no allocation, no lock, no stdio.

static char crashing_program[32] = "logs";
static char crash_advice[512];
static volatile sig_atomic_t has_told;

static void write_line(const char *const *parts, int count) {
  char line[1024];
  size_t length = 0;
  for (int index = 0; index < count; index++) {
    size_t size = strlen(parts[index]);
    if (size > sizeof line - 1 - length) size = sizeof line - 1 - length;
    memcpy(line + length, parts[index], size);
    length += size;
  }
  line[length++] = '\n';
  ssize_t written = write(STDERR_FILENO, line, length);
  (void)written;
}

static const char *reason(int number) {
  switch (number) {
  case SIGILL: return "SIGILL: one of its checks failed, or there was no memory left";
  case SIGTRAP: return "SIGTRAP: one of its checks failed, or there was no memory left";
  case SIGSEGV: return "SIGSEGV: it used memory that is not its own, or there was none left";
  case SIGBUS: return "SIGBUS: a memory page or a mapped file could not be read";
  case SIGFPE: return "SIGFPE: an arithmetic error";
  default: return "SIGABRT: it gave up";
  }
}

static void crashed(int number) {
  if (!has_told) {
    has_told = 1;
    const char *parts[] = {crashing_program, ": ended by ", reason(number), ". ", crash_advice};
    write_line(parts, 5);
  }
  // The handler is gone (SA_RESETHAND): the default action ends the process, with a core where one is wanted.
  raise(number);
}

void logs_use_crash_stack(void) {
  static __thread char stack[16 << 10];
  stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&own, NULL);
}

void logs_report_crashes(const char *program, const char *advice) {
  strncpy(crashing_program, program, sizeof crashing_program - 1);
  strncpy(crash_advice, advice, sizeof crash_advice - 1);
  logs_use_crash_stack();
  static const int numbers[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
  for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) {
    struct sigaction action;
    // A debugger's or a sanitizer's handler stays.
    if (sigaction(numbers[index], NULL, &action) != 0 || action.sa_handler != SIG_DFL) continue;
    memset(&action, 0, sizeof action);
    action.sa_handler = crashed;
    action.sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
    sigaction(numbers[index], &action, NULL);
  }
}

void logs_out_of_memory(unsigned long long byte_count, const char *purpose) {
  char digits[32];
  char *first = digits + 20;
  strcpy(first, " bytes");
  for (unsigned long long rest = byte_count; rest > 0; rest /= 10) *--first = (char)('0' + rest % 10);
  has_told = 1;
  const char *parts[] = {crashing_program, ": out of memory: the system gives no ", byte_count > 0 ? first : "memory", " for ",
                         purpose, ". ", crash_advice};
  write_line(parts, 7);
  abort();
}
