internal import LogsStore
internal import LogsWire

/// A stream as one shard sees it: how far its commits have been taken here, and who follows it.
final class StreamChannel {
  let id: Int64
  let name: StreamName
  let incarnation: Incarnation
  /// The last number of the commits that the shard has taken; it may lag behind the catalog's head, which is what
  /// clients see.
  ///
  /// It moves with the commits in their order, so a follower whose next number is its successor gets every later entry
  /// by the next commits (P6).
  private(set) var takenHead: UInt64
  private(set) var isSealed: Bool
  /// When the last commit was taken, by the thread's monotonic clock; nil before the first.
  private var takenAt: Int64?
  /// How long after the one before it the last commit was taken, ns.
  private(set) var pause: Int64 = .max
  private(set) var tracks: [Track] = []

  init(_ info: StreamInfo) {
    id = info.id
    name = info.name
    incarnation = info.incarnation
    takenHead = info.head
    isSealed = info.isSealed
  }

  /// Takes the entries of a commit. A commit that the catalog's head had already passed brings nothing new.
  func advance(_ run: CommittedRun, at time: Int64) {
    pause = takenAt.map { time - $0 } ?? .max
    takenAt = time
    takenHead = max(takenHead, run.last)
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
