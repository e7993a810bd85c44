// Follow many streams and resume after a restart of this process: nothing is missed and nothing comes twice.
import Glibc
import LogsClient

let path = "docker.cursor"
let client = try LogClient(LogClientConfiguration(name: "snippet"))
var cursor = try LogCursor(contentsOfFile: path) ?? LogCursor()

// `.now` applies to streams that the cursor does not know yet, on the first run.
let subscription = client.follow([.pattern("docker/*")], from: .now, cursor: cursor)

for try await event in subscription {
  switch event {
  case .batch(let batch): for entry in try batch.entries() { print(batch.stream, entry.sequence, entry.text) }
  case .skipped(let skip): print("\(skip.range) of \(skip.stream) are not delivered: \(skip.reason)")
  case .deleted(let stream): print("\(stream) was deleted")
  case .interrupted(let error): print("waiting for the server: \(error)")
  case .resumed(let cursor): print("going on at \(cursor)")
  case .behind(let count): print("\(count) entries behind")
  case .announced, .resolved, .live, .ended: break
  }
  // The cursor says what has been processed, so printed entries must be flushed before it.
  fflush(nil)
  // Past what has been dealt with, also past where a silent stream starts. The file is replaced as a whole.
  cursor.advance(past: event)
  try cursor.write(toFile: path)
}

await client.shutdown()
