internal import LogsText

/// The result of a measurement: each run, and the medians of all runs.
struct BenchReport: Sendable {
  let kind: BenchConfiguration.Kind
  let unit: String
  let target: String
  let settings: [BenchSetting]
  /// At least one.
  let runs: [BenchRun]

  private var hasDeliveries: Bool { kind == .tail }

  // MARK: For people

  var title: String {
    let words = settings.map { "\($0.name) \($0.datum.cell(zone: .utc))" }.joined(separator: ", ")
    return "\(kind.rawValue) on \(target): \(words)"
  }

  var table: Table {
    var rows = runs.enumerated().map { (name: "\($0 + 1)", run: $1) }
    if runs.count > 1 { rows.append(("median", BenchRun(medianOf: runs))) }
    return Table(rows, columns, zone: .utc)
  }

  private typealias Column = Report.Column<(name: String, run: BenchRun)>

  private var columns: [Column] {
    func column(_ heading: String, _ digits: Int, _ value: @escaping (BenchRun) -> Double) -> Column {
      Column(nil, heading, isNumber: true) { .text(fixed(value($0.run), digits)) }
    }
    var columns = [
      Column(nil, "RUN", isNumber: true) { .text($0.name) },
      column("\(unit.uppercased())/S", 0, \.entriesPerSecond), column("MB/S", 1, \.megabytesPerSecond),
      column("P50 MS", 3, \.p50), column("P90", 3, \.p90), column("P99", 3, \.p99), column("P99.9", 3, \.p999),
      column("MAX", 3, \.max), column("SERVER CPU S", 2, \.serverCPUSeconds),
      column("PER MILLION", 2, \.serverCPUSecondsPerMillion),
      column("% OF A CORE", 0) { $0.serverCPUSeconds / $0.seconds * 100 },
      column("RESIDENT MB", 1) { $0.serverResidentByteCount / 1e6 }, column("CLIENT CPU S", 2, \.clientCPUSeconds),
    ]
    if hasDeliveries {
      columns += [
        column("EXPECTED", 0, \.expectedDeliveryCount),
        column("MISSING", 0) { $0.expectedDeliveryCount - $0.deliveryCount }, column("LAG MAX", 0, \.lagMax),
      ]
    }
    return columns
  }

  // MARK: For programs

  var record: Datum {
    .record(
      [("kind", .text(kind.rawValue))] + members(BenchRun(medianOf: runs)) + [
        ("settings", .record(settings.map { ($0.name, $0.datum) })),
        ("runs", .list(runs.map { .record(members($0)) })),
      ])
  }

  private func members(_ run: BenchRun) -> [(key: String, value: Datum)] {
    var members: [(key: String, value: Datum)] = [
      ("entries", rounded(run.entryCount)), ("seconds", .measure(run.seconds)),
      ("entries_per_second", rounded(run.entriesPerSecond)), ("megabytes_per_second", .measure(run.megabytesPerSecond)),
      (
        "latency_ms",
        .record([
          ("p50", .measure(run.p50)), ("p90", .measure(run.p90)), ("p99", .measure(run.p99)),
          ("p999", .measure(run.p999)), ("max", .measure(run.max)),
        ])
      ),
    ]
    if hasDeliveries {
      members.append(
        (
          "deliveries",
          .record([
            ("expected", rounded(run.expectedDeliveryCount)), ("made", rounded(run.deliveryCount)),
            ("lag_entries_max", rounded(run.lagMax)),
          ])
        ))
    }
    return members + [
      (
        "server",
        .record([
          ("cpu_seconds", .measure(run.serverCPUSeconds)),
          ("cpu_seconds_per_million", .measure(run.serverCPUSecondsPerMillion)),
          ("resident_bytes", rounded(run.serverResidentByteCount)),
        ])
      ), ("client", .record([("cpu_seconds", .measure(run.clientCPUSeconds))])),
    ]
  }
}

/// - Parameter value: not negative.
private func fixed(_ value: Double, _ digits: Int) -> String {
  let scale = [1, 10, 100, 1_000][digits]
  let scaled = Int((value * Double(scale)).rounded())
  guard digits > 0 else { return "\(scaled)" }
  let fraction = String(scaled % scale)
  return "\(scaled / scale).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
}

/// - Parameter value: not negative.
private func rounded(_ value: Double) -> Datum { .count(UInt64(value.rounded())) }
