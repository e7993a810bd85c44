/* Does with Redis streams what `logs bench` does with logsd, and prints the same JSON object, for one run.
 *
 *   redis-bench append|ack|tail|read PORT --corpus FILE [--producers N] [--batch N] [--entries N] [--connections N]
 *               [--followers N] [--rate N] [--seconds S] [--in-flight N] [--page N]
 *
 * FILE is what `logs bench corpus` writes. Each entry is one XADD with a line's four fields, time, level, source and message:
 * so Redis can give them back and read from any of them on, as logsd can.
 *
 * One thread and one epoll for all connections; commands are written into a buffer of each connection and replies are read
 * where they stand, without an object for each, so that the generator takes less than the server. It measures as `logs bench`
 * does: a warm-up first; bulk requests pipelined, with as many of them on their way; the latency of a tail from when an entry
 * was due. Each follower has a connection and asks for what comes after the last entry that it has (XREAD BLOCK); what has not
 * come 10 s after the last hand-over counts as not delivered. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "load.h"

/* ---- Settings ---- */

static struct {
  const char *kind, *corpus;
  int port;
  long producers, batch, entries, connections, followers, rate, in_flight, page;
  double seconds;
} settings = {.producers = 1, .entries = 1000000, .connections = 1, .followers = 1, .rate = 1000, .seconds = 5,
              .in_flight = 32, .page = 1000};

/* ---- The lines of the corpus, as their fields go into a command ---- */

static struct { char *text; size_t length; size_t message_length; } *lines;
static long line_count;

/* "$length\r\nvalue\r\n" */
static size_t put_bulk(char *out, const char *value, size_t length) {
  size_t count = sprintf(out, "$%zu\r\n", length);
  memcpy(out + count, value, length);
  memcpy(out + count + length, "\r\n", 2);
  return count + length + 2;
}

static void add_line(const struct field *fields) {
  static const char *names[field_count] = {"time", "level", "source", "message"};
  static long room;
  size_t length = 200;
  for (int index = 0; index < field_count; index++) length += fields[index].length;
  char *text = allocate(NULL, length), *end = text;
  for (int index = 0; index < field_count; index++) {
    end += put_bulk(end, names[index], strlen(names[index]));
    end += put_bulk(end, fields[index].text, fields[index].length);
  }
  if (line_count == room) lines = allocate(lines, (room = room ? room * 2 : 1024) * sizeof *lines);
  lines[line_count].text = text;
  lines[line_count].length = end - text;
  lines[line_count++].message_length = fields[field_message].length;
}

/* ---- Connections ---- */

struct connection {
  int socket;
  long index;
  char *output, *input;
  size_t output_start, output_end, output_room, input_start, input_end, input_room;
  int wants_write;
  /* The reply at hand. */
  long tokens_left, entries, message_bytes;
  int fields_left, expects_id;
  char last_id[64];
  /* The work. */
  char key[64];
  long line, to_send, replies_left, *sent_counts;
  u64 *sent_times;
  long sent_first, sent_count;
  u64 received;
};

static int loop;

static struct connection *connect_to_server(long index) {
  struct connection *connection = calloc(1, sizeof *connection);
  if (!connection) fail("out of memory");
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(settings.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->socket < 0 || connect(connection->socket, (struct sockaddr *)&address, sizeof address) != 0)
    fail("cannot connect to port %d: %s", settings.port, strerror(errno));
  int on = 1;
  setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(connection->socket, F_SETFL, O_NONBLOCK);
  connection->index = index;
  connection->sent_times = allocate(NULL, settings.in_flight * sizeof(u64));
  connection->sent_counts = allocate(NULL, settings.in_flight * sizeof(long));
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, connection->socket, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
  return connection;
}

static char *reserve(struct connection *connection, size_t count) {
  if (connection->output_start == connection->output_end) connection->output_start = connection->output_end = 0;
  if (connection->output_end + count > connection->output_room) {
    connection->output_room = (connection->output_end + count) * 2;
    connection->output = allocate(connection->output, connection->output_room);
  }
  return connection->output + connection->output_end;
}

