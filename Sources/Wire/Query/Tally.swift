/// What has been found for a query so far. Tallies of different entries can be added up in any order.
package struct Tally: Hashable, Sendable {
  package let kind: QueryKind
  package private(set) var entryCount: UInt64 = 0
  private var buckets: [Int64: [UInt64]] = [:]
  private var fields: [Field: Values] = [:]
  private var valueCount = 0
  private var isCapped = false

  private struct Field: Hashable {
    let kind: FieldSummary.Kind
    let name: String
  }

  private struct Values: Hashable {
    var entryCount: UInt64 = 0
    var counts: [String: UInt64] = [:]
    var isCapped = false
  }

  package init(_ kind: QueryKind) { self.kind = kind }

  /// Whether a histogram has more spans of time than an answer may hold.
  package var hasTooManyBuckets: Bool { buckets.count > Limits.queryBucketCountMax }

  package mutating func merge(_ other: Tally) {
    entryCount += other.entryCount
    isCapped = isCapped || other.isCapped
    for (start, counts) in other.buckets { add(counts, at: start) }
    for (field, values) in other.fields {
      guard var known = self.values(of: field) else { continue }
      known.entryCount += values.entryCount
      known.isCapped = known.isCapped || values.isCapped
      for (text, count) in values.counts { add(text, count, to: &known) }
      fields[field] = known
    }
  }

  // MARK: Counting

  mutating func add(count: Int) { entryCount += UInt64(count) }

  /// Where a time is counted.
  static func bucket(of time: Int64, width: Int64) -> Int64 {
    let rest = time % width
    let start = time.subtractingReportingOverflow(rest < 0 ? rest + width : rest)
    return start.overflow ? .min : start.partialValue
  }

  /// Whether entries between these times can be counted by their severities alone.
  package func canCount(_ times: ClosedRange<Int64>) -> Bool {
    switch kind {
    case .count: true
    case .histogram(let width):
      Self.bucket(of: times.lowerBound, width: width) == Self.bucket(of: times.upperBound, width: width)
    case .fields: false
    }
  }

  /// Counts entries of a severity, which `canCount` allows.
  package mutating func add(severity: UInt8, count: UInt64, time: Int64) {
    entryCount += count
    guard case .histogram(let width) = kind else { return }
    let start = Self.bucket(of: time, width: width)
    buckets[start, default: Self.none][HistogramBucket.level(severity)] += count
  }

  mutating func add(severity: UInt8, time: Int64, width: Int64) {
    buckets[Self.bucket(of: time, width: width), default: Self.none][HistogramBucket.level(severity)] += 1
  }

  private static let none = [UInt64](repeating: 0, count: HistogramBucket.levelCount)

  private mutating func add(_ counts: [UInt64], at start: Int64) {
    for (level, count) in counts.enumerated() { buckets[start, default: Self.none][level] += count }
  }

  /// What is known of a field; nil if there are too many others.
  private mutating func values(of field: Field) -> Values? {
    if let known = fields[field] { return known }
    guard fields.count < Limits.queryFieldCountMax else {
      isCapped = true
      return nil
    }
    return Values()
  }

  private mutating func add(_ text: String, _ count: UInt64, to values: inout Values) {
    if values.counts[text] == nil {
      guard valueCount < Limits.queryValueCountMax else {
        values.isCapped = true
        isCapped = true
        return
      }
      valueCount += 1
    }
    values.counts[text, default: 0] += count
  }

  /// Counts an entry's value, or several, for a field.
  mutating func add(_ kind: FieldSummary.Kind, _ name: String, texts: [String], entries: UInt64 = 1) {
    let field = Field(kind: kind, name: name)
    guard var values = self.values(of: field) else { return }
    // Taken out of the dictionary, so that it is changed in place.
    fields[field] = nil
    values.entryCount += entries
    for text in texts { add(text, entries, to: &values) }
    fields[field] = values
  }

  // MARK: The answer

  package func result(missingCount: UInt64) -> QueryResult {
    var result = QueryResult(entryCount: entryCount, missingCount: missingCount, isCapped: isCapped)
    result.buckets = buckets.sorted { $0.key < $1.key }.map { HistogramBucket(start: $0.key, counts: $0.value) }
    guard case .fields(let valueCountMax) = kind else { return result }
    result.fields = fields.map { field, values in
      let sorted = values.counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      return FieldSummary(
        kind: field.kind, name: field.name, entryCount: values.entryCount,
        values: sorted.prefix(valueCountMax).map { FieldValue(text: $0.key, count: $0.value) },
        isCapped: values.isCapped)
    }
    result.fields.sort { ($0.kind.rawValue, $0.name) < ($1.kind.rawValue, $1.name) }
    return result
  }
}
