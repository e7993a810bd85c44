/// What is asked about entries that pass a filter (`spec/wire.md`, section 4.21).
package struct Query: Hashable, Sendable {
  package var kind: QueryKind
  package var selectors: [StreamSelector]
  /// Nil for all entries.
  package var filter: Filter?

  package init(_ kind: QueryKind, _ selectors: [StreamSelector], filter: Filter? = nil) {
    self.kind = kind
    self.selectors = selectors
    self.filter = filter
  }
}

package enum QueryKind: Hashable, Sendable {
  /// How many there are.
  case count
  /// How many there are of each level in each span of time, so many nanoseconds long.
  case histogram(width: Int64)
  /// Which sources, levels and attributes they have, with the commonest values, at most so many of each.
  case fields(valueCountMax: Int)
}

/// How far the server has come with a query (`spec/wire.md`, section 4.22).
public struct QueryProgress: Hashable, Sendable {
  /// Entries that were looked at or could be passed over, and all there are.
  public var entryCount: UInt64
  public var allEntryCount: UInt64
  /// Stored bytes that were read for it.
  public var readByteCount: UInt64
  /// In nanoseconds since 1970: up to where it has come in the stream that it looks at; nil before the first batch.
  public var time: Int64?

  package init(entryCount: UInt64, allEntryCount: UInt64, readByteCount: UInt64, time: Int64? = nil) {
    self.time = time
    self.entryCount = entryCount
    self.allEntryCount = allEntryCount
    self.readByteCount = readByteCount
  }
}

/// The answer to a query (`spec/wire.md`, section 4.23).
public struct QueryResult: Hashable, Sendable {
  /// Entries that pass.
  public var entryCount: UInt64
  /// Entries that could not be looked at: they were lost, deleted, or trimmed since the query began.
  public var missingCount: UInt64
  /// Whether `fields` leaves something out that the limits do not allow.
  public var isCapped: Bool
  /// Ascending by start, without empty ones.
  public var buckets: [HistogramBucket]
  /// Sources, levels, then attributes by their names.
  public var fields: [FieldSummary]

  package init(
    entryCount: UInt64, missingCount: UInt64 = 0, isCapped: Bool = false, buckets: [HistogramBucket] = [],
    fields: [FieldSummary] = []
  ) {
    self.entryCount = entryCount
    self.missingCount = missingCount
    self.isCapped = isCapped
    self.buckets = buckets
    self.fields = fields
  }
}

/// The entries of one span of time.
public struct HistogramBucket: Hashable, Sendable {
  /// In nanoseconds since 1970: a multiple of the width.
  public var start: Int64
  /// Entries without a level, then those of trace, debug, info, warn, error and fatal.
  public var counts: [UInt64]

  package init(start: Int64, counts: [UInt64]) {
    self.start = start
    self.counts = counts
  }

  public var total: UInt64 { counts.reduce(0, +) }

  static let levelCount = 7

  /// Where a severity is counted.
  static func level(_ severity: UInt8) -> Int { (Int(severity) + 3) / 4 }
}

/// What entries have under one name.
public struct FieldSummary: Hashable, Sendable {
  public enum Kind: UInt8, Hashable, Sendable {
    case source = 0
    case level = 1
    case attribute = 2
  }

  public var kind: Kind
  /// An attribute's name, those inside of maps with dots; else empty.
  public var name: String
  /// Entries that have it.
  public var entryCount: UInt64
  /// The commonest first.
  public var values: [FieldValue]
  /// Whether there are more values than could be counted: the counts of those given are then the least there are.
  public var isCapped: Bool

  package init(kind: Kind, name: String, entryCount: UInt64, values: [FieldValue], isCapped: Bool) {
    self.kind = kind
    self.name = name
    self.entryCount = entryCount
    self.values = values
    self.isCapped = isCapped
  }
}

/// One value of a field.
public struct FieldValue: Hashable, Sendable {
  /// Its text (`spec/filter.md`, section 3.3), at most 256 bytes of it.
  public var text: String
  public var count: UInt64

  package init(text: String, count: UInt64) {
    self.text = text
    self.count = count
  }
}
