internal import LogsClient
internal import LogsText
internal import LogsWire

/// `logs export`: whole streams with everything that their entries have.
enum ExportCommand {
  static let command = Command(
    name: "export", synopsis: "STREAM... [FILTER]",
    summary: "write all that streams hold, for other programs or for logs import",
    details: """
      Writes every entry of the streams that is stored now, one stream after the other, each in the order of
      its numbers, with everything that an entry has. STREAM may be a pattern: see logs help follow. FILTER
      and the flags choose entries as they do for logs query.

      The lines of --jsonl hold bytes that are not UTF-8 and values that JSON has no form for, too, so that
      logs import makes the same entries of them. --csv has the same columns, for spreadsheets. --sqlite
      writes a database with the table entries as logsd sql has it. docs/export.md has every field.

      What retention has trimmed or somebody has deleted is no longer there. What is lost is said on stderr;
      with --strict, export then exits with 5.
      """, options: options, run: run)

  private static let options =
    [
      Option("jsonl", help: "an object a line, to stdout (default)"),
      Option("csv", help: "comma-separated values with a line of names, to stdout"),
      Option("sqlite", form: "FILE", help: "a new SQLite database"),
    ] + RangeOptions.all + FilterOptions.all + [
      Option("strict", help: "exit with 5 when entries are lost: damaged or their file is missing")
    ]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    let forms = ["jsonl", "csv", "sqlite"].filter(arguments.has)
    if forms.count > 1 {
      throw CommandError.usage("--\(forms[0]) and --\(forms[1]) exclude each other: export writes one form")
    }
    if arguments.value("sqlite") == "" { throw CommandError.usage("--sqlite takes a file") }
    if arguments.value("sqlite") == "-" {
      throw CommandError.usage("--sqlite takes a file, not -: a database cannot be written to stdout; ./- is a file -")
    }
    let operands = try StreamOperands(arguments, of: "export")
    let shown = try FilterOptions.filter(arguments, operand: operands.filter)
    let range = try RangeOptions.filter(arguments)
    let filter = try range.map { try shown?.and($0) ?? $0 } ?? shown
    let patience = try ConnectionOptions.patience(arguments, else: .zero)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let isStrict = arguments.has("strict")
    let (isCSV, file) = (arguments.has("csv"), arguments.value("sqlite"))
    let gaps = GapNotices()
    let code = try await Terminal.whileRead {
      do {
        _ = try await QueryCommand.check(operands, client, isStrict: isStrict)
        let streams = try await streams(operands.selectors, client)
        let export = Export(try file.map { try .database(DatabaseExport($0)) } ?? (isCSV ? .csv : .jsonl))
        do {
          for stream in streams {
            let entries = client.query([.stream(stream)], filter: filter, onGap: .report { gaps.note($0) })
            guard try await export.write(entries) else { break }
          }
          try Task.checkCancellation()
          try await export.finish()
        } catch {
          await export.giveUp()
          throw error
        }
        let found = await export.found
        let entries = Figures.count(found.entryCount, "entry", "entries")
        Terminal.note("\(entries) of \(Figures.count(found.streamCount, "stream", "streams")) exported")
        return isStrict && gaps.count > 0 ? ExitCode.dataMissing : ExitCode.done
      } catch is CancellationError {
        // Nobody reads stdout any more, or a signal came, which decides about the exit code.
        return ExitCode.done
      } catch let error as LogError where error.code == .cancelled {
        return ExitCode.done
      }
    }
    await client.shutdown(deadline: .seconds(1))
    return code
  }

  /// In the order of their names, however many.
  private static func streams(_ selectors: [StreamSelector], _ client: LogClient) async throws -> [StreamName] {
    var names: Set<StreamName> = []
    for selector in selectors {
      switch selector {
      case .stream(let name): names.insert(name)
      case .pattern(let pattern):
        for stream in try await client.streams(matching: pattern) { names.insert(stream.stream) }
      }
    }
    return names.sorted()
  }
}
