internal import LogsStore
internal import LogsWire

/// A stream as one shard sees it: its head, and who follows it there.
///
/// The head moves with the commits in the order in which the shard takes them, so a follower whose next number is the head's
/// successor gets every later entry by the next commits (P6).
final class StreamChannel {
  let id: Int64
  let name: StreamName
  let incarnation: Incarnation
  /// The lowest number kept when the shard last looked.
  let first: UInt64
  private(set) var head: UInt64
  private(set) var isSealed: Bool
  private(set) var tracks: [Track] = []

  init(_ info: StreamInfo) {
    id = info.id
    name = info.name
    incarnation = info.incarnation
    first = info.first
    head = info.head
    isSealed = info.isSealed
  }

  /// Takes what a commit brought. A commit that the catalog's head was already past brings nothing new.
  func advance(_ run: CommittedRun) {
    head = max(head, run.last)
    isSealed = isSealed || run.sealed
  }

  func join(_ track: Track) {
    track.index = tracks.count
    tracks.append(track)
  }

  func leave(_ track: Track) {
    guard let last = tracks.popLast(), last !== track else { return }
    tracks[track.index] = last
    last.index = track.index
  }
}
