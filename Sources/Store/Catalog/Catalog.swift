internal import LogsWire
internal import Synchronization

/// All streams as of the last commit. The writer alone changes it.
final class Catalog: Sendable {
  fileprivate struct State: Sendable {
    /// In the order of their ids; those that were deleted stay until many are.
    var streams: [StreamInfo] = []
    var deletedIndexes: Set<Int> = []
    /// The highest id so far.
    var newestID: Int64 = 0
    var indexOfName: [StreamName: Int] = [:]
    var indexOfID: [Int64: Int] = [:]
    /// Indexes in the order of the names.
    var sorted: [Int] = []

    /// The index in `sorted` of the first name that is not before `text`.
    func index(from text: String) -> Int {
      var low = 0
      var high = sorted.count
      while low < high {
        let middle = (low + high) / 2
        if streams[sorted[middle]].name.text < text { low = middle + 1 } else { high = middle }
      }
      return low
    }

    /// The index in `streams`, which are in the order of their ids, of the first one whose id is above `id`.
    func index(bornAfter id: Int64) -> Int {
      var low = 0
      var high = streams.count
      while low < high {
        let middle = (low + high) / 2
        if streams[middle].id > id { high = middle } else { low = middle + 1 }
      }
      return low
    }
  }

  private let state: Mutex<State>

  /// - Parameter newestID: the highest id that a stream has had.
  init(newestID: Int64 = 0) {
    var state = State()
    state.newestID = newestID
    self.state = Mutex(state)
  }

  var count: Int { state.withLock { $0.indexOfName.count } }

  /// The highest id so far; ids only grow.
  var newestID: Int64 { state.withLock { $0.newestID } }

  func contains(_ name: StreamName) -> Bool { state.withLock { $0.indexOfName[name] != nil } }

  subscript(name: StreamName) -> StreamInfo? {
    state.withLock { state in state.indexOfName[name].map { state.streams[$0] } }
  }

  subscript(id: Int64) -> StreamInfo? {
    state.withLock { state in state.indexOfID[id].map { state.streams[$0] } }
  }

  /// All streams in the order of their creation.
  func unsorted() -> [StreamInfo] {
    state.withLock { state in
      if state.deletedIndexes.isEmpty { return state.streams }
      return state.streams.indices.filter { !state.deletedIndexes.contains($0) }.map { state.streams[$0] }
    }
  }

  /// The first `limit` streams, by name, whose names begin with `prefix` and are not before `text`.
  func streams(from text: String, beginningWith prefix: String, limit: Int) -> [StreamInfo] {
    // Copied under the lock: holding a copy of the arrays would make the next commit copy all of them.
    state.withLock { state in
      var found: [StreamInfo] = []
      for index in state.sorted[state.index(from: max(text, prefix))...].prefix(limit) {
        guard state.streams[index].name.text.hasPrefix(prefix) else { break }
        found.append(state.streams[index])
      }
      return found
    }
  }

  /// The first `limit` streams with ids above `id`, in the order in which they were created.
  func streams(bornAfter id: Int64, limit: Int) -> [StreamInfo] {
    state.withLock { state in
      var found: [StreamInfo] = []
      for index in state.index(bornAfter: id)..<state.streams.count where found.count < limit {
        if !state.deletedIndexes.contains(index) { found.append(state.streams[index]) }
      }
      return found
    }
  }

  /// Has streams begin where the oldest segment does now.
  func begin(at beginnings: [Int64: StreamBeginning]) {
    state.withLock { state in
      for index in state.streams.indices { state.streams[index].begin(at: beginnings[state.streams[index].id]) }
    }
  }

  /// Takes out a stream; its name is free.
  func delete(_ id: Int64) { state.withLock { $0.delete(id) } }

  /// Takes over the streams that a commit has changed or created.
  func publish(_ changed: some Sequence<StreamInfo>) {
    state.withLock { state in
      var added: [Int] = []
      for stream in changed {
        if let index = state.indexOfID[stream.id] {
          state.streams[index] = stream
        } else {
          added.append(state.streams.count)
          state.indexOfID[stream.id] = state.streams.count
          state.indexOfName[stream.name] = state.streams.count
          state.streams.append(stream)
          state.newestID = max(state.newestID, stream.id)
        }
      }
      state.order(added)
    }
  }
}

extension Catalog.State {
  mutating func delete(_ id: Int64) {
    guard let index = indexOfID.removeValue(forKey: id) else { return }
    indexOfName[streams[index].name] = nil
    sorted.removeAll { $0 == index }
    deletedIndexes.insert(index)
    guard deletedIndexes.count > streams.count / 2 else { return }
    var newIndexes: [Int: Int] = [:]
    var kept: [StreamInfo] = []
    for index in streams.indices where !deletedIndexes.contains(index) {
      newIndexes[index] = kept.count
      kept.append(streams[index])
    }
    sorted = sorted.compactMap { newIndexes[$0] }
    streams = kept
    deletedIndexes = []
    for (index, stream) in kept.enumerated() {
      indexOfID[stream.id] = index
      indexOfName[stream.name] = index
    }
  }

  /// Puts new streams where their names belong.
  ///
  /// - Complexity: O(k log n) comparisons for k new streams, and one pass that moves the indexes after the first of
  ///   them.
  mutating func order(_ added: [Int]) {
    if added.isEmpty { return }
    let added = added.sorted { streams[$0].name < streams[$1].name }
    let insertions = added.map { index(from: streams[$0].name.text) }
    var end = sorted.count
    sorted.append(contentsOf: added)
    // From the back: indexes after the last new one move furthest.
    for number in added.indices.reversed() {
      for index in (insertions[number]..<end).reversed() { sorted[index + number + 1] = sorted[index] }
      sorted[insertions[number] + number] = added[number]
      end = insertions[number]
    }
  }
}
