internal import Glibc
internal import LogsClient
internal import LogsSystem
internal import LogsText

/// `logs follow`: the last entries of streams, then live.
enum FollowCommand {
  static let command = Command(
    name: "follow", synopsis: "STREAM... [FILTER]",
    summary: "show the last entries of streams, then new ones as they come",
    details: """
      Shows the last 10 entries of each stream and then new ones, until it is interrupted or all the
      streams are complete. STREAM may be a pattern: * matches any characters except /, ** any characters,
      ? one character, {a,b} one of these words; quote it. follow reconnects after restarts of the server
      and broken links, without losing or repeating an entry. It ends when nobody reads its stdout any
      more. A stream that does not exist yet is waited for.

      FILTER, -l, -g, -v and --source show only some of the entries; -n and --limit count those. With -n N
      and --since, it begins with the last N of those at or after that time. Several streams are merged by
      time: what is stored as a whole with --until-head and --reverse, else while streams catch up, when an
      entry waits 200 ms, or until something more comes; not with --cursor-file. logs help query and
      docs/searching.md say more.

      -A, -B and -C also show entries around those that FILTER, -l, -g, -v and --source let through, by
      number, in the same stream, as logs query does; those after one are shown as they come. Not with
      --cursor-file, --no-merge or --until.

      With --until, --until-seq, --until-head or --reverse it begins with the first entry, unless -n,
      --from-seq or --since says otherwise. An empty cursor file counts as none. When the reader of a pipe
      goes away, the cursor stays at the last line that it has read.

      short and json print one line for each entry: newlines, other control characters and characters
      that change the direction of text are escaped (\\n, \\x1b, \\u{202e}; \\u202e in json). Bytes that
      are not UTF-8 are shown as \\x9b in short and as U+FFFD in json. Only on a terminal does short show
      the lines of a message below each other. docs/output.md shows all forms.
      """, options: options, run: run)

