/// Which of several streams has its entry next: the one whose next entry is the oldest, or in reverse the newest; of
/// several at the same time the first one.
///
/// The order inside of a stream is not looked at: an entry waits for those before it in its stream, whatever its time
/// says. So a clock that stepped back changes the places of entries among streams, and hides none.
///
/// A value without I/O. Nothing can be taken until the next entry of every stream is known, or that there is none.
package struct QueryMerge {
  private struct Head {
    let time: Int64
    let stream: Int
  }

  private let isReverse: Bool
  /// A heap: the parent of `index` is at `(index - 1) / 2` and does not come after it.
  private var heads: [Head] = []
  /// Streams whose next entry is not known, the one to ask for first last.
  private var unknown: [Int]

  /// - Parameter streamCount: streams are numbered from 0 on.
  package init(streamCount: Int, isReverse: Bool) {
    self.isReverse = isReverse
    unknown = (0..<streamCount).reversed()
    heads.reserveCapacity(streamCount)
  }

  /// A stream that has to be asked for its next entry before anything can be taken.
  package var wanted: Int? { unknown.last }

  /// The next entry of the wanted stream has this time.
  package mutating func offer(_ time: Int64) {
    guard let stream = unknown.popLast() else { preconditionFailure("no stream was asked for an entry") }
    heads.append(Head(time: time, stream: stream))
    var index = heads.count - 1
    while index > 0, comes(index, before: (index - 1) / 2) {
      heads.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  /// The wanted stream has no more entries.
  package mutating func end() {
    guard unknown.popLast() != nil else { preconditionFailure("no stream was asked for an entry") }
  }

  /// Takes an entry: the stream whose turn it is, which is wanted from then on; nil when all have ended.
  package mutating func next() -> Int? {
    precondition(unknown.isEmpty, "the next entry of a stream is not known")
    guard let first = heads.first else { return nil }
    let last = heads.removeLast()
    if !heads.isEmpty {
      heads[0] = last
      sink()
    }
    unknown.append(first.stream)
    return first.stream
  }

  /// Whether the stream that was taken last would be taken again if its next entry had this time.
  package func continues(_ stream: Int, at time: Int64) -> Bool {
    heads.first.map { comes(Head(time: time, stream: stream), before: $0) } ?? true
  }

  private mutating func sink() {
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heads.count && comes(child, before: least) {
        least = child
      }
      if least == index { return }
      heads.swapAt(index, least)
      index = least
    }
  }

  private func comes(_ left: Int, before right: Int) -> Bool { comes(heads[left], before: heads[right]) }

  private func comes(_ left: Head, before right: Head) -> Bool {
    if left.time != right.time { return (left.time < right.time) != isReverse }
    return left.stream < right.stream
  }
}
