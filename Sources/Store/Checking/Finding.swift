package import LogsWire

/// Something that is not as it should be in a data directory.
package struct Finding: Hashable, Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    /// It is not what was written, or is missing.
    case damage
    /// Numbers that an earlier repair has given up: readers get them as lost.
    case lost
    /// It does no harm.
    case note
  }

  package var kind: Kind
  /// Within the data directory.
  package var file: String
  package var stream: StreamName?
  package var numbers: ClosedRange<UInt64>?
  package var text: String

  package init(
    _ kind: Kind, _ file: String, stream: StreamName? = nil, numbers: ClosedRange<UInt64>? = nil, _ text: String
  ) {
    self.kind = kind
    self.file = file
    self.stream = stream
    self.numbers = numbers
    self.text = text
  }
}

/// What was looked at.
package struct CheckSummary: Hashable, Sendable {
  package var segmentCount = 0
  package var streamCount = 0
  package var batchCount = 0
  package var entryCount: UInt64 = 0
  /// Of the segments' files.
  package var byteCount = 0
}
