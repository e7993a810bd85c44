// Append entries durably, and follow a stream live.
import LogsClient

let client = try LogClient(LogClientConfiguration(servers: ["logs://127.0.0.1:5647"], name: "snippet"))
// A new stream each time, since it is sealed at the end.
let stream = try StreamName("task/\(UInt64.random(in: 0 ... .max))")

// Returns when the entries are on disk. It may be called again after an error that is retryable.
let receipt = try await client.append(
  [
    LogEntry(message: "started", severity: .info),
    LogEntry(message: "slow query", severity: .warning, attributes: ["ms": 1250]),
  ], to: stream)
print("stored as \(receipt.sequences)")

// Many appends in flight at once: each call returns as soon as the entries are queued.
var pending: [PendingAppend] = []
for step in 1...100 {
  pending.append(try await client.submit([LogEntry(message: "step \(step)")], to: stream))
}
for append in pending { _ = try await append.receipt }

// The last entry: followers get an end.
_ = try await client.complete(stream, text: "done")

// The last ten entries, then whatever comes, across restarts of the server and broken links, until the stream is
// complete. Throws where entries are missing; `entries(onGap:)` goes on.
for try await entry in client.follow([.stream(stream)], from: .last(10)).entries {
  print(entry.entry.sequence, entry.entry.severity, entry.entry.text)
}

await client.shutdown()