  private static let options =
    [
      Option(
        "tail", ["n", "lines"], form: "N",
        help: "begin with the last N entries of each stream, or 'all' (default 10)"),
      Option("from-seq", form: "N", help: "begin with sequence number N"),
      Option("since", ["S"], form: "T", help: "begin with the first entry of each stream at or after time T"),
      Option("until", ["U"], form: "T", help: "end before the first entry of each stream after time T"),
      Option("cursor-file", form: "FILE", help: "begin after the cursor in FILE if it exists, and keep it current"),
      Option("until-head", help: "end when everything stored at the start has been shown"),
      Option("until-seq", form: "N", help: "end after sequence number N of each stream"),
      Option("limit", form: "N", help: "end after N entries"),
      Option("reverse", ["r"], help: "newest first, and end at the oldest"),
      Option("no-merge", help: "show entries of several streams as they come, not in the order of their times"),
      Option("follow", ["f"], help: "the same as without it: follow always does"),
      Option("strict", help: "exit with 5 when entries asked for were trimmed, deleted or lost"),
    ] + FilterOptions.all + ContextOptions.all + OutputOptions.all

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    let operands = try StreamOperands(arguments, of: "follow")
    let selectors = operands.selectors
    let filter = try FilterOptions.filter(arguments, operand: operands.filter)
    let cursorFile = arguments.value("cursor-file")
    var cursor = LogCursor()
    var hasCursor = false
    let store = try cursorFile.map { try FileCheckpointStore(path: $0) }
    if let found = try await store?.load() {
      cursor = found
      hasCursor = true
    }
    if let cursorFile { try checkDirectory(of: cursorFile) }
    let end = FollowEnd(
      atHead: arguments.has("until-head"), sequence: try arguments.number("until-seq", atLeast: 1),
      time: try arguments.time("until"),
      limit: try arguments.number("limit", atLeast: 1))
    let isReverse = arguments.has("reverse")
    // With an end or a cursor, everything up to there is wanted; a stream that is not in the cursor is new to this
    // follower.
    let defaultStart: FollowStart =
      hasCursor || isReverse || end.atHead || end.sequence != nil || end.time != nil ? .first : .last(defaultTail)
    let start = try start(arguments) ?? defaultStart
    let tail = try tailSince(arguments)
    if isReverse, cursorFile != nil {
      throw CommandError.usage("\(arguments.written("reverse")) and --cursor-file exclude each other")
    }
    let namesStreams = StreamOperands.mayBeSeveral(selectors)
    let writer = try EntryWriter(arguments, namesStreams: namesStreams, filter: filter)
    let patience = try ConnectionOptions.patience(arguments, else: nil)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }

    let isStrict = arguments.has("strict")
    let context = try context(arguments)
    let merges = namesStreams && !arguments.has("no-merge")
    let printer = FollowPrinter(writer: writer, showsStreams: namesStreams, merges: merges)
    // What is stored is merged as a whole; a cursor in a file follows each stream by itself.
    let mergesAll = merges && cursorFile == nil && (end.atHead || isReverse)
    let merger = mergesAll ? QueryPrinter(writer: try EntryWriter(arguments, namesStreams: true, filter: filter)) : nil
    let code = try await Terminal.whileRead { [cursor, hasCursor] in
      do {
        if let code = try await missing(client, operands, mayWait: !end.atHead && !isReverse, isStrict: isStrict) {
          return code
        }
        let cursor = hasCursor ? cursor : try await tail?.cursor(client, selectors, filter) ?? cursor
        if let context, let filter {
          let gaps = GapNotices()
          let stored = client.merged(
            selectors, from: start, until: end, cursor: cursor, isReverse: isReverse, filter: filter,
            onGap: .report { gaps.note($0) }
          ).context(before: context.before, after: context.after)
          let printer = ContextPrinter(
            writer: try EntryWriter(arguments, namesStreams: namesStreams, filter: filter), filter: filter, context,
            limit: end.limit, showsStreams: namesStreams)
          var isWhole = true
          if let next = try await printer.print(stored), !end.atHead, !isReverse {
            // A stream that is not in the cursor is new since the search.
            isWhole = try await printer.print(
              client.follow(
                selectors, from: start.ofNewStreams, until: FollowEnd(sequence: end.sequence), cursor: next))
          }
          return isWhole && gaps.count == 0 || !isStrict ? ExitCode.done : ExitCode.dataMissing
        }
        if let merger, try await client.canQuery(selectors, filter: filter) {
          let gaps = GapNotices()
          let stored = client.merged(
            selectors, from: start, until: end, cursor: cursor, isReverse: isReverse, filter: filter,
            onGap: .report { gaps.note($0) })
          _ = try await merger.print(stored)
          return gaps.count == 0 || !isStrict ? ExitCode.done : ExitCode.dataMissing
        }
        if mergesAll { Terminal.note("these are too many streams to be merged: each is shown by itself") }
        let subscription = client.follow(
          selectors, from: start, until: end, cursor: cursor, isReverse: isReverse, filter: filter)
        let isWhole = try await printer.print(subscription, store.map { CursorKeeper($0, cursor: cursor) })
        return isWhole || !isStrict ? ExitCode.done : ExitCode.dataMissing
      } catch let error as LogError where error.code == .refused(.cursorAhead) {
        guard !hasCursor, case .from(let number) = start,
          let sentence = try await BeyondHead.sentence(from: number, selectors, client)
        else { throw error }
        throw CommandError("\(sentence); leave it out, or write -n 0 to wait for new entries")
      } catch let error as LogError where error.code == .cancelled {
        // Nobody reads stdout any more, or a signal came, which decides about the exit code.
        return ExitCode.done
      }
    }
    await client.shutdown(deadline: .seconds(1))
    return code
  }

  /// What `-A`, `-B` and `-C` ask for; nil without them.
  private static func context(_ arguments: Arguments) throws(CommandError) -> ContextOptions? {
    guard let context = try ContextOptions(arguments) else { return nil }
    let isStored = arguments.has("until-head") || arguments.has("reverse")
    for other in ["cursor-file", "no-merge"] + (isStored ? [] : ["until"]) where arguments.has(other) {
      let remedy = other == "until" ? ": add --until-head, or use logs query" : ""
      throw .usage("-A, -B and -C do not go with \(arguments.written(other))\(remedy)")
    }
    return context
  }

  /// Says which streams are named and do not exist, and which patterns match none. A pattern alone may match none.
  ///
  /// - Parameter mayWait: whether the follow waits for them; otherwise they are a failure.
  /// - Returns: the exit code, if that is the end of it.
  private static func missing(
    _ client: LogClient, _ operands: StreamOperands, mayWait: Bool, isStrict: Bool
  ) async throws -> Int32? {
    let names = try await client.missing(of: operands.selectors)
    let idle = try await IdlePatterns.find(operands, client)
    let isFailure = !mayWait && (!names.isEmpty || idle.map { $0.isBesideOthers || isStrict } == true)
    if !names.isEmpty {
      let streams = try await MissingStreams(names, client)
      Terminal.note(mayWait ? streams.waiting(in: operands) : streams.absent(in: operands), isError: isFailure)
    }
    if let idle { Terminal.note(mayWait ? idle.waiting : idle.absent, isError: isFailure) }
    guard isFailure else { return nil }
    return isStrict ? ExitCode.dataMissing : ExitCode.failed
  }

  /// Fails before anything is shown if the cursor could not be saved.
  private static func checkDirectory(of path: String) throws(CommandError) {
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard unsafe access(directory, W_OK) == 0 else {
      throw CommandError(
        """
        cannot keep a cursor in \(path): \(directory): \(SystemError.last.text); name a file in a directory that you \
        may write to
        """
      )
    }
  }

  /// Where the flags say to begin; nil when none does.
  private static func start(_ arguments: Arguments) throws(CommandError) -> FollowStart? {
    let sequence = try arguments.number("from-seq", atLeast: 1)
    let time = try arguments.time("since")
    let tail = arguments.value("tail")
    if sequence != nil, time != nil || tail != nil {
      throw .usage("--from-seq says where to begin: leave out \(arguments.written(time != nil ? "since" : "tail"))")
    }
    if let sequence { return .from(sequence) }
    if let time { return tail == nil || tail == "all" ? .since(time) : .first }
    switch tail {
    case nil: return nil
    case "all": return .first
    case "0": return .now
    case let tail?:
      return .last(try count(tail, arguments))
    }
  }

  /// What `-n N --since T` asks for; nil without both.
  private static func tailSince(_ arguments: Arguments) throws(CommandError) -> TailSince? {
    guard let tail = arguments.value("tail"), tail != "all", let time = try arguments.time("since") else { return nil }
    if arguments.has("reverse") {
      let (reverse, since, tail) = (
        arguments.written("reverse"), arguments.written("since"), arguments.written("tail")
      )
      throw .usage("with \(reverse) and \(since), write --limit N instead of \(tail)")
    }
    return TailSince(count: try count(tail, arguments), time: time)
  }

  private static func count(_ tail: String, _ arguments: Arguments) throws(CommandError) -> UInt64 {
    guard let count = UInt64(tail) else {
      throw .usage("\(arguments.written("tail")) takes a number or 'all', not '\(tail)'")
    }
    return count
  }

  private static let defaultTail: UInt64 = 10
}

extension FollowStart {
  /// Where streams begin that did not exist when the others did.
  fileprivate var ofNewStreams: FollowStart {
    switch self {
    case .from, .since: self
    case .first, .last, .now: .first
    }
  }
}
