/// Measurements as a table for people and as JSON for programs.
package struct BenchmarkReport {
  package private(set) var measurements: [Measurement] = []

  package init() {}

  package mutating func append(_ measurement: Measurement) { measurements.append(measurement) }

  package static var heading: String {
    row("OPERATION, ENTRIES", ["CPU NS/OP", "NS/OP", "CPU NS/ENTRY", "ENTRIES/S", "ALLOCATIONS/OP", "AT MOST"])
  }

  package static func line(_ measurement: Measurement) -> String {
    let usage = measurement.usage
    return row(
      measurement.benchmark.name,
      [
        fixed(usage.processorNanoseconds), fixed(usage.wallNanoseconds),
        measurement.entryCount > 0 ? fixed(usage.processorNanoseconds / Double(measurement.entryCount)) : "-",
        measurement.entriesPerSecond.map { fixed($0) } ?? "-",
        Usage.countsAllocations ? fixed(usage.allocationCount, tenths: true) : "-",
        measurement.benchmark.allocationCountMax.map { fixed($0) } ?? "-",
      ]) + (measurement.exceedsLimit ? "  too many" : "")
  }

  package var json: String {
    let rows = measurements.map { measurement in
      let usage = measurement.usage
      return """
        {"operation":"\(measurement.benchmark.name)","entries":\(measurement.entryCount),\
        "cpu_ns":\(usage.processorNanoseconds),"ns":\(usage.wallNanoseconds),\
        "entries_per_second":\(number(measurement.entriesPerSecond)),"allocations":\(usage.allocationCount),\
        "allocations_max":\(number(measurement.benchmark.allocationCountMax))}
        """
    }
    return "[\(rows.joined(separator: ",\n"))]"
  }

  private func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "null" }

  private static let nameWidth = 46
  private static let cellWidth = 14

  private static func row(_ name: String, _ cells: [String]) -> String {
    let padding = String(repeating: " ", count: max(0, nameWidth - name.count))
    return name + padding
      + cells.map { String(repeating: " ", count: max(1, cellWidth + 1 - $0.count)) + $0 }.joined()
  }

  private static func fixed(_ value: Double, tenths: Bool = false) -> String {
    let scaled = Int((max(0, value) * 10).rounded())
    return tenths ? "\(scaled / 10).\(scaled % 10)" : "\((scaled + 5) / 10)"
  }
}
