extension ClientSession {
  /// One stream of a subscription.
  struct Track {
    let isReverse: Bool
    /// The seed of the server's checks.
    let seed: UInt64
    var told: FollowTerms.Told
  }

  /// A class, since it is looked up several times for each frame and copies are not cheap. Only the machine refers to
  /// it.
  final class Subscription {
    var terms: FollowTerms
    var creditTotal: UInt64
    var isResolved = false
    var isLive = false
    /// CANCEL was sent: frames still in flight are skipped.
    var isCancelled = false
    /// Its end was already reported to the user.
    var isAbandoned = false
    var tracks: [UInt32: Track] = [:]
    /// The seeds of all tracks: a stream is announced once for each incarnation.
    var seeds: Set<UInt64> = []

    init(_ follow: Follow) {
      terms = FollowTerms(follow)
      creditTotal = follow.credit
    }
  }
}

extension BatchRange {
  /// How many entries of these batches may have numbers in the range: all of them, unless a sparse batch is cut.
  func entryCountMax(of batches: [Batch]) -> UInt64 {
    batches.reduce(0) { sum, batch in
      let header = batch.header
      return sum + min(UInt64(header.count), min(to, header.lastSequence) - max(from, header.firstSequence) + 1)
    }
  }
}
