import FaultMessages
import Glibc
import LogsClient

/// A test's settings for its producer.
struct RunConfiguration {
  let server: String
  let stream: StreamName
  /// Nil for a producer without a spool.
  private(set) var spool: String?
  /// The producer of the entries.
  private(set) var producer = 1
  /// The first and last number to be handed over.
  private(set) var from = 1
  private(set) var last = 1_000
  private(set) var seed: UInt64 = 1
  /// The most entries of one call.
  private(set) var pieceCountMax = 50
  /// Whether all calls are `submit`; otherwise each is one of several.
  private(set) var submitsOnly = false
  /// The longest pause between two calls, in milliseconds.
  private(set) var pauseMax = 0
  /// Calls a second, and for how long, of a rate run.
  private(set) var rate = 100_000
  private(set) var seconds = 1
  /// Whether the last entries are followed by `exit`; otherwise by the end of `main`.
  private(set) var exits = false
  /// Bytes that may wait in memory; nil leaves it to the SDK.
  private(set) var queueByteCountMax: Int?

  init(_ words: some Sequence<String>) throws {
    var values: [String: String] = [:]
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { throw UsageError("'\(word)' is not of the form name=value") }
      values[String(parts[0])] = String(parts[1])
    }
    func take(_ name: String) -> String? { values.removeValue(forKey: name) }
    func number(_ name: String) throws -> Int? {
      guard let text = take(name) else { return nil }
      guard let number = Int(text) else { throw UsageError("\(name) takes a number, not '\(text)'") }
      return number
    }
    guard let server = take("server"), let stream = take("stream") else {
      throw UsageError("server and stream must be given")
    }
    self.server = server
    self.stream = try StreamName(stream)
    spool = take("spool")
    producer = try number("producer") ?? producer
    from = try number("from") ?? from
    last = try number("last") ?? last
    seed = UInt64(try number("seed") ?? 1)
    pieceCountMax = try number("pieces") ?? pieceCountMax
    submitsOnly = take("calls") == "submit"
    pauseMax = try number("pause") ?? pauseMax
    rate = try number("rate") ?? rate
    seconds = try number("seconds") ?? seconds
    queueByteCountMax = try number("queue")
    exits = take("end") == "exit"
    if let name = values.keys.min() { throw UsageError("there is no setting '\(name)'") }
  }

  /// A producer with these settings, which reports anything that must not happen.
  func makeProducer(whenFull: LogProducerConfiguration.WhenFull, reportsDrops: Bool) throws -> LogProducer {
    var client = LogClientConfiguration(servers: [server], name: "faultproducer \(producer)")
    client.caCertificateFile = getenv("LOGS_CA_CERT").map { String(cString: $0) }
    // Servers are away only for moments, or come back at a measured moment.
    client.backoff = Backoff(base: .milliseconds(20), cap: .milliseconds(300))
    client.connectTimeout = .seconds(2)
    var configuration = LogProducerConfiguration()
    configuration.whenFull = whenFull
    if let queueByteCountMax { configuration.queueByteCountMax = queueByteCountMax }
    configuration.spool = spool.map { SpoolConfiguration(directory: $0) }
    configuration.onEvent = { event in
      if case .dropped = event, !reportsDrops { return }
      Output.write(.failed("\(event)"))
    }
    return try LogProducer(try LogClient(client), stream: stream, configuration: configuration)
  }
}