static void flush(struct connection *connection) {
  while (connection->output_start < connection->output_end) {
    ssize_t count = write(connection->socket, connection->output + connection->output_start,
                          connection->output_end - connection->output_start);
    if (count < 0 && errno != EAGAIN && errno != EINTR) fail("cannot write: %s", strerror(errno));
    if (count > 0) connection->output_start += count;
    if (count < 0 && errno == EAGAIN) break;
  }
  int wants_write = connection->output_start < connection->output_end;
  if (wants_write == connection->wants_write) return;
  connection->wants_write = wants_write;
  struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(loop, EPOLL_CTL_MOD, connection->socket, &event);
}

static void put_command(struct connection *connection, const char *format, ...) {
  char words[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
  char *list[16], *rest = words;
  int count = 0;
  while (count < 16 && (list[count] = strtok_r(rest, " ", &rest))) count++;
  char *start = reserve(connection, 1024), *end = start + sprintf(start, "*%d\r\n", count);
  for (int index = 0; index < count; index++) end += put_bulk(end, list[index], strlen(list[index]));
  connection->output_end += end - start;
}

/* One XADD with the connection's next line. */
static size_t put_entry(struct connection *connection) {
  long line = connection->line;
  connection->line = line + 1 == line_count ? 0 : line + 1;
  char *start = reserve(connection, lines[line].length + 256);
  size_t key_length = strlen(connection->key);
  char *end = start + sprintf(start, "*11\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$1\r\n*\r\n", key_length, connection->key);
  memcpy(end, lines[line].text, lines[line].length);
  connection->output_end += end + lines[line].length - start;
  return lines[line].message_length + 1;
}

/* ---- Replies ---- */

static void (*on_reply)(struct connection *connection);

/* Goes through what has come as a sequence of tokens; a reply ends when as many have come as its arrays have announced. An
 * entry is an array of its id and its eight names and values, the last one the message. */
static void parse(struct connection *connection) {
  for (;;) {
    char *start = connection->input + connection->input_start, *limit = connection->input + connection->input_end;
    char *end = memchr(start, '\n', limit - start);
    if (!end) return;
    char *next = end + 1;
    long number = 0;
    if (*start == '$' || *start == '*') number = strtol(start + 1, NULL, 10);
    if (*start == '$' && number >= 0) {
      if (limit - next < number + 2) return;
      next += number + 2;
    }
    if (connection->tokens_left == 0) {
      connection->tokens_left = 1;
      connection->entries = 0;
    }
    connection->tokens_left--;
    switch (*start) {
      case '-': fail("Redis says: %.*s", (int)(end - start - 1), start);
      case '*':
        if (number > 0) connection->tokens_left += number;
        connection->expects_id = number == 2;
        connection->fields_left = number == 8 ? 8 : 0;
        break;
      case '$':
        if (connection->expects_id && number < (long)sizeof connection->last_id) {
          memcpy(connection->last_id, end + 1, number);
          connection->last_id[number] = 0;
        } else if (connection->fields_left > 0 && --connection->fields_left == 0) {
          connection->entries++;
          connection->message_bytes += number + 1;
        }
        connection->expects_id = 0;
        break;
    }
    connection->input_start = next - connection->input;
    if (connection->tokens_left == 0) on_reply(connection);
  }
}

static void receive(struct connection *connection) {
  if (connection->input_start == connection->input_end) connection->input_start = connection->input_end = 0;
  if (connection->input_room - connection->input_end < 128 << 10) {
    size_t rest = connection->input_end - connection->input_start;
    memmove(connection->input, connection->input + connection->input_start, rest);
    connection->input_start = 0;
    connection->input_end = rest;
    if (connection->input_room - rest < 128 << 10)
      connection->input = allocate(connection->input, connection->input_room = connection->input_room * 2 + (256 << 10));
  }
  ssize_t count =
      read(connection->socket, connection->input + connection->input_end, connection->input_room - connection->input_end);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) fail("Redis has closed the connection");
  connection->input_end += count;
  parse(connection);
}

static int is_done;
static int timer = -1;
static void (*on_timer)(void);

static void run_loop(void) {
  struct epoll_event events[256];
  is_done = 0;
  while (!is_done) {
    /* What has a timer is ended by it. */
    int count = epoll_wait(loop, events, 256, on_timer ? -1 : 10000);
    if (count == 0) fail("nothing has come for 10 s");
    for (int index = 0; index < count; index++) {
      struct connection *connection = events[index].data.ptr;
      if (!connection) {
        u64 expirations;
        if (read(timer, &expirations, sizeof expirations) > 0) on_timer();
        continue;
      }
      if (events[index].events & EPOLLIN) receive(connection);
      flush(connection);
    }
  }
}

