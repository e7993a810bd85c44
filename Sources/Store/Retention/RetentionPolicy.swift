internal import LogsWire

/// How much a store keeps, and how much of its disk it leaves to others.
package struct RetentionPolicy: Hashable, Sendable {
  /// Space on a disk, in bytes or as a part of it.
  package enum DiskSpace: Hashable, Sendable {
    case bytes(Int)
    /// Percent of the disk, but not less than `percentByteCountMin`.
    case percent(Int)

    package static let percentByteCountMin = 256 << 20

    func byteCount(ofDisk diskByteCount: Int) -> Int {
      switch self {
      case .bytes(let count): count
      case .percent(let percent): max(diskByteCount / 100 * percent, Self.percentByteCountMin)
      }
    }
  }

  /// A segment goes once everything in it was received this long ago.
  package var ageMax: Duration?
  /// What all files of the data directory may take together.
  package var byteCountMax: Int?
  /// While less is free on the disk, appends are refused, after retention by size has removed what it may.
  package var diskFreeMin = DiskSpace.percent(5)
  /// What is kept of single streams: the first that matches a stream counts.
  package var rules: [RetentionRule] = []

  package init(rules: [RetentionRule] = []) { self.rules = rules }

  /// Whether only the server's own streams have rules.
  var rulesAreForOwnStreams: Bool { rules.allSatisfy { $0.pattern.text.utf8.first == UInt8(ascii: "$") } }

  /// Whether there is anything to look after.
  var isNeeded: Bool { ageMax != nil || byteCountMax != nil || diskFreeMin != .bytes(0) || !rules.isEmpty }

  var hasAges: Bool { ageMax != nil || rules.contains { $0.ageMax != nil } }

  package static let ruleCountMax = 100
  /// A rule for a few streams does not cut the segments of all streams into smaller pieces than this.
  static let ruleSegmentAgeMin = Duration.seconds(3600)
  /// The least that a rule may keep.
  package static let ruleAgeMin = Duration.seconds(60)
  package static let ruleByteCountMin = 1 << 20

  /// The least that all files together may be allowed.
  package static let byteCountMaxMin = 64 << 20

  /// A segment is at most this part of what may be kept: only whole segments go.
  static let segmentDivisor = 8
  /// The WAL may be larger for a while, up to 16 times, when a reader holds it.
  static let walDivisor = 32
}

extension StoreConfiguration {
  /// The same with segments and a WAL that are small beside what may be kept.
  var fittedToRetention: StoreConfiguration {
    var fitted = self
    if let ageMax = retention.ageMax {
      fitted.segmentAgeMax = min(segmentAgeMax, ageMax / RetentionPolicy.segmentDivisor)
    }
    for ageMax in retention.rules.compactMap(\.ageMax) {
      let segmentAgeMax = max(ageMax / RetentionPolicy.segmentDivisor, RetentionPolicy.ruleSegmentAgeMin)
      fitted.segmentAgeMax = min(fitted.segmentAgeMax, segmentAgeMax)
    }
    if let byteCountMax = retention.byteCountMax {
      fitted.segmentByteCountMax = min(segmentByteCountMax, byteCountMax / RetentionPolicy.segmentDivisor)
      fitted.journalByteCount = min(journalByteCount, byteCountMax / RetentionPolicy.segmentDivisor)
      fitted.walByteCountMax = min(walByteCountMax, byteCountMax / RetentionPolicy.walDivisor)
    }
    return fitted
  }
}
