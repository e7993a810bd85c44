internal import LogsWire
internal import Synchronization

/// Dictionaries that were used last, for all readers: making one ready takes as long as decompressing some batches.
final class DictionaryCache: Sendable {
  private struct State: Sendable {
    var entries: [UInt64: (dictionary: BatchDictionary, usedAt: UInt64)] = [:]
    var useCount: UInt64 = 0
    var byteCount = 0
  }

  private let state = Mutex(State())
  private static let byteCountMax = 16 << 20

  subscript(id: UInt64) -> BatchDictionary? {
    state.withLock { state in
      guard let entry = state.entries[id] else { return nil }
      state.useCount += 1
      state.entries[id] = (entry.dictionary, state.useCount)
      return entry.dictionary
    }
  }

  func add(_ dictionary: BatchDictionary) {
    state.withLock { state in
      state.useCount += 1
      if state.entries.updateValue((dictionary, state.useCount), forKey: dictionary.id) == nil {
        state.byteCount += dictionary.memoryByteCount
      }
      while state.byteCount > Self.byteCountMax, state.entries.count > 1,
        let oldest = state.entries.min(by: { $0.value.usedAt < $1.value.usedAt })
      {
        state.entries[oldest.key] = nil
        state.byteCount -= oldest.value.dictionary.memoryByteCount
      }
    }
  }
}