/* ---- What a run has come to ---- */

static u64 entry_count, byte_count, run_ns, expected;

/* ---- append, and what is made to be read ---- */

static long producers_left;

static void send_batches(struct connection *connection) {
  while (connection->to_send > 0 && connection->sent_count < settings.in_flight) {
    long count = connection->to_send < settings.batch ? connection->to_send : settings.batch;
    long slot = (connection->sent_first + connection->sent_count++) % settings.in_flight;
    connection->sent_times[slot] = now_ns();
    connection->sent_counts[slot] = count;
    if (connection->sent_count == 1) connection->replies_left = count;
    for (long index = 0; index < count; index++) byte_count += put_entry(connection);
    connection->to_send -= count;
    flush(connection);
  }
}

static void on_append_reply(struct connection *connection) {
  if (--connection->replies_left > 0) return;
  long slot = connection->sent_first;
  record(now_ns() - connection->sent_times[slot], connection->sent_counts[slot]);
  entry_count += connection->sent_counts[slot];
  connection->sent_first = (slot + 1) % settings.in_flight;
  connection->sent_count--;
  if (connection->sent_count > 0) connection->replies_left = connection->sent_counts[connection->sent_first];
  send_batches(connection);
  if (connection->sent_count == 0 && --producers_left == 0) is_done = 1;
}

static void append(struct connection **connections, long count, long entries, const char *name) {
  u64 start = now_ns();
  on_reply = on_append_reply;
  producers_left = 0;
  for (long index = 0; index < count; index++) {
    struct connection *connection = connections[index];
    snprintf(connection->key, sizeof connection->key, "%s:%ld", name, index);
    connection->line = line_count / count * index;
    connection->to_send = entries / count + (index < entries % count);
    if (connection->to_send > 0) producers_left++;
  }
  for (long index = 0; index < count; index++) send_batches(connections[index]);
  run_loop();
  run_ns = now_ns() - start;
}

/* ---- ack ---- */

static u64 ack_end;
static long acks_open;

static void ack_one(struct connection *connection) {
  connection->sent_times[0] = now_ns();
  connection->sent_counts[0] = put_entry(connection);
}

static void on_ack_reply(struct connection *connection) {
  u64 now = now_ns();
  if (now <= ack_end) {
    record(now - connection->sent_times[0], 1);
    entry_count++;
    byte_count += connection->sent_counts[0];
  }
  if (now < ack_end) ack_one(connection);
  else if (--acks_open == 0) is_done = 1;
}

static void ack(struct connection **connections, double seconds) {
  on_reply = on_ack_reply;
  run_ns = seconds * 1e9;
  ack_end = now_ns() + run_ns;
  acks_open = settings.connections;
  for (long index = 0; index < settings.connections; index++) {
    struct connection *connection = connections[index];
    strcpy(connection->key, "ack");
    connection->line = line_count / settings.connections * index;
    ack_one(connection);
    flush(connection);
  }
  run_loop();
}

/* ---- tail ---- */

static struct connection *tail_producer;
/* Entries are numbered from 0 over all runs, as each follower receives them. */
static u64 tail_start, tail_first, tail_batches, tail_next, tail_lag_max;
/* How long after the last hand-over what is still missing may come. */
static const u64 tail_patience_ns = 10000000000;

static u64 tail_due(u64 batch) { return tail_start + (u64)((double)batch * settings.batch * 1e9 / settings.rate + 0.5); }

static void arm(u64 time) {
  struct itimerspec due = {.it_value = {.tv_sec = time / 1000000000, .tv_nsec = time % 1000000000}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &due, NULL);
}

static void on_tail_due(void) {
  if (tail_next == tail_batches) {
    is_done = 1;
    return;
  }
  u64 now = now_ns();
  while (tail_next < tail_batches && tail_due(tail_next) <= now) {
    for (long index = 0; index < settings.batch; index++) byte_count += put_entry(tail_producer);
    tail_next++;
  }
  flush(tail_producer);
  arm(tail_next < tail_batches ? tail_due(tail_next) : now + tail_patience_ns);
}

static void ask_for_more(struct connection *connection) {
  put_command(connection, "XREAD COUNT 1000 BLOCK 0 STREAMS tail:0 %s", connection->last_id);
}

