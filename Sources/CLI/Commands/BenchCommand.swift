internal import LogsClient
internal import LogsText
internal import LogsWire

/// `logs bench`: measures a server with real clients.
enum BenchCommand {
  private static let kinds = [
    (
      "append",
      """
      producers append batches as fast as they are acknowledged, to streams that the warm-up has created. Latency: \
      from the lines to the acknowledgement
      """
    ),
    (
      "ack",
      """
      connections append one entry, wait until it is durable, and append the next. Latency: the wait
      """
    ),
    (
      "tail",
      """
      entries go to followers at a steady rate. Latency: from the moment an entry was due to its arrival. Entries \
      count once for each follower
      """
    ),
    ("read", "a stream is read from its first entry to its last. Latency: the waits for its batches"),
    ("search", "what passes a filter is counted in a stream. Latency: the wait for the answer"),
    ("corpus", "measures nothing: writes the built-in lines as --corpus takes them, to measure other systems with"),
  ]

  static let command = Command(
    name: "bench", synopsis: "append|ack|tail|read|search|corpus", summary: "measure a server with real clients",
    details: """
      Measures a server of its own, which is removed afterwards with its data, or the one that --server
      names; $LOGS_SERVER is ignored. Its own server is the logsd beside this program, or else in $PATH,
      with its data in $TMPDIR or else /var/tmp. Every acknowledgement comes after its fsync.

      \(TextTable.rows(kinds))

      Encoding is part of what is measured. A warm-up comes first. The server's CPU time is that of the
      whole process, as it reports it, including all other clients it serves. Streams that were created on
      a server given by --server stay there, as bench/...
      """, options: BenchConfiguration.options, run: run)

  private static func run(_ arguments: Arguments) async throws -> Int32 {
    let configuration = try BenchConfiguration(arguments)
    if configuration.kind == .corpus {
      try writeCorpus(configuration.entryCount)
      return ExitCode.done
    }
    let corpus: Corpus
    if let path = configuration.corpusPath {
      corpus = try await Corpus.reading(path)
    } else {
      corpus = Corpus.generated(lineCount: configuration.generatedLineCount)
    }
    let report = try await BenchTarget.with(arguments, configuration) { target in
      var workload = try workload(target, configuration, corpus)
      do {
        let report = try await measure(&workload, target, configuration)
        await workload.end()
        return report
      } catch {
        await workload.end()
        throw error
      }
    }
    if configuration.format == .table { try Terminal.write(line: "\(report.title)\n") }
    try Report(table: report.table, records: [report.record]).write(configuration.format)
    return ExitCode.done
  }

  private static func workload(
    _ target: BenchTarget, _ configuration: BenchConfiguration, _ corpus: Corpus
  ) throws -> any Workload {
    switch configuration.kind {
    case .append: try AppendWorkload(target, configuration, corpus)
    case .ack: try AckWorkload(target, configuration, corpus)
    case .tail: try TailWorkload(target, configuration, corpus)
    case .read: try ReadWorkload(target, configuration, corpus)
    case .search: try SearchWorkload(target, configuration, corpus)
    case .corpus: preconditionFailure("the corpus is written, not measured")
    }
  }

  private static func measure(
    _ workload: inout any Workload, _ target: BenchTarget, _ configuration: BenchConfiguration
  ) async throws -> BenchReport {
    let observer = try LogClient(target.configuration)
    let title = "bench \(configuration.kind.rawValue)"
    let preparing = BenchProgress("\(title), warming up", workload.unit, Meter())
    do {
      defer { preparing.end() }
      try await workload.prepare()
    }
    var runs: [BenchRun] = []
    for number in 1...configuration.repeatCount {
      let meter = Meter()
      let progress = BenchProgress("\(title), run \(number) of \(configuration.repeatCount)", workload.unit, meter)
      defer { progress.end() }
      let before = try await Usage.now(observer)
      let outcome = try await workload.run(number, meter)
      let after = try await Usage.now(observer)
      runs.append(BenchRun(meter, outcome, before: before, after: after))
    }
    await observer.shutdown(deadline: .zero)
    return BenchReport(
      kind: configuration.kind, unit: workload.unit, target: target.title,
      settings: workload.settings + [BenchSetting("corpus", configuration.corpusPath ?? "built-in")], runs: runs)
  }

  /// Lines of the corpus that are written together.
  private static let lineCountWritten: UInt64 = 10_000

  private static func writeCorpus(_ lineCount: UInt64) throws {
    var generator = LineGenerator()
    var output: [UInt8] = []
    for index in 0..<lineCount {
      let line = generator.next()
      output.append(
        contentsOf: "\(Corpus.time(ofLine: Int(index)))\t\(line.severity)\t\(line.source)\t\(line.text)\n".utf8)
      if index % lineCountWritten == lineCountWritten - 1 || index == lineCount - 1 {
        _ = try Terminal.write(output)
        output.removeAll(keepingCapacity: true)
        try Task.checkCancellation()
      }
    }
  }
}
