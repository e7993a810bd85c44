/// What a QUERY has asked for, and thus which RESULT can answer it (`spec/wire.md`, section 4.23).
struct ResultTerms {
  private let kind: QueryKind

  init(_ query: Query) { kind = query.kind }

  /// Checks that a result holds what was asked for, within the limits, and adds up.
  func check(_ result: QueryResult) throws(Refusal) {
    if let violation = violation(result) { throw Refusal(.protocolViolation, "RESULT has \(violation)") }
  }

  private func violation(_ result: QueryResult) -> String? {
    switch kind {
    case .count:
      if !result.buckets.isEmpty { return "spans, which were not asked for" }
      if !result.fields.isEmpty { return "fields, which were not asked for" }
      return nil
    case .histogram(let width):
      if !result.fields.isEmpty { return "fields, which were not asked for" }
      return violation(result.buckets, of: width, entryCount: result.entryCount)
    case .fields(let valueCountMax):
      if !result.buckets.isEmpty { return "spans, which were not asked for" }
      if result.fields.count > Limits.queryFieldCountMax { return "\(result.fields.count) fields" }
      for field in result.fields {
        if let violation = violation(field, valueCountMax, entryCount: result.entryCount) { return violation }
      }
      return nil
    }
  }

  private func violation(_ buckets: [HistogramBucket], of width: Int64, entryCount: UInt64) -> String? {
    if buckets.count > Limits.queryBucketCountMax { return "\(buckets.count) spans" }
    var left = entryCount
    for bucket in buckets {
      // The first span begins where time does, if that is no multiple.
      if bucket.start % width != 0, bucket.start != .min { return "a span that begins at no multiple of its width" }
      let before = left
      for count in bucket.counts {
        guard count <= left else { return "more entries in its spans than there are" }
        left -= count
      }
      if left == before { return "a span without entries" }
    }
    return left == 0 ? nil : "fewer entries in its spans than there are"
  }

  private func violation(_ field: FieldSummary, _ valueCountMax: Int, entryCount: UInt64) -> String? {
    if field.values.count > valueCountMax { return "\(field.values.count) values of one field" }
    if field.entryCount > entryCount { return "a field of more entries than there are" }
    var countMax = field.entryCount
    for value in field.values {
      // The commonest come first, and none is without entries.
      guard value.count > 0, value.count <= countMax else { return "values that are not counted in descending order" }
      countMax = value.count
    }
    return nil
  }
}