static void on_tail_reply(struct connection *connection) {
  if (connection == tail_producer) return;
  u64 now = now_ns(), first = connection->received, due_count = 0;
  connection->received += connection->entries;
  ask_for_more(connection);
  /* Of the run before, which has ended without it. */
  if (connection->received <= tail_first) return;
  first = first > tail_first ? first - tail_first : 0;
  if (now >= tail_start) due_count = (u64)((double)(now - tail_start) * settings.rate / 1e9 / settings.batch) + 1;
  if (due_count > tail_batches) due_count = tail_batches;
  due_count *= settings.batch;
  if (due_count > first && due_count - first > tail_lag_max) tail_lag_max = due_count - first;
  for (u64 entry = first; entry < connection->received - tail_first; entry++) {
    record(now - tail_due(entry / settings.batch), 1);
    entry_count++;
  }
  run_ns = now - tail_start;
  if (entry_count == expected) is_done = 1;
}

static void tail(double seconds) {
  on_reply = on_tail_reply;
  on_timer = on_tail_due;
  tail_first += tail_batches * settings.batch;
  tail_batches = seconds * settings.rate / settings.batch;
  if (tail_batches == 0) tail_batches = 1;
  expected = tail_batches * settings.batch * settings.followers;
  tail_start = now_ns() + 1000000;
  tail_next = tail_lag_max = 0;
  arm(tail_start);
  run_loop();
  byte_count = byte_count * entry_count / (tail_batches * settings.batch);
}

/* ---- read ---- */

static void on_read_reply(struct connection *connection) {
  record(now_ns() - connection->sent_times[0], connection->entries);
  entry_count += connection->entries;
  byte_count += connection->message_bytes;
  connection->message_bytes = 0;
  if (connection->entries < settings.page) {
    is_done = 1;
    return;
  }
  connection->sent_times[0] = now_ns();
  put_command(connection, "XRANGE read:0 (%s + COUNT %ld", connection->last_id, settings.page);
}

static void read_all(struct connection *connection) {
  u64 start = now_ns();
  on_reply = on_read_reply;
  connection->sent_times[0] = start;
  put_command(connection, "XRANGE read:0 - + COUNT %ld", settings.page);
  flush(connection);
  run_loop();
  run_ns = now_ns() - start;
}

/* ---- What the server and this process take ---- */

struct usage { double server_cpu, server_bytes, client_cpu; };

/* From /proc/PID/statm, where logsd reads its own: what INFO tells is up to 100 ms old. */
static double resident_bytes(int process) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/statm", process);
  FILE *file = fopen(path, "r");
  long pages;
  if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail("cannot read %s", path);
  fclose(file);
  return (double)pages * sysconf(_SC_PAGESIZE);
}

static struct usage usage_now(void) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(settings.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0 || connect(file, (struct sockaddr *)&address, sizeof address) != 0) fail("cannot connect: %s", strerror(errno));
  const char *request = "INFO\r\nQUIT\r\n";
  if (write(file, request, strlen(request)) < 0) fail("cannot write: %s", strerror(errno));
  struct timeval patience = {.tv_sec = 10};
  setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  static char text[64 << 10];
  size_t length = 0;
  ssize_t count;
  while (length < sizeof text - 1 && (count = read(file, text + length, sizeof text - 1 - length)) > 0) length += count;
  text[length] = 0;
  close(file);
  const char *keys[] = {"used_cpu_sys:", "used_cpu_user:", "process_id:"};
  double values[3];
  for (int index = 0; index < 3; index++) {
    char *found = strstr(text, keys[index]);
    if (!found) fail("INFO has no %s", keys[index]);
    values[index] = atof(found + strlen(keys[index]));
  }
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  double client = own.ru_utime.tv_sec + own.ru_stime.tv_sec + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
  return (struct usage){values[0] + values[1], resident_bytes(values[2]), client};
}

static void begin_measuring(void) {
  clear_latencies();
  entry_count = byte_count = 0;
}

/* ---- The command ---- */

