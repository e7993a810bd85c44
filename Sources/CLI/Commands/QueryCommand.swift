internal import LogsClient
internal import LogsText
internal import LogsWire
internal import Synchronization

/// `logs query`: what is stored and passes a filter.
enum QueryCommand {
  static let command = Command(
    name: "query", synopsis: "STREAM... [FILTER]",
    summary: "find what is stored now and passes a filter, then end",
    details: """
      Finds entries of streams that are stored now, oldest first, and ends. Entries of several streams are
      merged by their times; inside a stream they come in the order of their numbers. STREAM may be a
      pattern: see logs help follow.

      FILTER comes after --. Without -- it is the last of several operands, if that cannot be the name of a
      stream or pattern, begins with a field and a colon (level:warn), or with any name and a colon and has
      * or ? (user:a*). A word that could be a stream is one: use -- or --filter for other words.

        logs query web -- timeout            messages with timeout in any case
        logs query web 'level>=warn'         at warn or above; also -l warn
        logs query web -- 'status>=500' -path~health
        logs query 'docker/*' --since 1h -g 'took \\d{4,}ms' -C 2

      docs/searching.md has the language. Every flag narrows further: an entry has to pass the filter, -l,
      one of the -g, none of the -v, one of the --source, and the times. Each entry is judged by its own
      time, so one wrong clock hides no other entry.

      -A, -B and -C also show entries around those found, by number, in the same stream. Groups are
      separated by -- in short; such entries have "context":true in json.

      On a terminal, entries are shown page by page, with $LOGS_PAGER, $PAGER or less -FRX; not with
      --no-pager, or where that is empty or cat.

      Exits with 1 when nothing was found, or when a stream that was named does not exist (5 with --strict).
      """, options: options, run: run)

  private static let options =
    [
      Option("limit", ["n"], form: "N", help: "end after N entries that were found"),
      Option("reverse", ["r"], help: "newest first"),
    ] + RangeOptions.all + FilterOptions.all + ContextOptions.all + [
      Option("strict", help: "exit with 5 when entries are lost: damaged or their file is missing"),
      Option("no-pager", help: "show it all at once on a terminal, too"),
    ] + QueryReport.options + OutputOptions.all

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    let operands = try StreamOperands(arguments, of: "query")
    let shown = try FilterOptions.filter(arguments, operand: operands.filter)
    let range = try RangeOptions.filter(arguments)
    let filter = try range.map { try shown?.and($0) ?? $0 } ?? shown
    let from = try arguments.number("from-seq", atLeast: 1)
    let report = try QueryReport.wanted(arguments)
    let print =
      try report.map { try reporting($0, arguments) } ?? printing(arguments, operands, highlighting: shown)
    let texts = FilterOptions.texts(arguments, operand: operands.filter)
    let patterns = arguments.values("grep")
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let isStrict = arguments.has("strict")
    // The writer has looked at the terminal already.
    let code = try await Pager.showing(if: report == nil && !arguments.has("no-pager")) {
      try await Terminal.whileRead {
        do {
          let isIdle = try await check(operands, client, isStrict: isStrict)
          let code = try await print(client, operands.selectors, filter)
          // Who was told to stop cannot say that nothing was found.
          if Task.isCancelled { return ExitCode.done }
          if isIdle { return code }
          if code == ExitCode.failed, let from,
            let sentence = try await BeyondHead.sentence(from: from, operands.selectors, client)
          {
            Terminal.note(sentence)
          } else if code == ExitCode.failed, let shown {
            if let hint = ForeignTerms.hint(texts, patterns: patterns) {
              Terminal.note(hint)
            } else if let hint = try await MissingAttributes.hint(shown, texts, client, operands.selectors, range) {
              Terminal.note(hint)
            }
          }
          return code
        } catch let error as LogError where error.code == .cancelled {
          // Nobody reads stdout any more, or a signal came, which decides about the exit code.
          return ExitCode.done
        }
      }
    }
    await client.shutdown(deadline: .seconds(1))
    return code
  }

  /// Shows something of what passes a filter; answers the exit code.
  private typealias Print = @Sendable (LogClient, [StreamSelector], Filter?) async throws -> Int32

  private static func printing(
    _ arguments: Arguments, _ operands: StreamOperands, highlighting shown: Filter?
  ) throws -> Print {
    let namesStreams = StreamOperands.mayBeSeveral(operands.selectors)
    let printer = QueryPrinter(writer: try EntryWriter(arguments, namesStreams: namesStreams, filter: shown))
    let context = try ContextOptions(arguments)
    let limit = try arguments.number("limit", atLeast: 1)
    let isReverse = arguments.has("reverse")
    let isStrict = arguments.has("strict")
    return { client, selectors, filter in
      let gaps = GapNotices()
      let query = client.query(
        selectors, filter: filter, limit: limit, isReverse: isReverse, onGap: .report { gaps.note($0) })
      let count: Int
      if let context {
        count = try await printer.print(query.context(before: context.before, after: context.after))
      } else {
        count = try await printer.print(query)
      }
      if isStrict, gaps.count > 0 { return ExitCode.dataMissing }
      return count > 0 ? ExitCode.done : ExitCode.failed
    }
  }

  private static func reporting(_ report: QueryReport, _ arguments: Arguments) throws -> Print {
    let format = try arguments.reportFormat()
    let zone = try TimeZoneOption.zone(arguments) ?? .local
    let isStrict = arguments.has("strict")
    return { client, selectors, filter in
      let result = try await report.result(selectors, filter: filter, zone: zone, client)
      if case .count = report, format == .table {
        // Alone, for scripts.
        try Terminal.write(line: "\(result.entryCount)")
      } else if result.entryCount > 0 {
        try report.report(of: result, zone: zone).write(format)
      }
      if result.missingCount > 0 {
        Terminal.note("not looked at, since missing: \(Figures.count(result.missingCount, "entry", "entries"))")
      }
      if result.isCapped { Terminal.note("there are more fields or values than are counted") }
      if isStrict, result.missingCount > 0 { return ExitCode.dataMissing }
      return result.entryCount > 0 ? ExitCode.done : ExitCode.failed
    }
  }

  /// A stream that was named and does not exist may be a mistake, or a filter, and so may a pattern that none matches
  /// beside others.
  ///
  /// - Returns: whether patterns alone match no stream, which is said.
  static func check(_ operands: StreamOperands, _ client: LogClient, isStrict: Bool) async throws -> Bool {
    let code = isStrict ? ExitCode.dataMissing : ExitCode.failed
    let missing = try await client.missing(of: operands.selectors)
    if !missing.isEmpty {
      throw CommandError(try await MissingStreams(missing, client).absent(in: operands), exitCode: code)
    }
    guard let idle = try await IdlePatterns.find(operands, client) else { return false }
    if idle.isBesideOthers || isStrict { throw CommandError(idle.absent, exitCode: code) }
    Terminal.note(idle.absent)
    return true
  }
}
