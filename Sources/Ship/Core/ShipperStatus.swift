package import LogsClient
internal import LogsText
internal import LogsWire

/// How far a shipper is: what `logs ship status` shows.
package struct ShipperStatus: Sendable {
  package struct SourceStatus: Hashable, Sendable {
    package let name: String
    package let lag: SourceLag
  }

  /// A stream that the server refuses until somebody mends it.
  package struct Held: Hashable, Sendable {
    package let stream: StreamName
    package let reason: String
  }

  /// When it was so, in ns since 1970.
  package let time: Int64
  package let commit: SpoolConfiguration.Commit
  package let shipped: ShipperCounts
  package let producer: ProducerCounts
  package let held: [Held]
  package let sources: [SourceStatus]

  /// One line, for a service manager.
  package var line: String {
    let behind = sources.reduce(0) { $0 + ($1.lag.byteCount ?? 0) }
    let refused = producer.refused == 0 ? "" : "\(producer.refused) refused, "
    let waiting = held.isEmpty ? "" : ", \(Figures.count(held.count, "stream", "streams")) held back"
    return """
      \(Figures.count(shipped.entryCount, "entry", "entries")) read, \(producer.acknowledged) acknowledged, \
      \(refused)\(producer.waiting) to be acknowledged\(waiting), \(behind) bytes to be read
      """
  }

  /// The same as an entry of the shipper's own stream.
  var entry: LogEntry {
    func integer(_ value: UInt64) -> AttributeValue { .integer(Int64(clamping: value)) }
    return LogEntry(
      message: ByteString(line), time: time, severity: .info, source: "logs ship",
      attributes: [
        LogAttribute("entries_shipped", integer(shipped.entryCount)),
        LogAttribute("bytes_shipped", integer(shipped.byteCount)),
        LogAttribute("entries_waiting", integer(producer.waiting)),
        LogAttribute("entries_refused", integer(producer.refused)),
      ])
  }

  /// As JSON: one object, in one line.
  package func json(process: Int32) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      func count(_ key: String, _ value: UInt64) {
        writer.key(key)
        writer.number(value)
      }
      writer.key("time")
      writer.time(time)
      writer.key("process")
      writer.number(Int64(process))
      writer.key("commit")
      writer.string(commit.rawValue)
      count("entries_shipped", shipped.entryCount)
      count("entries_acknowledged", producer.acknowledged)
      count("entries_waiting", producer.waiting)
      count("entries_refused", producer.refused)
      count("bytes_waiting", UInt64(clamping: producer.waitingByteCount))
      writer.key("held_back")
      writer.array { writer in
        for held in held {
          writer.object { writer in
            writer.key("stream")
            writer.string(held.stream.description)
            writer.key("reason")
            writer.string(held.reason)
          }
        }
      }
      writer.key("sources")
      writer.array { writer in for source in sources { Self.write(source, &writer) } }
    }
    writer.newline()
    return writer.bytes
  }

  private static func write(_ source: SourceStatus, _ writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("name")
      writer.string(source.name)
      writer.key("readers")
      writer.number(UInt64(source.lag.readerCount))
      writer.key("bytes_behind")
      if let count = source.lag.byteCount { writer.number(count) } else { writer.null() }
      writer.key("files_lost")
      writer.number(source.lag.lostFileCount)
      writer.key("time_last")
      if source.lag.timeLast != 0 { writer.time(source.lag.timeLast) } else { writer.null() }
    }
  }
}