static void read_settings(int count, char **words) {
  if (count < 3) fail("usage: redis-bench append|ack|tail|read PORT --corpus FILE [--NAME VALUE]...");
  settings.kind = words[1];
  settings.port = atoi(words[2]);
  struct { const char *name; long *value; } options[] = {
      {"--producers", &settings.producers}, {"--batch", &settings.batch}, {"--entries", &settings.entries},
      {"--connections", &settings.connections}, {"--followers", &settings.followers}, {"--rate", &settings.rate},
      {"--in-flight", &settings.in_flight}, {"--page", &settings.page}};
  for (int index = 3; index < count; index += 2) {
    if (index + 1 == count) fail("%s needs a value", words[index]);
    if (strcmp(words[index], "--corpus") == 0) {
      settings.corpus = words[index + 1];
      continue;
    }
    if (strcmp(words[index], "--seconds") == 0) {
      if ((settings.seconds = atof(words[index + 1])) <= 0) fail("--seconds takes more than 0");
      continue;
    }
    size_t option = 0, option_count = sizeof options / sizeof *options;
    while (option < option_count && strcmp(words[index], options[option].name) != 0) option++;
    if (option == option_count) fail("there is no %s", words[index]);
    if ((*options[option].value = atol(words[index + 1])) < 1) fail("%s takes at least 1", words[index]);
  }
  if (!settings.corpus) fail("--corpus is missing");
  if (settings.batch == 0) settings.batch = strcmp(settings.kind, "tail") == 0 ? 1 : 1000;
}

int main(int count, char **words) {
  program = "redis-bench";
  read_settings(count, words);
  read_corpus(settings.corpus, LONG_MAX, add_line);
  loop = epoll_create1(EPOLL_CLOEXEC);
  int is_append = strcmp(settings.kind, "append") == 0, is_ack = strcmp(settings.kind, "ack") == 0;
  int is_tail = strcmp(settings.kind, "tail") == 0, is_read = strcmp(settings.kind, "read") == 0;
  long connection_count = is_append ? settings.producers : is_ack ? settings.connections : is_tail ? settings.followers : 1;
  if (!is_append && !is_ack && !is_tail && !is_read) fail("there is no kind '%s'", settings.kind);
  struct connection **connections = allocate(NULL, connection_count * sizeof *connections);
  for (long index = 0; index < connection_count; index++) connections[index] = connect_to_server(index);

  double warm_up = settings.seconds / 5 < 1 ? settings.seconds / 5 : 1;
  long warm_up_entries = settings.entries / 10 + 1 < 200000 ? settings.entries / 10 + 1 : 200000;
  if (is_append) append(connections, connection_count, warm_up_entries, "warm-up");
  if (is_ack) ack(connections, warm_up);
  if (is_tail) {
    tail_producer = connect_to_server(-1);
    strcpy(tail_producer->key, "tail:0");
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(loop, EPOLL_CTL_ADD, timer, &event);
    for (long index = 0; index < connection_count; index++) {
      strcpy(connections[index]->last_id, "0-0");
      ask_for_more(connections[index]);
      flush(connections[index]);
    }
    tail(warm_up);
  }
  if (is_read) {
    append(connections, 1, settings.entries, "read");
    read_all(connections[0]);
  }

  struct usage before = usage_now();
  begin_measuring();
  if (is_append) append(connections, connection_count, settings.entries, "append");
  if (is_ack) ack(connections, settings.seconds);
  if (is_tail) tail(settings.seconds);
  if (is_read) read_all(connections[0]);
  struct usage after = usage_now();
  if (entry_count == 0) fail("nothing has come back");

  double seconds = run_ns / 1e9, server_cpu = after.server_cpu - before.server_cpu;
  printf("{\"kind\":\"%s\",\"entries\":%llu,\"seconds\":%.6f,\"entries_per_second\":%.0f,\"megabytes_per_second\":%.3f,",
         settings.kind, entry_count, seconds, entry_count / seconds, byte_count / 1e6 / seconds);
  print_latencies();
  if (is_tail)
    printf("\"deliveries\":{\"expected\":%llu,\"made\":%llu,\"lag_entries_max\":%llu},", expected, entry_count, tail_lag_max);
  printf("\"server\":{\"cpu_seconds\":%.6f,\"cpu_seconds_per_million\":%.6f,\"resident_bytes\":%.0f},", server_cpu,
         server_cpu / entry_count * 1e6, after.server_bytes);
  printf("\"client\":{\"cpu_seconds\":%.6f}}\n", after.client_cpu - before.client_cpu);
  return 0;
}
