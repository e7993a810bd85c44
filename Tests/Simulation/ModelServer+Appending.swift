import LogsWire

/// Storing and deleting: requests are gathered, decided in one transaction, synced, shown to followers and answered.
extension ModelServer {
  /// A request without an answer.
  struct Waiting {
    let connection: Connection
    let id: UInt32
    let item: ModelDisk.Item
  }

  /// A DELETE without an answer.
  struct WaitingDeletion {
    let connection: Connection
    let id: UInt32
    let request: DeleteRequest
  }

  /// The result of a group.
  private struct Group {
    var changes: [ModelDisk.Change] = []
    var deletions: [(waiting: WaitingDeletion, result: Result<DeletionSummary, Refusal>)] = []
    var acks: [(waiting: Waiting, ack: Ack)] = []
    var refusals: [(waiting: Waiting, refusal: Refusal)] = []
  }

  func enqueue(_ waiting: Waiting) {
    let connection = waiting.connection
    if let refusal = refusalForRights(waiting.item) {
      return send(connection.session.refuse(waiting.id, refusal), connection)
    }
    if overload > 0, simulation.chance(overload) {
      let refusal = Refusal(.overloaded, "for a moment", isRetryable: true, retryAfterMilliseconds: 10)
      return send(connection.session.refuse(waiting.id, refusal), connection)
    }
    if forbidding > 0, simulation.chance(forbidding) {
      return send(connection.session.refuse(waiting.id, Refusal(.forbidden, "no")), connection)
    }
    if defect == .acksEarly, case .batch(let batch) = waiting.item.content {
      let ack = Ack(
        isDuplicate: false, incarnation: Incarnation(1),
        firstSequence: (memory.stream(waiting.item.stream)?.head ?? 0) + 1, count: UInt64(batch.header.count))
      send(connection.session.acknowledge(waiting.id, ack), connection)
    }
    queue.append(waiting)
    if !isCommitting { beginGroup() }
  }

  /// A producer without the right may not append to a stream, or not to one more.
  private func refusalForRights(_ item: ModelDisk.Item) -> Refusal? {
    guard withheld[item.stream]?.contains(item.producer) == true else { return nil }
    let isNew = memory.stream(item.stream) == nil
    return isNew && rightsDice.chance(2) ? Refusal(.tooManyStreams, "one too many") : Refusal(.forbidden, "no right")
  }

  func enqueue(_ waiting: WaitingDeletion) {
    let connection = waiting.connection
    if overload > 0, simulation.chance(overload) {
      let refusal = Refusal(.overloaded, "for a moment", isRetryable: true, retryAfterMilliseconds: 10)
      return send(connection.session.refuse(waiting.id, refusal), connection)
    }
    deletions.append(waiting)
    if !isCommitting { beginGroup() }
  }

  /// Something is removed with the next group.
  func remove(_ removal: ModelDisk.Removal, of stream: StreamName) {
    removals.append((stream, removal))
    if !isCommitting { beginGroup() }
  }

  /// Something of a stream, or all of it, that may be removed; nil if there is nothing.
  func drawRemoval(of stream: StreamName) -> ModelDisk.Removal? {
    // A server that gives numbers again may have none left.
    guard !isDown, let head = memory.stream(stream)?.head, head > 0 else { return nil }
    switch simulation.draw(0...5) {
    case 0: return .deleteStream
    case 1...2: return .trim(upTo: UInt64(simulation.draw(0...Int(head))))
    default:
      let first = UInt64(simulation.draw(1...Int(head)))
      return .delete(first...first + UInt64(simulation.draw(0...6)))
    }
  }

  private func beginGroup() {
    guard !queue.isEmpty || !removals.isEmpty || !deletions.isEmpty else { return }
    isCommitting = true
    isSynced = false
    let started = generation
    simulation.after(0...8) { [unowned self] in
      guard started == generation else { return }
      var (group, next) = decide()
      let before = memory
      memory = next
      if defect == .publishesEarly { publish(memory) }
      if defect == .saysDeletedEarly { answerDeletions(&group) }
      write(group.changes) { [unowned self] in
        if defect == .acksBeforeJournal, case .record = writing {
          answer(group)
          (group.acks, group.refusals) = ([], [])
        }
        isSynced = simulation.chance(2)
        simulation.after(1...15) { [unowned self] in
          guard started == generation else { return }
          sync(over: before)
          isCommitting = false
          answerDeletions(&group)
          answer(group)
          beginGroup()
        }
      }
    }
  }

