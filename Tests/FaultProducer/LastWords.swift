import FaultMessages
import Glibc
import LogsClient

/// Logs some entries and ends without a shutdown: by `exit`, or by returning from `main`.
struct LastWords {
  private let configuration: RunConfiguration

  init(_ configuration: RunConfiguration) { self.configuration = configuration }

  func say() async throws {
    let producer = try configuration.makeProducer(whenFull: .dropNewest, reportsDrops: true)
    // The first entry is sent at once; the others linger.
    for number in configuration.from...configuration.last {
      producer.log(FaultEntry(producer: configuration.producer, number: number).entry)
    }
    if configuration.exits { withExtendedLifetime(producer) { exit(0) } }
    // A logger lives as long as its program.
    Self.kept = producer
  }

  nonisolated(unsafe) private static var kept: LogProducer?
}
