internal import LogsClient
internal import Synchronization

/// Tells of entries that are missing.
final class GapNotices: Sendable {
  private let gapCount = Atomic(0)

  var count: Int { gapCount.load(ordering: .relaxed) }

  func note(_ gap: SkippedRange) {
    gapCount.add(1, ordering: .relaxed)
    Terminal.note(FollowPrinter.text(of: gap))
  }
}
