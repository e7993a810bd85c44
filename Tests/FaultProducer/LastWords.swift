import FaultMessages
import Glibc
import LogsClient

/// Logs some entries and ends without another word: by `exit`, or by returning from `main`.
struct LastWords {
  private let settings: Settings

  init(_ settings: Settings) { self.settings = settings }

  func say() async throws {
    let producer = try settings.makeProducer(whenFull: .dropNewest, reportsDrops: true)
    // What is logged first goes out at once; it is the others that linger.
    for number in settings.from...settings.last {
      producer.log(FaultEntry(producer: settings.producer, number: number).entry)
    }
    if settings.exits { withExtendedLifetime(producer) { exit(0) } }
    // A logger lives as long as its program.
    Self.kept = producer
  }

  nonisolated(unsafe) private static var kept: LogProducer?
}
