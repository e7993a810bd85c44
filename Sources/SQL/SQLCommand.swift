internal import CSQLite
internal import Glibc
internal import LogsStore
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// `logsd sql`: a query over a data directory, whether the server runs or not.
package struct SQLCommand {
  private static let options = [
    Option("output", ["o"], form: "FORM", help: "table, json (an object a line) or csv [table]"),
    Option("rows", form: "N", help: "the most rows of the result [100000]"),
    Option("timeout", form: "TIME", help: "the longest that it may take [30s]"),
    Option("memory", form: "SIZE", help: "the most memory for sorting, groups and tables [256M]"),
    Option("help", ["h"], help: "this page"),
  ]

  static let help = """
    logsd sql - SQL over a data directory

    usage: logsd sql DIR QUERY [-o table|json|csv]

    QUERY is one SELECT in the SQL of SQLite; - reads it from stdin. Nothing is
    changed, and a server may run on the directory. The tables:

      entries(stream, seq, time, time_ns, received, received_ns, level,
              severity, source, kind, message, attributes)
      streams(stream, incarnation, first, last, entries, bytes,
              last_received, last_received_ns, state)
      counts(stream, minute, level, severity, entries)

    time is text in UTC, '2026-11-28 10:00:00.123456789', attributes JSON:
    attributes ->> 'status'. entries MATCH 'FILTER' takes the language of
    filters (logs help filters).

    \(TextTable.rows(options.map { ($0.synopsis, $0.help) }))

    Examples:
      logsd sql /var/lib/logs "select level, count(*) from entries
        where stream glob 'docker/*'
        and time > strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour') group by 1"
      logsd sql /var/lib/logs -o csv "select time, message from entries
        where entries match 'level>=warn timeout' order by time_ns"

    Exit codes: 0 done, 1 failed or more than a limit allows, 2 wrong usage.
    """

  private struct Failure: Error {
    let text: String
    let code: Int32

    static func usage(_ text: String) -> Failure { Failure(text: "\(text); see logsd sql --help", code: 2) }
  }

  private let directory: String
  private let query: String
  private let format: SQLOutputFormat
  private let limits: SQLLimits

  /// The words after `sql`.
  package static func run(_ words: [String]) -> Int32 {
    do throws(Failure) {
      let arguments = try parsed(words)
      if arguments.has("help") || arguments.operands.first == "help" {
        try write(Array("\(help)\n".utf8))
        return 0
      }
      try SQLCommand(arguments).run()
      return 0
    } catch {
      say(error.text)
      return error.code
    }
  }

  private static func parsed(_ words: [String]) throws(Failure) -> Arguments {
    do { return try Arguments(words, options: options, help: "logsd sql --help") } catch {
      throw Failure(text: error.description, code: 2)
    }
  }

  private init(_ arguments: Arguments) throws(Failure) {
    guard let directory = arguments.operands.first else {
      throw .usage("name the data directory, and write a query behind it")
    }
    guard arguments.operands.count > 1 else { throw .usage("write a query behind the data directory, in quotes") }
    guard arguments.operands.count == 2 else {
      throw .usage("'\(arguments.operands[2])' is one word too many: put the query in quotes")
    }
    self.directory = directory
    query = arguments.operands[1] == "-" ? try Self.standardInput() : arguments.operands[1]
    let form = arguments.value("output") ?? SQLOutputFormat.table.rawValue
    guard let format = SQLOutputFormat(rawValue: form) else {
      let forms = SQLOutputFormat.allCases.map(\.rawValue)
      throw .usage("--output is one of \(forms.joined(separator: ", ")), not '\(form)'")
    }
    self.format = format
    var limits = SQLLimits()
    if let text = arguments.value("rows") {
      guard let count = Int(text), count > 0 else { throw .usage("--rows is a number above 0, not '\(text)'") }
      limits.rowCountMax = count
    }
    if let text = arguments.value("timeout") {
      guard let span = TimeSpan.parse(text) else {
        throw .usage("--timeout: '\(text)' is no time span; write it like 30s or 5m")
      }
      limits.durationMax = span
    }
    if let text = arguments.value("memory") {
      guard let size = ByteSize.parse(text), size >= Self.memoryByteCountMin else {
        throw .usage("--memory is a size of at least \(ByteSize.format(Self.memoryByteCountMin)), not '\(text)'")
      }
      limits.memoryByteCountMax = size
    }
    self.limits = limits
  }

  /// SQLite needs some to begin with.
  private static let memoryByteCountMin = 4 << 20

  private static func standardInput() throws(Failure) -> String {
    let input = Descriptor(adopting: STDIN_FILENO)
    do throws(SystemError) {
      // One more is refused with the others that are too long.
      return String(decoding: try input.readAll(atMost: Int(SQLLimits.textByteCountMax) + 1), as: UTF8.self)
    } catch {
      throw Failure(text: "cannot read the query from stdin: \(error.text)", code: 1)
    }
  }

  private func run() throws(Failure) {
    // Of all connections of the process: there is no other thread.
    _ = sqlite3_hard_heap_limit64(Int64(limits.memoryByteCountMax))
    let store: StoreReader
    do throws(StoreError) { store = try StoreReader(directory: directory) } catch {
      throw Failure(text: error.description, code: 1)
    }
    if let unseen = store.unseen { Self.say(unseen) }
    do throws(SQLFailure) {
      let connection = try SQLConnection(store, limits: limits)
      defer { for note in connection.notes { Self.say(note) } }
      try query(connection)
    } catch {
      throw Failure(text: error.description + Self.remedy(error), code: error.kind == .query ? 2 : 1)
    }
  }

  private static func remedy(_ failure: SQLFailure) -> String {
    failure.kind == .limit ? "; narrow the query, or see --rows, --timeout and --memory" : ""
  }

  private func query(_ connection: SQLConnection) throws(SQLFailure) {
    var writer = format.writer(
      byteCountMax: limits.memoryByteCountMax, isTerminal: isatty(STDOUT_FILENO) == 1)
    var output: [UInt8] = []
    // What there is before a failure is written, too: rows before a limit are right.
    defer { _ = try? Self.write(output) }
    try connection.query(query) { columns in
      writer.begin(columns, to: &output)
    } row: { row throws(SQLFailure) in
      try writer.append(row, to: &output)
      if output.count >= Self.outputByteCount {
        try Self.flush(&output)
      }
    }
    writer.end(to: &output)
    try Self.flush(&output)
  }

  /// What is written at once.
  private static let outputByteCount = 64 << 10

  private static func flush(_ output: inout [UInt8]) throws(SQLFailure) {
    do throws(Failure) { try write(output) } catch { throw SQLFailure(.store, error.text) }
    output.removeAll(keepingCapacity: true)
  }

  private static func write(_ bytes: [UInt8]) throws(Failure) {
    do throws(SystemError) { try Descriptor.write(bytes, to: STDOUT_FILENO) } catch {
      throw Failure(text: "cannot write to stdout: \(error.text)", code: 1)
    }
  }

  private static func say(_ text: String) {
    let line = Array("logsd sql: \(PrintableText.escaped(text))\n".utf8)
    // Nobody reads it anymore.
    do throws(SystemError) { try Descriptor.write(line, to: STDERR_FILENO) } catch { return }
  }
}
