// Serve until SIGTERM or SIGINT, then hand over logged entries and end.
import Dispatch
import Glibc
import LogsClient

let client = try LogClient(LogClientConfiguration(name: "snippet"))
let producer = try LogProducer(client, stream: "service")

// On the main queue, which runs while the last line waits. The signals themselves must not end the process.
let sources = [SIGTERM, SIGINT].map { number in
  signal(number, SIG_IGN)
  return DispatchSource.makeSignalSource(signal: number, queue: .main)
}
for source in sources {
  source.setEventHandler {
    Task {
      producer.log(.notice, "ending")
      // Until everything is acknowledged, for at most ten seconds; with a spool the next process sends the rest.
      await producer.shutdown(deadline: .seconds(10))
    }
  }
  source.activate()
}

producer.log(.info, "serving", attributes: ["pid": getpid()])
// Returns when the producer has been shut down.
try await producer.run()
await client.shutdown()
