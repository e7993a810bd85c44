internal import LogsStore
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// One setting: the same name as flag (`--segment-age 1h`), environment variable (`LOGSD_SEGMENT_AGE`) and line of the
/// configuration file (`segment-age = 1h`).
struct Setting: Sendable {
  let name: String
  /// What a value looks like; nil for a flag that needs none, and takes yes or no elsewhere.
  let form: String?
  /// What joins the values of a setting that may come several times; nil for others.
  var separator: String?
  let help: String
  let write: @Sendable (String, inout ServerConfiguration) throws(SettingError) -> Void
  let read: @Sendable (ServerConfiguration) -> String

  var flag: String { "--\(name)" }

  static let variablePrefix = "LOGSD_"

  var environmentVariable: String {
    Self.variablePrefix + String(name.map { $0 == "-" ? "_" : Character($0.uppercased()) })
  }

  static func named(_ name: String) -> Setting? { all.first { $0.name == name } }

  static let all = listening + general + retention + log

  private static let general: [Setting] = [
    Setting(
      name: "data", form: "DIR", help: "the data directory; made if it does not exist",
      write: { text, configuration throws(SettingError) in
        if text.isEmpty { throw SettingError("needs a directory") }
        configuration.dataDirectory = text
      }, read: { $0.dataDirectory }),
    count("shards", "event-loop threads", 1...256, \.shardCount),
    count("reader-threads", "threads that read segments for followers", 1...64, \.readerThreadCount),
    count("connections", "open connections", 1...1_000_000, \.connectionCountMax),
    count(
      "connections-per-address", "open connections of one address, loopback and Unix sockets excepted", 1...1_000_000,
      \.addressConnectionCountMax),
    rate(
      "append-rate", "bytes of batches that a client (its token, or else its address) may append in a second",
      \.clientAppendRates.byteCount),
    rate("append-rate-entries", "the same in entries", \.clientAppendRates.entryCount),
    rate(
      "append-rate-stream", "bytes of batches that all clients together may append to a stream in a second",
      \.streamAppendRates.byteCount),
    rate("append-rate-stream-entries", "the same in entries", \.streamAppendRates.entryCount),
    rate("new-streams", "streams that a client may create in a minute", \.newStreamCountMax, time: "minute"),
    count("queries-per-client", "queries of a client under way", 1...1_000, \.clientQueryCountMax),
    count("subscriptions", "open subscriptions on one connection", 1...65_535, \.subscriptionCountMax),
    count(
      "followed-streams", "streams of all subscriptions together, counted for each", 1...1_000_000_000,
      \.followedStreamCountMax),
    count("streams", "streams that may be created", 1...10_000_000, \.streamCountMax),
    bytes("append-bytes", "batches one connection may have in flight", (2 << 20)...(1 << 30), \.appendByteCountMax),
    count("append-batches", "the same in number", 1...65_536, \.appendBatchCountMax),
    bytes(
      "append-bytes-total", "batches all connections together may have in flight", (2 << 20)...(1 << 40),
      \.appendByteCountTotalMax),
    bytes(
      "output-bytes", "output that may wait for one connection before its followers read from the store again",
      (64 << 10)...(1 << 30), \.outputByteCountMax),
    bytes(
      "output-bytes-total", "the same for all connections together; beyond it each may have 16K",
      (1 << 20)...(1 << 40), \.outputByteCountTotalMax),
    duration("heartbeat", "silence after which either side sends a PING", \.heartbeat),
    duration("handshake-timeout", "how long the handshake may take", \.handshakeDurationMax),
    duration("output-timeout", "how long output may wait for a peer that takes none of it", \.outputStallDurationMax),
    Setting(
      name: "stop-advice", form: "none|come-back|go-elsewhere",
      help: "what clients with several servers do when this one stops: wait for it, or try the next one",
      write: { text, configuration throws(SettingError) in
        switch text {
        case "none": configuration.stopAdvice = nil
        case "come-back": configuration.stopAdvice = .comeBack
        case "go-elsewhere": configuration.stopAdvice = .goElsewhere
        default: throw SettingError("takes none, come-back or go-elsewhere, not '\(text)'")
        }
      },
      read: { configuration in
        switch configuration.stopAdvice {
        case nil: "none"
        case .comeBack: "come-back"
        case .goElsewhere: "go-elsewhere"
        }
      }),
    duration("drain-timeout", "how long a stop waits for clients to be told and acknowledged", \.drainDurationMax),
    count("tail-entries", "entries of each stream kept in memory for new followers", 0...1_000_000, \.tailEntryCount),
    bytes("tail-bytes", "memory for them, all streams together", 0...(1 << 40), \.tailByteCountMax),
    bytes(
      "journal-bytes", "size of the journal that small appends go through, 0 for none", (64 << 10)...(1 << 30),
      \.journalByteCount, orNone: true),
    bytes("segment-bytes", "size at which the next segment begins", (1 << 20)...(1 << 40), \.segmentByteCountMax),
    duration("segment-age", "age at which the next segment begins", \.segmentAgeMax),
    duration(
      "segment-idle", "time without appends after which the next segment begins, if this one has 8M or more",
      \.segmentIdleMax),
    duration(
      "rewrite-delay", "how long after a deletion its segments are rewritten: more may follow", \.rewriteDelay),
    count(
      "upkeep-cpu", "percent of a core that compacting segments may take, 0 to pause it", 0...100,
      \.upkeepProcessorPercent),
    duration("seal-timeout", "how long --seal waits until everything is sealed", \.sealDurationMax),
  ]

