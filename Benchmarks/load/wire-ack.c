/* One entry a request over connections that each wait for their acknowledgement, as `logs bench ack` does it, spoken by a
 * small program in C: what the server and the kernel take, without the SDK. Prints the same JSON object, for one run.
 *
 *   wire-ack PORT --corpus FILE [--connections N] [--seconds S]
 *
 * FILE is what `logs bench corpus` writes; only messages are sent. Frames and batches are those of spec/wire.md. One thread,
 * one epoll, one system call to send and one to receive. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xxhash.h>

#include "load.h"

enum {
  frame_header = 20, batch_header = 88, append_fixed = 32, column_header = 8,
  type_hello = 1, type_welcome = 2, type_error = 3, type_append = 10, type_ack = 11,
};

static const char *stream = "ack";

/* ---- Messages: each as a batch of one entry, as it is sent ---- */

static struct { unsigned char *bytes; size_t length; } *batches;
static long batch_count;

static unsigned char *put_column(unsigned char *out, int id, int encoding, const void *content, unsigned length) {
  *out++ = id, *out++ = 0, *out++ = encoding, *out++ = 0;
  memcpy(out, &length, 4);
  memcpy(out + 4, content, length);
  return out + 4 + length;
}

static void add_batch(const struct field *fields) {
  static const unsigned char info = 9;
  size_t length = fields[field_message].length;
  if (length > 127) length = 127;
  unsigned char row[128] = {length};
  memcpy(row + 1, fields[field_message].text, length);
  unsigned char *bytes = calloc(1, batch_header + 2 * column_header + 2 + length);
  if (!bytes) fail("out of memory");
  unsigned char *end = put_column(bytes + batch_header, 2, 1, &info, 1);
  end = put_column(end, 4, 5, row, length + 1);
  unsigned payload = end - bytes - batch_header, one = 1, severities = 1u << info;
  bytes[40] = 1;
  bytes[42] = 4; /* It has no time. */
  memcpy(bytes + 44, &one, 4);
  memcpy(bytes + 64, &severities, 4);
  memcpy(bytes + 68, &payload, 4);
  memcpy(bytes + 72, &payload, 4);
  u64 check = XXH3_64bits(bytes + 40, end - bytes - 40);
  memcpy(bytes + 32, &check, 8);
  static long room;
  if (batch_count == room) batches = allocate(batches, (room = room ? room * 2 : 1024) * sizeof *batches);
  batches[batch_count].bytes = bytes;
  batches[batch_count++].length = end - bytes;
}

/* ---- Frames ---- */

/* Completes the header of a frame whose control part stands behind it. */
static size_t seal(unsigned char *frame, int type, unsigned id, unsigned control, unsigned batch) {
  unsigned body = control + batch;
  memset(frame, 0, frame_header);
  memcpy(frame, &body, 4);
  frame[4] = type;
  memcpy(frame + 8, &id, 4);
  memcpy(frame + 12, &control, 4);
  unsigned short header_check = XXH3_64bits(frame, 16);
  memcpy(frame + 6, &header_check, 2);
  unsigned check = XXH3_64bits_withSeed(frame + frame_header, control, XXH3_64bits(frame, 16));
  memcpy(frame + 16, &check, 4);
  return frame_header + body;
}

static size_t put_hello(unsigned char *frame) {
  static const char client[] = "wire-ack";
  unsigned char *control = frame + frame_header;
  unsigned limit = 4 << 20;
  unsigned short length = sizeof client - 1;
  memset(control, 0, 24);
  memcpy(control, "LOGS\1\1", 6);
  memcpy(control + 16, &limit, 4);
  memcpy(control + 24, &length, 2);
  memcpy(control + 26, client, length);
  memset(control + 26 + length, 0, 2);
  return seal(frame, type_hello, 0, 28 + length, 0);
}

/* ---- Connections ---- */

struct connection {
  int socket;
  unsigned char producer[16];
  u64 number, sent;
  unsigned char output[512], input[8192];
  size_t input_length;
  long batch;
  size_t message_length;
};

static int loop;
static u64 end_time, ack_count, byte_count;
static long open_count;

static void append_one(struct connection *connection) {
  unsigned char *control = connection->output + frame_header;
  size_t name = strlen(stream), length = batches[connection->batch].length;
  connection->number++;
  memcpy(control, connection->producer, 16);
  memcpy(control + 16, &connection->number, 8);
  memcpy(control + 24, &connection->number, 8);
  control[append_fixed] = name;
  memcpy(control + append_fixed + 1, stream, name);
  memcpy(control + append_fixed + 1 + name, batches[connection->batch].bytes, length);
  size_t count = seal(connection->output, type_append, connection->number, append_fixed + 1 + name, length);
  connection->message_length = length - batch_header - 2 * column_header - 1;
  connection->batch = (connection->batch + 1) % batch_count;
  connection->sent = now_ns();
  if (write(connection->socket, connection->output, count) != (ssize_t)count) fail("cannot write: %s", strerror(errno));
}