  private func decide() -> (Group, ModelDisk) {
    var group = Group()
    var next = memory
    let full = Refusal(.diskFull, "", isRetryable: true, retryAfterMilliseconds: 30)
    let bending = ModelDisk.Bending(
      forgetsMarks: defect == .forgetsMarks, acceptsAnyOrder: defect == .acceptsAnyOrder)
    func make(_ change: ModelDisk.Change) {
      next.make(change)
      group.changes.append(change)
    }
    for (stream, removal) in removals {
      simulation.trace("server removes \(removal) of \(stream)")
      make(.remove(removal, of: stream, at: simulation.milliseconds))
    }
    removals = []
    for waiting in deletions {
      let request = waiting.request
      do {
        group.deletions.append((waiting, .success(try next.decide(request))))
        guard !request.isDryRun else { continue }
        let removal: ModelDisk.Removal = request.numbers.map { .delete($0) } ?? .deleteStream
        make(.remove(removal, of: request.stream, at: simulation.milliseconds))
      } catch { group.deletions.append((waiting, .failure(error))) }
    }
    deletions = []
    for waiting in queue {
      do {
        let (ack, row) = try next.decide(
          waiting.item, received: Int64(simulation.milliseconds) + 1, obstacle: isDiskFull ? full : nil,
          bending: bending
        ) { newIncarnation(insteadOf: $0) }
        if let row { make(.append(row)) }
        group.acks.append((waiting, ack))
      } catch { group.refusals.append((waiting, error)) }
    }
    queue = []
    return (group, next)
  }

  private func newIncarnation(insteadOf former: Incarnation?) -> Incarnation {
    if defect == .reusesIncarnations, let former { return former }
    return Incarnation(simulation.random.next() | 1)
  }

  /// The decisions are on disk from now on.
  private func sync(over before: ModelDisk) {
    endWriting()
    guard defect == .storesMarksLater else {
      if defect != .publishesEarly { publish(disk) }
      return
    }
    let marks = memory.streams.map(\.marks)
    for index in disk.streams.indices {
      disk.streams[index].marks = index < before.streams.count ? before.streams[index].marks : [:]
    }
    publish(disk)
    let started = generation
    simulation.after(10...100) { [unowned self] in
      guard started == generation else { return }
      for index in marks.indices { disk.streams[index].marks = marks[index] }
    }
  }

  private func answerDeletions(_ group: inout Group) {
    for (waiting, result) in group.deletions {
      let connection = waiting.connection
      switch result {
      case .success(let summary): send(connection.session.answer(waiting.id, .deleted(summary)), connection)
      case .failure(let refusal): send(connection.session.refuse(waiting.id, refusal), connection)
      }
      closeIfDrained(connection)
    }
    group.deletions = []
  }

  /// ACKs are combined into runs where possible.
  private func answer(_ group: Group) {
    for (waiting, refusal) in group.refusals {
      send(waiting.connection.session.refuse(waiting.id, refusal), waiting.connection)
      closeIfDrained(waiting.connection)
    }
    let acks = group.acks
    var index = 0
    while index < acks.count {
      var (waiting, ack) = acks[index]
      index += 1
      while index < acks.count, continues(waiting, ack, acks[index].waiting, acks[index].ack), !simulation.chance(4) {
        ack.appendCount += 1
        ack.count += acks[index].ack.count
        index += 1
      }
      if defect == .losesAnswers, simulation.chance(8) { continue }
      send(waiting.connection.session.acknowledge(waiting.id, ack), waiting.connection)
      closeIfDrained(waiting.connection)
    }
  }

  private func continues(_ waiting: Waiting, _ ack: Ack, _ next: Waiting, _ nextAck: Ack) -> Bool {
    next.connection === waiting.connection && next.id == waiting.id + ack.appendCount
      && next.item.stream == waiting.item.stream && next.item.producer == waiting.item.producer
      && nextAck.isDuplicate == ack.isDuplicate && nextAck.firstSequence == ack.firstSequence + ack.count
  }
}
