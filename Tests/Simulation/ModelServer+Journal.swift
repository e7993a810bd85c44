/// Where groups are written: into the journal, or the segment behind it, or the disk of a server without a journal.
extension ModelServer {
  /// What is being written: durable as a whole, or not at all.
  enum Writing {
    case record([ModelDisk.Change])
    case transaction([ModelDisk.Change])
  }

  /// How much the journal was tried.
  struct JournalTally: Equatable {
    var recordCount = 0
    /// Groups that found the ring full.
    var fullCount = 0
    /// Transactions of the applier that a power loss took.
    var lostCount = 0
    var replayedCount = 0

    static func += (left: inout JournalTally, right: JournalTally) {
      left.recordCount += right.recordCount
      left.fullCount += right.fullCount
      left.lostCount += right.lostCount
      left.replayedCount += right.replayedCount
    }
  }

  /// Begins to write a group, and then calls `body`. What goes into the segment first waits for the applier.
  ///
  /// So does what finds the ring full, as in the real server: its sync makes room.
  func write(_ changes: [ModelDisk.Change], then body: @escaping () -> Void) {
    guard let journal else {
      writing = .transaction(changes)
      return body()
    }
    guard !changes.isEmpty else { return body() }
    if journal.takes(changes) {
      if !journal.isFull {
        writing = .record(changes)
        return body()
      }
      journalTally.fullCount += 1
    }
    let begin = { [unowned self] in
      writing = .transaction(changes)
      body()
    }
    if isApplying { afterApplying = begin } else { begin() }
  }

  /// What was being written is durable.
  func endWriting() {
    defer { writing = nil }
    disk = memory
    switch writing {
    case .record(let changes):
      journal?.append(changes)
      journalTally.recordCount += 1
      if !isApplying { planApplying() }
    case .transaction(let changes): journal?.commit(changes)
    case nil: break
    }
  }

  /// The applier's thread: from the first record that waits to the last.
  ///
  /// Readers do not wait for it. Those of the real server do, or find the rest in its memory: in the end, what was
  /// published. Here they are given that. A full disk does not stop it, as if its reserve were always enough.
  private func planApplying() {
    guard let journal else { return }
    isApplying = true
    let started = generation
    simulation.after(0...journal.lingerMilliseconds) { [unowned self] in
      guard started == generation, let waitingCount = self.journal?.waitingCount else { return }
      let count = simulation.draw(1...waitingCount)
      simulation.trace("server applies \(count) of \(waitingCount) records")
      self.journal?.apply(count)
      guard simulation.chance(8) else { return goOnApplying() }
      simulation.after(1...15) { [unowned self] in
        guard started == generation else { return }
        self.journal?.sync()
        goOnApplying()
      }
    }
  }

  private func goOnApplying() {
    if let journal, journal.waitingCount > 0 { return planApplying() }
    isApplying = false
    let begin = afterApplying
    afterApplying = nil
    begin?()
  }

  /// What a start finds after a crash.
  ///
  /// - Parameter isPowerLoss: whether it takes what is not synced, and not only the process.
  func recover(isPowerLoss: Bool) {
    if writing != nil, isSynced { endWriting() } else if case .record = writing { journal?.tear() }
    (writing, isApplying, afterApplying) = (nil, false, nil)
    guard let unsyncedCount = journal?.unsyncedCount else { return }
    let lostCount = isPowerLoss ? Int.random(in: 0...unsyncedCount, using: &journalDice) : 0
    let replayedCount = journal?.restart(losing: lostCount) ?? 0
    simulation.trace("server lost \(lostCount) transactions, replays \(replayedCount) records")
    journalTally.lostCount += lostCount
    journalTally.replayedCount += replayedCount
    disk = journal?.disk ?? disk
  }
}