/* Takes one frame from the front of what has come. */
static size_t take(struct connection *connection, const unsigned char *frame, size_t length) {
  unsigned body, id;
  if (length < frame_header) return 0;
  memcpy(&body, frame, 4);
  memcpy(&id, frame + 8, 4);
  if (frame_header + body > sizeof connection->input) fail("a frame of %u bytes has come", body);
  if (length < frame_header + body) return 0;
  u64 now = now_ns();
  switch (frame[4]) {
    case type_error: fail("the server says: %.*s", frame[frame_header + 8], frame + frame_header + 10);
    case type_ack:
      if (id != (unsigned)connection->number) fail("an acknowledgement of %u, not of %llu", id, connection->number);
      if (now <= end_time) {
        record(now - connection->sent, 1);
        ack_count++;
        byte_count += connection->message_length;
      }
      if (now < end_time) append_one(connection);
      else open_count--;
  }
  return frame_header + body;
}

static void receive(struct connection *connection) {
  ssize_t count = read(connection->socket, connection->input + connection->input_length,
                       sizeof connection->input - connection->input_length);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) fail("the server has closed the connection");
  connection->input_length += count;
  size_t start = 0, taken;
  while ((taken = take(connection, connection->input + start, connection->input_length - start)) > 0) start += taken;
  connection->input_length -= start;
  memmove(connection->input, connection->input + start, connection->input_length);
}

static struct connection *connect_to_server(int port) {
  struct connection *connection = calloc(1, sizeof *connection);
  if (!connection) fail("out of memory");
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->socket < 0 || connect(connection->socket, (struct sockaddr *)&address, sizeof address) != 0)
    fail("cannot connect to port %d: %s", port, strerror(errno));
  int on = 1;
  setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (getrandom(connection->producer, sizeof connection->producer, 0) != sizeof connection->producer)
    fail("there are no random bytes");
  size_t length = put_hello(connection->output);
  if (write(connection->socket, connection->output, length) != (ssize_t)length) fail("cannot write: %s", strerror(errno));
  receive(connection);
  fcntl(connection->socket, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, connection->socket, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
  return connection;
}

/* ---- Runs ---- */

static void run(struct connection **connections, long count, double seconds) {
  struct epoll_event events[256];
  clear_latencies();
  ack_count = byte_count = 0;
  end_time = now_ns() + (u64)(seconds * 1e9);
  open_count = count;
  for (long index = 0; index < count; index++) append_one(connections[index]);
  while (open_count > 0) {
    int ready = epoll_wait(loop, events, 256, 10000);
    if (ready == 0) fail("nothing has come for 10 s");
    for (int index = 0; index < ready; index++) receive(events[index].data.ptr);
  }
}

static double cpu_seconds(void) {
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  return own.ru_utime.tv_sec + own.ru_stime.tv_sec + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **words) {
  program = "wire-ack";
  const char *corpus = NULL;
  long connection_count = 1;
  double seconds = 5;
  if (count < 2) fail("usage: wire-ack PORT --corpus FILE [--connections N] [--seconds S]");
  for (int index = 2; index < count; index += 2) {
    if (index + 1 == count) fail("%s needs a value", words[index]);
    const char *value = words[index + 1];
    if (strcmp(words[index], "--corpus") == 0) corpus = value;
    else if (strcmp(words[index], "--connections") == 0) connection_count = atol(value);
    else if (strcmp(words[index], "--seconds") == 0) seconds = atof(value);
    else fail("there is no %s", words[index]);
  }
  if (!corpus) fail("--corpus is missing");
  if (connection_count < 1 || seconds <= 0) fail("--connections takes at least 1, --seconds more than 0");
  read_corpus(corpus, 100000, add_batch);
  loop = epoll_create1(EPOLL_CLOEXEC);
  struct connection **connections = allocate(NULL, connection_count * sizeof *connections);
  for (long index = 0; index < connection_count; index++) {
    connections[index] = connect_to_server(atoi(words[1]));
    connections[index]->batch = batch_count / connection_count * index;
  }
  run(connections, connection_count, seconds / 5 < 1 ? seconds / 5 : 1);
  double before = cpu_seconds();
  run(connections, connection_count, seconds);
  if (ack_count == 0) fail("nothing has come back");
  printf("{\"kind\":\"ack\",\"entries\":%llu,\"seconds\":%.6f,\"entries_per_second\":%.0f,\"megabytes_per_second\":%.3f,",
         ack_count, seconds, ack_count / seconds, byte_count / 1e6 / seconds);
  print_latencies();
  printf("\"client\":{\"cpu_seconds\":%.6f}}\n", cpu_seconds() - before);
  return 0;
}
