/// What a measurement has come to: the medians of its runs, and each run.
struct BenchReport: Sendable {
  let kind: BenchSettings.Kind
  let unit: String
  let target: String
  let settings: [BenchSetting]
  /// At least one.
  let runs: [BenchRun]

  private var hasDeliveries: Bool { kind == .tail }

  // MARK: For people

  var text: String {
    var table = Table(columns.map { ($0.heading, true) })
    for (index, run) in runs.enumerated() { table.append(["\(index + 1)"] + columns.dropFirst().map { $0.cell(run) }) }
    let median = BenchRun(medianOf: runs)
    if runs.count > 1 { table.append(["median"] + columns.dropFirst().map { $0.cell(median) }) }
    let words = settings.map { "\($0.name) \($0.text)" }.joined(separator: ", ")
    return "\(kind.rawValue) on \(target): \(words)\n\n\(table.text)"
  }

  private struct Column {
    let heading: String
    let cell: (BenchRun) -> String
  }

  private var columns: [Column] {
    var columns = [
      Column(heading: "RUN") { _ in "" },
      Column(heading: "\(unit.uppercased())/S") { fixed($0.entriesPerSecond, 0) },
      Column(heading: "MB/S") { fixed($0.megabytesPerSecond, 1) },
      Column(heading: "P50 MS") { fixed($0.p50, 3) },
      Column(heading: "P90") { fixed($0.p90, 3) },
      Column(heading: "P99") { fixed($0.p99, 3) },
      Column(heading: "P99.9") { fixed($0.p999, 3) },
      Column(heading: "MAX") { fixed($0.max, 3) },
      Column(heading: "SERVER CPU S") { fixed($0.serverCPUSeconds, 2) },
      Column(heading: "PER MILLION") { fixed($0.serverCPUSecondsPerMillion, 2) },
      Column(heading: "% OF A CORE") { fixed($0.serverCPUSeconds / $0.seconds * 100, 0) },
      Column(heading: "RESIDENT MB") { fixed($0.serverResidentByteCount / 1e6, 1) },
      Column(heading: "CLIENT CPU S") { fixed($0.clientCPUSeconds, 2) },
    ]
    if hasDeliveries {
      columns += [
        Column(heading: "EXPECTED") { fixed($0.expectedDeliveryCount, 0) },
        Column(heading: "MISSING") { fixed($0.expectedDeliveryCount - $0.deliveryCount, 0) },
        Column(heading: "LAG MAX") { fixed($0.lagMax, 0) },
      ]
    }
    return columns
  }

  // MARK: For programs

  var json: [UInt8] {
    var json = JSON()
    json.object { json in
      json.key("kind")
      json.string(kind.rawValue)
      write(BenchRun(medianOf: runs), to: &json)
      json.key("settings")
      json.object { json in
        for setting in settings {
          json.key(setting.name)
          switch setting.value {
          case .number(let number): json.number(number)
          case .seconds(let seconds): json.number(seconds)
          case .text(let text): json.string(text)
          }
        }
      }
      json.key("runs")
      json.array { json in for run in runs { json.object { json in write(run, to: &json) } } }
    }
    json.newline()
    return json.bytes
  }

  private func write(_ run: BenchRun, to json: inout JSON) {
    json.key("entries")
    json.rounded(run.entryCount)
    json.key("seconds")
    json.number(run.seconds)
    json.key("entries_per_second")
    json.rounded(run.entriesPerSecond)
    json.key("megabytes_per_second")
    json.number(run.megabytesPerSecond)
    json.key("latency_ms")
    json.object { json in
      let latencies = [("p50", run.p50), ("p90", run.p90), ("p99", run.p99), ("p999", run.p999), ("max", run.max)]
      for (name, milliseconds) in latencies {
        json.key(name)
        json.number(milliseconds)
      }
    }
    if hasDeliveries {
      json.key("deliveries")
      json.object { json in
        json.key("expected")
        json.rounded(run.expectedDeliveryCount)
        json.key("made")
        json.rounded(run.deliveryCount)
        json.key("lag_entries_max")
        json.rounded(run.lagMax)
      }
    }
    json.key("server")
    json.object { json in
      json.key("cpu_seconds")
      json.number(run.serverCPUSeconds)
      json.key("cpu_seconds_per_million")
      json.number(run.serverCPUSecondsPerMillion)
      json.key("resident_bytes")
      json.rounded(run.serverResidentByteCount)
    }
    json.key("client")
    json.object { json in
      json.key("cpu_seconds")
      json.number(run.clientCPUSeconds)
    }
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

extension JSON {
  /// - Parameter value: not negative.
  fileprivate mutating func rounded(_ value: Double) { number(UInt64(value.rounded())) }
}

extension BenchSetting {
  fileprivate var text: String {
    switch value {
    case .number(let number): "\(number)"
    case .seconds(let seconds): "\(seconds)"
    case .text(let text): text
    }
  }
}
