internal import LogsClient
internal import LogsText
internal import LogsWire

/// `logs spool`: what a producer has accepted and the server has not answered.
enum SpoolCommand {
  static let command = Command(
    name: "spool", synopsis: "inspect|verify|drain DIR",
    summary: "look at a producer's spool, check it, or send what is in it",
    details: """
      inspect  lists the streams with batches in the spool DIR, even while a producer uses it
      verify   reads and checks every batch, and prints a line for each damage; exits with 0 if there is
               none, else with 1
      drain    sends everything to the server and waits until it is acknowledged; no producer may be using
               it

      inspect and verify change nothing. Damage need not be repaired by hand: the producer, and drain as
      well, continue with everything that can be read.
      """, options: options, run: run)

  static let actions = ["inspect", "verify", "drain"]

  private static let options = [Option.reportFormat] + TimeZoneOption.all

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 2 else {
      throw CommandError.usage("spool needs what to do and a directory; see logs help spool")
    }
    let directory = arguments.operands[1]
    switch arguments.operands[0] {
    case "inspect": return try inspect(directory, arguments)
    case "verify": return try verify(directory)
    case "drain": return try await drain(directory, arguments)
    case let other: throw CommandError.notOne(other, of: actions, for: "spool")
    }
  }

  private static func verify(_ directory: String) throws -> Int32 {
    let report = try SpoolReport.inspect(directory, verifying: true)
    noteKept(report)
    if report.damage.isEmpty {
      let path = PrintableText.escaped(report.path)
      try Terminal.write(line: "\(path) is intact: \(Self.size(report))")
      return ExitCode.done
    }
    for sentence in report.damage { try Terminal.write(line: PrintableText.escaped("\(report.path): \(sentence)")) }
    return ExitCode.failed
  }

  private static func drain(_ directory: String, _ arguments: Arguments) async throws -> Int32 {
    // Fails if there is no spool: a producer would create one.
    _ = try SpoolReport.inspect(directory)
    let patience = try ConnectionOptions.patience(arguments, else: nil)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let watch = ProducerWatch(hasSpool: true, stream: nil)
    var configuration = LogProducerConfiguration()
    configuration.spool = SpoolConfiguration(directory: directory)
    configuration.handsOverAtExit = false
    // What an operator can mend is no reason to lose what is in the spool.
    configuration.waitsForPermission = true
    configuration.onEvent = { watch.note($0) }
    // Nothing is added: every batch in the spool names its stream.
    let producer = try LogProducer(client, stream: StreamName("drain"), configuration: configuration)
    var failure: (any Error)?
    let progress = ProgressWatch(client, patience: patience) {
      ProgressWatch.Progress(producer.counts, held: watch.held)
    }
    do { try await progress.run { try await watch.drain(producer) } } catch { failure = error }
    notices.end()
    await producer.shutdown(deadline: .zero)
    await client.shutdown(deadline: .seconds(1))
    let counts = producer.counts
    watch.noteRefusals()
    let left = counts.waiting == 0 ? "" : ", \(Figures.count(counts.waiting, "is", "are")) left"
    Terminal.note("\(directory): \(Figures.count(counts.acknowledged, "entry", "entries")) acknowledged\(left)")
    if let failure { throw failure }
    return counts.refused + counts.dropped == 0 ? ExitCode.done : ExitCode.failed
  }

  private static func inspect(_ directory: String, _ arguments: Arguments) throws -> Int32 {
    let format = try arguments.reportFormat()
    let zone = try TimeZoneOption.zone(arguments) ?? .local
    let spool = try SpoolReport.inspect(directory)
    if format == .table { noteState(spool) }
    let table = Table(spool.streams, columns, zone: zone)
    try Report(table: table, records: [record(spool)]).write(format)
    return ExitCode.done
  }

  private static func noteState(_ spool: SpoolReport) {
    let use = spool.isInUse ? spool.owner.map { ", in use by process \($0)" } ?? ", in use" : ", not in use"
    Terminal.note(
      """
      \(spool.path): producer \(spool.producer?.description ?? "unknown")\(use), \(size(spool)), \
      \(Figures.count(spool.byteCount, "byte", "bytes"))
      """
    )
    for sentence in spool.damage { Terminal.note("\(spool.path): \(sentence)") }
    noteKept(spool)
  }

  private static func size(_ spool: SpoolReport) -> String {
    let batches = Figures.count(spool.batchCount, "batch", "batches")
    return "\(batches) with \(Figures.count(spool.entryCount, "entry", "entries"))"
  }

  private static func noteKept(_ report: SpoolReport) {
    for path in report.keptAside { Terminal.note("\(path) was found damaged earlier and is kept") }
  }

  private static var columns: [Report.Column<SpoolReport.Stream>] {
    [
      Report.Column("name", "NAME") { .text($0.stream.text) },
      .count("batches", "BATCHES") { UInt64($0.batchCount) }, .count("entries", "ENTRIES", \.entryCount),
      .count("bytes", "BYTES") { UInt64($0.byteCount) }, .count("first_number", "FIRST", \.firstNumber),
      .count("last_number", "LAST", \.lastNumber),
      Report.Column("oldest_accepted", "OLDEST") { .time($0.oldestAccepted) },
    ]
  }

  private static func record(_ spool: SpoolReport) -> Datum {
    let owner = spool.isInUse ? spool.owner : nil
    return .record([
      ("path", .text(spool.path)), ("producer", spool.producer.map { .text($0.description) } ?? .none),
      ("in_use", .flag(spool.isInUse)), ("process", owner.map { .count(UInt64($0)) } ?? .none),
      ("batches", .count(UInt64(spool.batchCount))), ("entries", .count(spool.entryCount)),
      ("bytes", .count(UInt64(spool.byteCount))), ("streams", .list(Report.records(spool.streams, columns))),
      ("damage", .list(spool.damage.map { .text($0) })), ("kept_aside", .list(spool.keptAside.map { .text($0) })),
    ])
  }
}