  typealias Path<Value> = any WritableKeyPath<ServerConfiguration, Value> & Sendable

  /// A file that need not be given.
  static func file(_ name: String, _ help: String, _ path: Path<String?>) -> Setting {
    Setting(
      name: name, form: "FILE", help: help,
      write: { text, configuration throws(SettingError) in configuration[keyPath: path] = text.isEmpty ? nil : text },
      read: { $0[keyPath: path] ?? "" })
  }

  /// Something that is done or not: as a flag it needs no value.
  static func toggle(_ name: String, _ help: String, _ path: Path<Bool>) -> Setting {
    Setting(
      name: name, form: nil, help: help,
      write: { text, configuration throws(SettingError) in
        switch text {
        case "", "yes", "true", "1": configuration[keyPath: path] = true
        case "no", "false", "0": configuration[keyPath: path] = false
        default: throw SettingError("takes yes or no, not '\(text)'")
        }
      }, read: { $0[keyPath: path] ? "yes" : "no" })
  }

  private static func count(_ name: String, _ help: String, _ range: ClosedRange<Int>, _ path: Path<Int>) -> Setting {
    Setting(
      name: name, form: "N", help: help,
      write: { text, configuration throws(SettingError) in
        guard let value = Int(text), range.contains(value) else {
          throw SettingError("'\(text)' is no number from \(range.lowerBound) to \(range.upperBound)")
        }
        configuration[keyPath: path] = value
      }, read: { String($0[keyPath: path]) })
  }

  /// - Parameter orNone: whether 0 is allowed besides the range, for none of it.
  private static func bytes(
    _ name: String, _ help: String, _ range: ClosedRange<Int>, _ path: Path<Int>, orNone: Bool = false
  ) -> Setting {
    Setting(
      name: name, form: "BYTES", help: help,
      write: { text, configuration throws(SettingError) in
        guard let value = ByteSize.parse(text), range.contains(value) || orNone && value == 0 else {
          throw SettingError(
            """
            '\(text)' is no size from \(ByteSize.format(range.lowerBound)) to \(ByteSize.format(range.upperBound))\
            \(orNone ? ", or 0" : ""); write it like 256M
            """
          )
        }
        configuration[keyPath: path] = value
      }, read: { ByteSize.format($0[keyPath: path]) })
  }

  /// Something in a second or another time, or no limit.
  private static func rate(
    _ name: String, _ help: String, _ path: Path<Int?>, time: String = "second"
  ) -> Setting {
    Setting(
      name: name, form: "N", help: "\(help); 'none' sets no limit",
      write: { text, configuration throws(SettingError) in
        if text == "none" {
          configuration[keyPath: path] = nil
          return
        }
        guard let value = ByteSize.parse(text), (1...(1 << 40)).contains(value) else {
          throw SettingError("'\(text)' is no number a \(time) of 1 or more; write it like 10M, or 'none'")
        }
        configuration[keyPath: path] = value
      }, read: { $0[keyPath: path].map { ByteSize.format($0) } ?? "none" })
  }

  private static func duration(_ name: String, _ help: String, _ path: Path<Duration>) -> Setting {
    Setting(
      name: name, form: "TIME", help: help,
      write: { text, configuration throws(SettingError) in
        guard let value = TimeSpan.parse(text) else {
          throw SettingError("'\(text)' is no time span; write it like 500ms, 10s, 5m, 24h or 14d")
        }
        configuration[keyPath: path] = value
      }, read: { TimeSpan.format($0[keyPath: path]) })
  }
}

/// A value that a setting, right or token cannot have, and why.
struct SettingError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
