internal import Glibc
internal import LogsStore
internal import LogsText
internal import LogsWire

/// How lines of the server's own log look.
struct LogForm: Sendable {
  enum Format: String, CaseIterable, Sendable {
    /// `2026-01-10T12:00:00.123Z warn the disk is full`
    case text
    /// `{"time":"2026-01-10T12:00:00.123Z","level":"warn","message":"the disk is full"}`
    case json
  }

  var format = Format.text
  /// Whether systemd's journal reads them. It has the time, and takes the level from a prefix: `<4>the disk is full`
  /// (sd-daemon(3)).
  var isForJournal = false

  /// - Parameter time: nanoseconds since 1970.
  /// - Returns: one line without its end, harmless on a terminal.
  func line(_ line: LogLine, time: Int64) -> String {
    let prefix = isForJournal ? "<\(line.level.priority)>" : ""
    switch format {
    case .json:
      var json = JSONWriter()
      json.object { json in
        json.key("time")
        json.string(Self.timestamp(time))
        json.key("level")
        json.string(line.level.rawValue)
        json.key("message")
        json.string(line.text)
      }
      return prefix + String(decoding: json.bytes, as: UTF8.self)
    case .text:
      let text = PrintableText.escaped(line.text)
      return isForJournal ? prefix + text : "\(Self.timestamp(time)) \(line.level.rawValue) \(text)"
    }
  }

  /// RFC 3339 in UTC, to the millisecond.
  private static func timestamp(_ time: Int64) -> String { "\(Timestamp.rfc3339(time).prefix(23))Z" }

  /// Whether `file` is the stream to the journal that systemd has given to the process: `JOURNAL_STREAM` names its
  /// device and inode. It is inherited by processes whose stderr leads elsewhere.
  static func isJournal(_ file: Int32, _ environment: [String: String]) -> Bool {
    guard let stream = environment["JOURNAL_STREAM"] else { return false }
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else { return false }
    return stream == "\(status.st_dev):\(status.st_ino)"
  }
}

extension LogLine.Level {
  /// Of syslog(3).
  fileprivate var priority: Int {
    switch self {
    case .error: 3
    case .warn: 4
    case .notice: 5
    case .info: 6
    }
  }

  /// As the level of an entry.
  var severity: LogSeverity {
    switch self {
    case .error: .error
    case .warn: .warning
    case .notice: .notice
    case .info: .info
    }
  }
}
