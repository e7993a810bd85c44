internal import LogsClient
internal import LogsWire

/// `logs spool`: what a producer has accepted and the server has not answered.
enum SpoolCommand {
  static let command = Command(
    name: "spool", synopsis: "inspect|verify|drain DIR",
    summary: "look at a producer's spool, check it, or send what is in it",
    details: """
      inspect  lists the streams that wait in the spool DIR, also while a producer uses it
      verify   reads and checks every batch; each damage is a line; exit code 0 when all is intact, else 1
      drain    sends everything to the server and waits until it is acknowledged; for a spool that no producer uses

      inspect and verify change nothing. Nothing damaged need be mended by hand: the producer goes on with all that can be
      read, and so does drain.
      """, options: options, run: run)

  private static let options = [Option.factFormat, Option("utc", help: "show times in UTC")]

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 2 else {
      throw CommandError.usage("spool needs what to do and a directory; see logs help spool")
    }
    let directory = arguments.operands[1]
    switch arguments.operands[0] {
    case "inspect":
      let wantsJSON = try arguments.wantsJSON()
      let report = try SpoolReport.inspect(directory)
      try wantsJSON ? printJSON(report) : printTable(report, isUTC: arguments.has("utc"))
      return ExitCode.done
    case "verify": return try verify(directory)
    case "drain": return try await drain(directory, arguments)
    case let other: throw CommandError.usage("spool has no '\(other)'; see logs help spool")
    }
  }

  private static func verify(_ directory: String) throws -> Int32 {
    let report = try SpoolReport.inspect(directory, verifying: true)
    noteKept(report)
    if report.damage.isEmpty {
      let path = PrintableText.escaped(report.path)
      try Terminal.write(line: "\(path) is intact: \(report.batchCount) batches with \(report.entryCount) entries")
      return ExitCode.done
    }
    for sentence in report.damage { try Terminal.write(line: PrintableText.escaped("\(report.path): \(sentence)")) }
    return ExitCode.failed
  }

  private static func drain(_ directory: String, _ arguments: Arguments) async throws -> Int32 {
    // A producer would make one where there is none.
    _ = try SpoolReport.inspect(directory)
    let patience = try ConnectionOptions.patience(arguments, else: nil)
    let client = try ConnectionOptions.client(arguments, patience: patience)
    let notices = ConnectionNotices(client, patience: patience)
    defer { notices.end() }
    let watch = ProducerWatch(hasSpool: true)
    var configuration = LogProducerConfiguration()
    configuration.spool = SpoolConfiguration(directory: directory)
    configuration.handsOverAtExit = false
    configuration.onEvent = { watch.note($0) }
    // Nothing is added: every batch in the spool names its stream.
    let producer = try LogProducer(client, stream: StreamName("drain"), configuration: configuration)
    var failure: (any Error)?
    let progress = ProgressWatch(client, patience: patience) { ProgressWatch.Progress(producer.counts) }
    do { try await progress.run { try await watch.drain(producer) } } catch { failure = error }
    notices.end()
    await producer.shutdown(deadline: .zero)
    await client.shutdown(deadline: .seconds(1))
    let counts = producer.counts
    let left = counts.waiting == 0 ? "" : ", \(counts.waiting) are left"
    Terminal.note("\(directory): \(counts.acknowledged) entries acknowledged\(left)")
    if let failure { throw failure }
    return counts.refused + counts.dropped == 0 ? ExitCode.done : ExitCode.failed
  }

  private static func printTable(_ report: SpoolReport, isUTC: Bool) throws {
    let use = report.isInUse ? report.owner.map { ", in use by process \($0)" } ?? ", in use" : ", not in use"
    Terminal.note(
      "\(report.path): producer \(report.producer?.description ?? "unknown")\(use), \(report.batchCount) batches with \(report.entryCount) entries, \(report.byteCount) bytes"
    )
    for sentence in report.damage { Terminal.note("\(report.path): \(sentence)") }
    noteKept(report)
    var table = Table([
      ("NAME", false), ("BATCHES", true), ("ENTRIES", true), ("BYTES", true), ("FIRST", true), ("LAST", true),
      ("OLDEST", false),
    ])
    for stream in report.streams {
      table.append([
        stream.stream.text, "\(stream.batchCount)", "\(stream.entryCount)", "\(stream.byteCount)",
        "\(stream.firstNumber)", "\(stream.lastNumber)", Timestamp.short(stream.oldestAccepted, isUTC: isUTC),
      ])
    }
    try Terminal.write(line: table.text)
  }

  private static func noteKept(_ report: SpoolReport) {
    for path in report.keptAside { Terminal.note("\(path) was found damaged earlier and is kept") }
  }

  private static func printJSON(_ report: SpoolReport) throws {
    var json = JSON()
    json.object { json in
      json.key("path")
      json.string(report.path)
      json.key("producer")
      if let producer = report.producer { json.string(producer.description) } else { json.null() }
      json.key("in_use")
      json.boolean(report.isInUse)
      json.key("process")
      if let owner = report.owner, report.isInUse { json.number(Int64(owner)) } else { json.null() }
      json.key("batches")
      json.number(Int64(report.batchCount))
      json.key("entries")
      json.number(report.entryCount)
      json.key("bytes")
      json.number(Int64(report.byteCount))
      json.key("streams")
      json.array { json in for stream in report.streams { write(stream, to: &json) } }
      json.key("damage")
      json.array { json in for sentence in report.damage { json.string(sentence) } }
      json.key("kept_aside")
      json.array { json in for path in report.keptAside { json.string(path) } }
    }
    json.newline()
    _ = try Terminal.write(json.bytes)
  }

  private static func write(_ stream: SpoolReport.Stream, to json: inout JSON) {
    json.object { json in
      json.key("name")
      json.string(stream.stream.text)
      json.key("batches")
      json.number(Int64(stream.batchCount))
      json.key("entries")
      json.number(stream.entryCount)
      json.key("bytes")
      json.number(Int64(stream.byteCount))
      json.key("first_number")
      json.number(stream.firstNumber)
      json.key("last_number")
      json.number(stream.lastNumber)
      json.key("oldest_accepted")
      json.string(Timestamp.rfc3339(stream.oldestAccepted))
    }
  }
}
