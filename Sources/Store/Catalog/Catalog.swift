internal import LogsWire
internal import Synchronization

/// All streams as of the last commit. The writer alone changes it.
final class Catalog: Sendable {
  private struct State: Sendable {
    var streams: [StreamInfo] = []
    var indexOfName: [StreamName: Int] = [:]
    var indexOfID: [Int64: Int] = [:]
    /// Names in order, nil when a stream has been added since.
    var sortedIndexes: [Int]?

    mutating func sorted() -> [Int] {
      if let sortedIndexes { return sortedIndexes }
      let sorted = streams.indices.sorted { streams[$0].name < streams[$1].name }
      sortedIndexes = sorted
      return sorted
    }
  }

  private let state = Mutex(State())

  var count: Int { state.withLock { $0.streams.count } }

  func contains(_ name: StreamName) -> Bool { state.withLock { $0.indexOfName[name] != nil } }

  subscript(name: StreamName) -> StreamInfo? {
    state.withLock { state in state.indexOfName[name].map { state.streams[$0] } }
  }

  subscript(id: Int64) -> StreamInfo? {
    state.withLock { state in state.indexOfID[id].map { state.streams[$0] } }
  }

  /// All streams, sorted by name.
  func all() -> [StreamInfo] {
    let (streams, sorted) = state.withLock { ($0.streams, $0.sorted()) }
    return sorted.map { streams[$0] }
  }

  /// All streams in the order of their creation.
  func unsorted() -> [StreamInfo] { state.withLock { $0.streams } }

  /// The first streams behind `name` that `isWanted`, sorted by name.
  func streams(after name: StreamName?, limit: Int, where isWanted: (StreamName) -> Bool) -> [StreamInfo] {
    // The snapshot costs two reference counts; the closure runs outside of the lock.
    let (streams, sorted) = state.withLock { ($0.streams, $0.sorted()) }
    var low = 0
    if let name {
      var high = sorted.count
      while low < high {
        let middle = (low + high) / 2
        if streams[sorted[middle]].name > name { high = middle } else { low = middle + 1 }
      }
    }
    var found: [StreamInfo] = []
    for index in sorted[low...] {
      if found.count >= limit { break }
      if isWanted(streams[index].name) { found.append(streams[index]) }
    }
    return found
  }

  /// Takes streams as they are after a commit, new ones among them.
  func publish(_ changed: some Sequence<StreamInfo>) {
    state.withLock { state in
      for stream in changed {
        if let index = state.indexOfID[stream.id] {
          state.streams[index] = stream
        } else {
          state.indexOfID[stream.id] = state.streams.count
          state.indexOfName[stream.name] = state.streams.count
          state.streams.append(stream)
          state.sortedIndexes = nil
        }
      }
    }
  }
}
