/// Counting what passes, instead of delivering it.
extension FilterEvaluator {
  /// Adds what passes of a numbered batch to a tally.
  ///
  /// - Parameter mayGoOn: asked now and then.
  package func tally(
    _ batch: Batch, _ request: Request, into tally: inout Tally, while mayGoOn: @escaping () -> Bool = { true }
  ) throws(FilterFailure) {
    let selection: Selection
    switch try select(batch, request, while: mayGoOn) {
    case .nothing: return
    // The header tells their number, and maybe all that a histogram needs.
    case .everything where tally.addWhole(batch.header): return
    case .everything: selection = try Selection(all: columns(of: batch))
    case .some(let some): selection = some
    // There is no count of what is not known.
    case .undecided(let number, _): throw .undecided(number, evaluation.costlyPattern ?? "")
    }
    tally.add(count: selection.rows.population)
    switch tally.kind {
    case .count: break
    case .histogram(let width):
      let times = try selection.columns.times()
      let severities = try selection.columns.severities()
      selection.rows.forEach { tally.add(severity: severities[$0], time: times[$0], width: width) }
    case .fields: try FieldTally(selection.columns, selection.rows).add(to: &tally)
    }
  }
}

extension Tally {
  /// Counts all entries of a batch by its header alone, if that says enough.
  fileprivate mutating func addWhole(_ header: BatchHeader) -> Bool {
    let times = header.effectiveTimes
    // How many there are of each severity is not said.
    if case .histogram = kind, header.severities.nonzeroBitCount != 1 { return false }
    guard canCount(times) else { return false }
    let severity = UInt8(header.severities.trailingZeroBitCount & 31)
    add(severity: severity, count: UInt64(header.count), time: times.lowerBound)
    return true
  }
}

/// The sources, levels and attributes of some entries of a batch.
private struct FieldTally {
  let columns: BatchColumns
  let rows: RowSet

  init(_ columns: BatchColumns, _ rows: RowSet) {
    self.columns = columns
    self.rows = rows
  }

  func add(to tally: inout Tally) throws(FilterFailure) {
    try addSources(to: &tally)
    let severities = try columns.severities()
    var levels = [UInt64](repeating: 0, count: HistogramBucket.levelCount)
    rows.forEach { levels[HistogramBucket.level(severities[$0])] += 1 }
    for (level, count) in levels.enumerated() where level > 0 && count > 0 {
      let name = LogSeverity(number: UInt8(level * 4 - 3))?.description ?? ""
      tally.add(.level, "", texts: [name], entries: count)
    }
    guard let (keys, values) = try columns.attributes() else { return }
    var row = -1
    while let next = rows.next(after: row) {
      row = next
      let shape = keys.bytes.span.extracting(keys.rows[keys.indices?[row] ?? row])
      if shape.byteCount == 0 { continue }
      let content = values.bytes.span.extracting(values.rows[values.indices?[row] ?? row])
      var found: [(name: String, texts: [String])] = []
      do throws(WireDecodingError) { try Self.read(shape, content, into: &found) } catch { throw .damaged(error) }
      for field in Self.merged(found) { tally.add(.attribute, field.name, texts: field.texts) }
    }
  }

  /// Each name once, with each text once: an entry counts once for a field, and for a value of it. In a list of maps a
  /// name comes several times.
  private static func merged(_ found: [(name: String, texts: [String])]) -> [(name: String, texts: [String])] {
    var merged: [(name: String, texts: [String])] = []
    merged.reserveCapacity(found.count)
    for field in found {
      // There are 256 at most.
      if let index = merged.firstIndex(where: { $0.name == field.name }) {
        merged[index].texts += field.texts
      } else {
        merged.append(field)
      }
    }
    for index in merged.indices where merged[index].texts.count > 1 {
      var known: Set<String> = []
      merged[index].texts.removeAll { !known.insert($0).inserted }
    }
    return merged
  }

  private func addSources(to tally: inout Tally) throws(FilterFailure) {
    let sources = try columns.sources()
    var counts = [UInt64](repeating: 0, count: sources.rows.count)
    rows.forEach { counts[sources.indices?[$0] ?? $0] += 1 }
    for (row, count) in counts.enumerated() where count > 0 && !sources.rows[row].isEmpty {
      tally.add(.source, "", texts: [Self.text(sources.row(row).span)], entries: count)
    }
  }

  /// Not more of a value than this.
  private static let textByteCountMax = 256

  private static func text(_ span: RawSpan) -> String {
    let cut = span.extracting(0..<min(span.byteCount, textByteCountMax))
    return unsafe cut.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  private static func read(
    _ keys: RawSpan, _ values: RawSpan, into found: inout [(name: String, texts: [String])]
  ) throws(WireDecodingError) {
    var names = ByteReader(keys)
    var reader = ByteReader(values)
    while !names.isAtEnd {
      let name = text(keys.extracting(try names.range(try names.length())))
      try read(&reader, of: values, name, into: &found)
    }
  }

  @_lifetime(reader: copy reader)
  private static func read(
    _ reader: inout ByteReader, of row: RawSpan, _ name: String, into found: inout [(name: String, texts: [String])]
  ) throws(WireDecodingError) {
    let place = found.count
    found.append((name, []))
    try readValue(&reader, of: row, name, place, into: &found)
  }

  @_lifetime(reader: copy reader)
  private static func readValue(
    _ reader: inout ByteReader, of row: RawSpan, _ name: String, _ place: Int,
    into found: inout [(name: String, texts: [String])]
  ) throws(WireDecodingError) {
    switch try AttributeRows.readScalar(&reader) {
    case .empty: found[place].texts.append("null")
    case .boolean(let value): found[place].texts.append(value ? "true" : "false")
    case .integer(let value): found[place].texts.append("\(value)")
    case .double(let value): found[place].texts.append("\(value)")
    case .text(let range): found[place].texts.append(text(row.extracting(range)))
    case .list(let count):
      for _ in 0..<count { try readValue(&reader, of: row, name, place, into: &found) }
    case .map(let count):
      for _ in 0..<count {
        let key = text(row.extracting(try reader.range(try reader.length())))
        try read(&reader, of: row, "\(name).\(key)", into: &found)
      }
    }
  }
}
