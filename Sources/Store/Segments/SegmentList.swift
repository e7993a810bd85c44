internal import Synchronization

/// The segments of the store, oldest first. Cheap to copy.
struct SegmentListing: Sendable {
  var segments: [Segment] = []
  /// Retention removed the segments below this number; others that are missing are lost.
  var trimmedBelow: Int64 = 1

  var active: Segment {
    guard let last = segments.last else { preconditionFailure("an open store has an active segment") }
    return last
  }
}

/// The segments of the store, as readers see them now.
final class SegmentList: Sendable {
  private let listing: Mutex<SegmentListing>

  init(_ listing: SegmentListing) { self.listing = Mutex(listing) }

  var current: SegmentListing { listing.withLock { $0 } }

  /// Takes out what is trimmed, for good: who has it in a listing of before finds it `trimmed`.
  func remove(_ trim: Trim) {
    // One may have been rewritten since the trim was planned.
    let removed = listing.withLock { listing in
      let removed = listing.segments.filter { $0.number < trim.below }
      listing.segments.removeAll { $0.number < trim.below }
      listing.trimmedBelow = trim.below
      return removed
    }
    for segment in trim.segments + removed { segment.state = .trimmed }
  }

  /// Puts a rewritten segment in the place of another, unless that is gone.
  func replace(_ old: Segment, with new: Segment) {
    listing.withLock { listing in
      guard let index = listing.segments.firstIndex(of: old) else { return }
      listing.segments[index] = new
    }
    old.state = .replaced
  }

  /// What a rewrite has put in the place of a segment that is gone; nil if it was trimmed.
  func replacement(of old: Segment) -> Segment? {
    guard old.state == .replaced else { return nil }
    return listing.withLock { listing in listing.segments.first { $0.number == old.number } }
  }

  /// Makes `segment` the active one. Called before the first commit into it, so that a reader that knows a head finds
  /// its segment.
  func append(_ segment: Segment) {
    listing.withLock { listing in
      listing.segments.last?.state = .closing
      listing.segments.append(segment)
    }
  }
}
