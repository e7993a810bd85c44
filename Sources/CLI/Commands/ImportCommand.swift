internal import LogsClient
internal import LogsText
internal import LogsWire
internal import Synchronization

/// `logs import`: appends what `logs export` has written.
enum ImportCommand {
  static let command = Command(
    name: "import", synopsis: "[FILE]",
    summary: "append what logs export has written to its streams",
    details: """
      Appends the entries of FILE, or of stdin, to the streams that they are of, with their times, levels,
      sources, messages, attributes and kinds. Entries get new numbers, behind those that a stream has. The
      entry that has completed a stream seals it again. FILE is what logs export --jsonl has written, also
      if gzip or zstd has compressed it; docs/export.md has its fields. A line that is no such entry ends
      import with 1; those before it are appended.

      An entry that came without a time gets the one at which it was received, since the new one would say
      nothing of it; with --untimed it stays without.

      An import that is run twice appends twice. With --spool DIR it does not: entries are written to DIR
      together with how far FILE has been read, and the next import of the same file with the same DIR goes
      on from there, whatever has ended the one before. DIR is for this import alone, and can be removed
      when it is done.
      """, options: options, run: run)

  private static let options = [
    Option("rename", form: "OLD=NEW", help: "append entries of the stream OLD to NEW; can be repeated"),
    Option("untimed", help: "leave entries that came without a time as they are"),
    Option("spool", form: "DIR", help: "go on with an import that has ended early, without repeating an entry"),
  ]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count <= 1 else {
      throw CommandError.usage("import takes one file; cat joins several: cat FILE... | logs import")
    }
    let renames = try renames(arguments.values("rename"))
    let watch = ProducerWatch(hasSpool: arguments.has("spool"), stream: nil)
    let isRefused = Atomic(false)
    var configuration = LogProducerConfiguration()
    configuration.whenFull = .wait
    // `import` drains the producer itself, and an interruption must end it at once.
    configuration.handsOverAtExit = false
    configuration.onEvent = { event in
      if case .refused = event { isRefused.store(true, ordering: .relaxed) }
      watch.note(event)
    }
    let directory = arguments.value("spool")
    if directory == "" { throw CommandError.usage("--spool takes a directory") }
    configuration.spool = directory.map { SpoolConfiguration(directory: $0) }
    var cutting = LineCutter.Configuration()
    cutting.lineByteCountMax = ImportReader.lineByteCountMax
    let lines = LineReader(paths: arguments.operands, cutting)
    try await lines.check()
    let patience = try ConnectionOptions.patience(arguments, else: nil)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    // Nothing goes there: each entry names its stream.
    let producer = try LogProducer(client, stream: StreamName("import"), configuration: configuration)
    let reader = ImportReader(renames: renames, keepsUntimed: arguments.has("untimed"))
    let isImported = Atomic(false)
    let patient = ProgressWatch(client, patience: patience) {
      let isWaiting = directory == nil || isImported.load(ordering: .relaxed) || watch.isSpoolFailing
      return ProgressWatch.Progress(producer.counts, isWaiting: isWaiting, standstill: watch.standstill)
    }
    var failure: (any Error)?
    do {
      try await patient.run {
        try await Import(lines, reader, producer, spool: directory).run()
        isImported.store(true, ordering: .relaxed)
      }
    } catch { failure = error }
    // What stands before a line that is wrong is appended all the same.
    if failure == nil || failure is CommandError {
      do { try await patient.run { try await watch.drain(producer) } } catch { failure = failure ?? error }
    }
    // From here on everything is given up: notices about it would say nothing new.
    notices.end()
    await producer.shutdown(deadline: .zero)
    await client.shutdown(deadline: .seconds(1))
    watch.noteRefusals()
    let counts = producer.counts
    let result = text(counts, reader, isWhole: failure == nil && !isRefused.load(ordering: .relaxed))
    if Task.isCancelled { Terminal.note("interrupted; \(result)", isError: true) }
    if let failure { throw PushFailure(cause: failure, progress: result + kept(counts, directory)) }
    Terminal.note(result, isError: isRefused.load(ordering: .relaxed))
    for name in reader.unusedRenames where reader.earlierCount == 0 {
      Terminal.note("no entry is of \(name), which --rename names")
    }
    return isRefused.load(ordering: .relaxed) ? ExitCode.failed : ExitCode.done
  }

  /// What was appended.
  private static func text(_ counts: ProducerCounts, _ reader: ImportReader, isWhole: Bool) -> String {
    let entries = Figures.count(counts.acknowledged, "entry", "entries")
    let before = reader.earlierCount
    let streams = Figures.count(UInt64(reader.streamCount), "stream", "streams")
    // Which streams an earlier import has read of is not known.
    let of = before == 0 ? " of \(streams)" : ""
    let numbers = counts.acknowledged == 0 ? "" : ", with new sequence numbers"
    let sealed = isWhole ? reader.sealCount : 0
    let seals = sealed == 0 ? "" : "; \(Figures.count(sealed, "stream is complete", "streams are complete"))"
    let earlier = before == 0 ? "" : "; an earlier import had read \(Figures.count(before, "line", "lines"))"
    return "\(entries)\(of) acknowledged\(numbers)\(seals)\(earlier)"
  }

  /// Says what stays on disk for the next import.
  private static func kept(_ counts: ProducerCounts, _ directory: String?) -> String {
    guard let directory else {
      return counts.acknowledged == 0 ? "" : "; importing the file again appends them again: --spool goes on instead"
    }
    return "; the next import of the file with --spool \(ShellWord.quoted(directory)) goes on"
  }

  private static func renames(_ words: [String]) throws -> [StreamName: StreamName] {
    var renames: [StreamName: StreamName] = [:]
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2 else {
        throw CommandError.usage("--rename takes two names, OLD=NEW, not '\(PrintableText.escaped(word))'")
      }
      let isServers = parts[0].utf8.first == UInt8(ascii: "$")
      let old = try isServers ? StreamName(server: parts[0]) : NamedStream.of(parts[0], for: "--rename")
      let new = try NamedStream.of(parts[1], for: "--rename")
      if let other = renames.updateValue(new, forKey: old), other != new {
        throw CommandError.usage("--rename says of \(old) that it is \(other), and that it is \(new)")
      }
    }
    return renames
  }
}
