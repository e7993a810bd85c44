internal import LogsDisk
internal import LogsSystem

/// Read-only connections to segments, lent to one thread at a time.
///
/// While a segment changes its journal mode, no connection to it may be open: `withoutConnections` waits for those that
/// are lent, closes all, and lends again afterwards.
final class ConnectionPool: Sendable {
  fileprivate struct Slot {
    var idle: [(connection: ReaderConnection, usedAt: UInt64)] = []
    var lentCount = 0
    var isLending = true
  }

  fileprivate struct State {
    var slots: [Int64: Slot] = [:]
    var idleCount = 0
    var useCount: UInt64 = 0
  }

  private let monitor = Monitor(State())
  private let idleCountMax: Int
  let vfs: String?
  private let applier: Applier?
  private let dictionaries = DictionaryCache()

  /// - Parameter applier: what the active segment may wait for.
  init(_ configuration: StoreConfiguration, applier: Applier? = nil) {
    self.applier = applier
    idleCountMax = configuration.readerConnectionCountMax
    vfs = configuration.vfs
  }

  /// Lends a connection to `segment` until `giveBack`. Waits while the segment is being sealed, and until what was
  /// acknowledged before is in it; or the connection has what a full disk keeps out of it.
  func lend(_ segment: Segment) throws(SQLiteError) -> ReaderConnection {
    // Before there is a snapshot: it may have that, too, but must not be without both.
    let unapplied = segment.state == .active ? try applier?.catchUp() : nil
    let connection = try connection(to: segment)
    if let unapplied { connection.unapplied = unapplied }
    return connection
  }

  private func connection(to segment: Segment) throws(SQLiteError) -> ReaderConnection {
    let number = segment.number
    // Without a timeout a wait ends only with a result.
    let idle: ReaderConnection?? = monitor.wait { state -> ReaderConnection?? in
      var slot = state.slots[number, default: Slot()]
      guard slot.isLending else { return nil }
      slot.lentCount += 1
      let connection = slot.idle.popLast()?.connection
      if connection != nil { state.idleCount -= 1 }
      state.slots[number] = slot
      return .some(connection)
    }
    if case .some(.some(let connection)) = idle { return connection }
    do throws(SQLiteError) {
      // Under its name there may be another file now.
      if segment.isGone { throw SQLiteError(gone: segment.path) }
      return try ReaderConnection(segment, dictionaries, vfs: vfs)
    } catch {
      endLease(of: segment)
      throw error
    }
  }

  /// Takes back the last reference to a connection. Keeps the connection, or closes it and only then ends the lease:
  /// those who wait for its end rely on the connection being closed.
  func giveBack(_ lent: inout ReaderConnection?, to segment: Segment, isUsable: Bool) {
    lent?.unapplied = UnappliedRows()
    let isKept = isUsable && keep(lent, of: segment)
    lent = nil
    if !isKept { endLease(of: segment) }
  }

  private func keep(_ connection: ReaderConnection?, of segment: Segment) -> Bool {
    guard let connection else { return false }
    return monitor.withLock { state in
      guard var slot = state.slots[segment.number], slot.isLending, state.makeRoom(idleCountMax) else { return false }
      state.useCount += 1
      state.idleCount += 1
      slot = state.slots[segment.number] ?? slot
      slot.lentCount -= 1
      slot.idle.append((connection, state.useCount))
      state.slots[segment.number] = slot
      return true
    }
  }

  private func endLease(of segment: Segment) {
    monitor.withLock { state in
      guard var slot = state.slots[segment.number] else { return }
      slot.lentCount -= 1
      state.slots[segment.number] = slot.isUnused ? nil : slot
    }
    monitor.signal()
  }

  /// Waits until no connection to the segment is lent, closes all, and calls `body` while none is opened.
  func withoutConnections(to segment: Segment, _ body: () -> Void) {
    closeAll(of: segment)
    body()
    monitor.withLock { $0.slots[segment.number] = nil }
    monitor.signal()
  }

  /// A function of its own, so that the last references to the connections are gone when it returns.
  private func closeAll(of segment: Segment) {
    let number = segment.number
    monitor.withLock { $0.slots[number, default: Slot()].isLending = false }
    let closing: [ReaderConnection]? = monitor.wait { state -> [ReaderConnection]? in
      guard var slot = state.slots[number], slot.lentCount == 0 else { return nil }
      let idle = slot.idle.map(\.connection)
      state.idleCount -= idle.count
      slot.idle = []
      state.slots[number] = slot
      return idle
    }
    precondition(closing != nil, "a wait without a timeout ends with a result")
  }

  /// Closes what is not lent.
  func closeIdle() {
    let closing: [ReaderConnection] = monitor.withLock { state in
      let idle = state.slots.values.flatMap { $0.idle.map(\.connection) }
      for number in state.slots.keys { state.slots[number]?.idle = [] }
      state.idleCount = 0
      return idle
    }
    // Outside of the lock: closing makes system calls.
    withExtendedLifetime(closing) {}
  }
}

extension ConnectionPool.Slot {
  fileprivate var isUnused: Bool { idle.isEmpty && lentCount == 0 && isLending }
}

extension ConnectionPool.State {
  /// Makes room for one more idle connection by closing the least recently used one.
  ///
  /// Closed under the lock: rare, and only when more segments are read than connections may be idle.
  fileprivate mutating func makeRoom(_ countMax: Int) -> Bool {
    guard countMax > 0 else { return false }
    while idleCount >= countMax {
      var oldest: (number: Int64, usedAt: UInt64)?
      for (number, slot) in slots {
        guard let first = slot.idle.first else { continue }
        if oldest.map({ first.usedAt < $0.usedAt }) ?? true { oldest = (number, first.usedAt) }
      }
      guard let oldest, var slot = slots[oldest.number] else { return true }
      slot.idle.removeFirst()
      slots[oldest.number] = slot.isUnused ? nil : slot
      idleCount -= 1
    }
    return true
  }
}
