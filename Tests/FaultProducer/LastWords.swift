import FaultMessages
import Glibc
import LogsClient

/// Logs some entries and ends without a shutdown: by `exit`, or by returning from `main`.
struct LastWords {
  private let settings: Settings

  init(_ settings: Settings) { self.settings = settings }

  func say() async throws {
    let producer = try settings.makeProducer(whenFull: .dropNewest, reportsDrops: true)
    // The first entry is sent at once; the others linger.
    for number in settings.from...settings.last {
      producer.log(FaultEntry(producer: settings.producer, number: number).entry)
    }
    if settings.exits { withExtendedLifetime(producer) { exit(0) } }
    // A logger lives as long as its program.
    Self.kept = producer
  }

  nonisolated(unsafe) private static var kept: LogProducer?
}
