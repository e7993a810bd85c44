internal import LogsClient
internal import LogsText
internal import LogsWire

/// `logs delete`: deletes a stream, or a range of its entries.
enum DeleteCommand {
  static let command = Command(
    name: "delete", synopsis: "STREAM", summary: "delete a stream, or its entries from one sequence number to another",
    details: """
      Without a range the whole stream is deleted: its name is free afterwards, and the next entry has number 1
      again. With a range its entries go, and the numbers of the others stay as they are. Nothing brings deleted
      entries back.

      What goes is shown first, and on a terminal it asks. Entries of a range that come after that stay; those of a
      whole stream go as well.

      It takes a token or certificate with the right to delete, or the server's own user or root over its Unix socket:
      logsd --listen-unix PATH, here --server logs+unix://PATH.

      Exit codes: 0 deleted, or no entries to delete; 1 not deleted; 4 not allowed. If the connection breaks, the line
      on stderr says whether it may have been deleted.
      """, options: options, run: run)

  private static let options = [
    Option("before-seq", form: "N", help: "the entries before sequence number N"),
    Option("from-seq", form: "N", help: "the entries from sequence number N on"),
    Option("to-seq", form: "N", help: "the entries up to sequence number N"),
    Option("yes", help: "do not ask"), Option("dry-run", help: "only show what would go"), Option.reportFormat,
  ]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw CommandError.usage("delete needs one stream; see logs help delete")
    }
    let stream = try NamedStream.of(arguments.operands[0], for: "delete")
    let numbers = try numbers(arguments)
    let format = try arguments.reportFormat()
    let isDryRun = arguments.has("dry-run")
    if isDryRun, arguments.has("yes") { throw CommandError.usage("--yes and --dry-run exclude each other") }
    if !isDryRun, !arguments.has("yes"), !Terminal.canAsk {
      throw CommandError.usage("delete can ask nobody here: add --yes, or --dry-run to see what would go")
    }
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }

    var outcome = Outcome(
      stream: stream, isWhole: numbers == nil, isDryRun: isDryRun, summary: try await look(stream, numbers, client))
    Terminal.note(outcome.announcement(of: numbers))
    if !isDryRun, !outcome.isNothing {
      guard try arguments.has("yes") || Terminal.ask("Delete?") else {
        await client.shutdown(deadline: .seconds(1))
        Terminal.note("nothing was deleted")
        return ExitCode.failed
      }
      outcome.summary = try await delete(outcome, client)
    }
    await client.shutdown(deadline: .seconds(1))
    try Report([outcome], Outcome.columns, zone: .utc).write(format)
    return ExitCode.done
  }

  /// The range that the flags say; nil for the whole stream.
  static func numbers(_ arguments: Arguments) throws(CommandError) -> ClosedRange<UInt64>? {
    let before = try arguments.number("before-seq", atLeast: 2)
    let from = try arguments.number("from-seq", atLeast: 1)
    let to = try arguments.number("to-seq", atLeast: 1)
    if let before {
      guard from == nil, to == nil else { throw .usage("--before-seq excludes --from-seq and --to-seq") }
      return 1...before - 1
    }
    if from == nil, to == nil { return nil }
    let (first, last) = (from ?? 1, to ?? Limits.numberMax)
    guard first <= last else { throw .usage("the range \(first) to \(last) is empty: --from-seq is above --to-seq") }
    return first...last
  }

  private static func look(
    _ stream: StreamName, _ numbers: ClosedRange<UInt64>?, _ client: LogClient
  ) async throws -> DeletionSummary {
    do { return try await client.delete(stream, numbers: numbers, dryRun: true) } catch {
      guard error.code == .refused(.unknownStream) else { throw error }
      throw CommandError(try await MissingStreams([stream], client).absent)
    }
  }

  /// Deletes what was shown, and of a range nothing else.
  private static func delete(_ shown: Outcome, _ client: LogClient) async throws -> DeletionSummary {
    do {
      return try await client.delete(
        shown.stream, numbers: shown.isWhole ? nil : shown.summary.numbers, of: shown.summary.incarnation)
    } catch {
      if error.code == .refused(.streamReplaced) {
        throw CommandError("the name '\(shown.stream)' has another stream by now; nothing was deleted")
      }
      guard error.mayHaveTakenEffect else { throw error }
      var error = error
      error.message += "; run it again to see what is left"
      // An interrupted command prints no error.
      if error.code == .cancelled { Terminal.note(error.message) }
      throw error
    }
  }
}

extension DeleteCommand {
  /// What goes, or has gone.
  struct Outcome {
    let stream: StreamName
    let isWhole: Bool
    let isDryRun: Bool
    var summary: DeletionSummary

    /// Whether a deletion would change nothing. A stream without entries is still a stream.
    var isNothing: Bool { !isWhole && summary.numbers == nil }

    /// - Parameter wanted: the range that was asked for.
    func announcement(of wanted: ClosedRange<UInt64>?) -> String {
      let verb = isDryRun ? "would delete" : "deletes"
      let count = summary.entryCount
      let entries = summary.numbers.map { numbers in
        """
        \(Figures.count(count, "entry", "entries")) of '\(stream)' (\(numbers.lowerBound) to \(numbers.upperBound), \
        about \(ByteSize.rounded(summary.byteCount)) compressed)
        """
      }
      if isWhole {
        let what = entries.map { "\($0) and the stream itself" } ?? "the stream '\(stream)', which has no entries"
        return "\(verb) \(what): its name is free afterwards"
      }
      if let entries { return "\(verb) \(entries)" }
      let end = wanted.map { $0.upperBound == Limits.numberMax ? "on" : "to \($0.upperBound)" } ?? "on"
      return "nothing to delete: '\(stream)' has no entries from \(wanted?.lowerBound ?? 1) \(end)"
    }

    static var columns: [Report.Column<Outcome>] {
      [
        Report.Column("name", "NAME") { .text($0.stream.text) },
        Report.Column("incarnation", nil) { .text($0.summary.incarnation.description) },
        Report.Column("first", "FIRST", isNumber: true) { $0.summary.numbers.map { .count($0.lowerBound) } ?? .none },
        Report.Column("last", "LAST", isNumber: true) { $0.summary.numbers.map { .count($0.upperBound) } ?? .none },
        .count("entries", "ENTRIES", \.summary.entryCount), .count("bytes", "BYTES", \.summary.byteCount),
        Report.Column("whole", nil) { .flag($0.isWhole) }, Report.Column("dry_run", nil) { .flag($0.isDryRun) },
      ]
    }
  }
}
