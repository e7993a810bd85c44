import LogsWire

@testable import LogsClient
@testable import LogsSimulation

/// Knows all batches handed over, all answers, and everything that readers received. Compares this with the server's
/// disk at each answer and delivery, and at the end.
final class Checker {
  /// A batch that an application has handed over.
  final class Handed {
    let key: AppendQueue.Key
    /// Its position among all batches of the same producer on the same stream.
    let place: Int
    let check: UInt64
    let count: UInt64
    /// Whether the server refuses it as wrong.
    let isBad: Bool
    /// Whether it waits for a right that the server refuses.
    let waitsForPermission: Bool
    var stored: Place?
    var error: LogError?
    struct Place: Equatable {
      let incarnation: Incarnation
      let range: ClosedRange<UInt64>
    }

    /// Processes that held it.
    var lifeCount = 1
    /// The process that knew its outcome is gone.
    var isForgotten = false

    init(
      key: AppendQueue.Key, place: Int, check: UInt64, count: UInt64, isBad: Bool, waitsForPermission: Bool
    ) {
      self.key = key
      self.place = place
      self.check = check
      self.count = count
      self.isBad = isBad
      self.waitsForPermission = waitsForPermission
    }

    var isAnswered: Bool { stored != nil || error != nil || isForgotten }
  }

  /// How much happened, to prove that the run did something.
  struct Tally: Equatable {
    var storedCount = 0
    var duplicateCount = 0
    var givenUpCount = 0
    var forgottenCount = 0
    var deliveredEntryCount = 0
    var skippedEntryCount = 0
    /// How often readers were told that a stream was deleted, and how often they had to start over for that.
    var deletedCount = 0
    var restartCount = 0
    var deletionCount = 0
    var endCount = 0
    var lostConnectionCount = 0
    var renewalCount = 0
    var dictionaryCount = 0
    /// How often a stream was held back, and how often one was accepted again.
    var heldCount = 0
    var releasedCount = 0
    var journal = ModelServer.JournalTally()

    static func += (left: inout Tally, right: Tally) {
      left.storedCount += right.storedCount
      left.duplicateCount += right.duplicateCount
      left.givenUpCount += right.givenUpCount
      left.forgottenCount += right.forgottenCount
      left.deliveredEntryCount += right.deliveredEntryCount
      left.skippedEntryCount += right.skippedEntryCount
      left.deletedCount += right.deletedCount
      left.restartCount += right.restartCount
      left.deletionCount += right.deletionCount
      left.endCount += right.endCount
      left.lostConnectionCount += right.lostConnectionCount
      left.renewalCount += right.renewalCount
      left.dictionaryCount += right.dictionaryCount
      left.heldCount += right.heldCount
      left.releasedCount += right.releasedCount
      left.journal += right.journal
    }
  }

  let simulation: Simulation
  let server: ModelServer
  var tally = Tally()
  private(set) var violations: [(promise: Promise, text: String)] = []
  private(set) var handed: [Handed] = []
  private var handedByCheck: [UInt64: Handed] = [:]
  private var counts: [AppendQueue.Key: Int] = [:]

  init(_ simulation: Simulation, _ server: ModelServer) {
    self.simulation = simulation
    self.server = server
  }

  func violate(_ promise: Promise, _ text: @autoclosure () -> String) {
    let text = "at \(simulation.milliseconds) ms: \(promise.rawValue): \(text())"
    simulation.trace("VIOLATION \(text)")
    violations.append((promise, text))
  }

  // MARK: - Appending

  func handOver(_ batch: Batch, to key: AppendQueue.Key, waitsForPermission: Bool) -> Handed {
    let place = counts[key, default: 0]
    counts[key] = place + 1
    let new = Handed(
      key: key, place: place, check: batch.header.check, count: UInt64(batch.header.count),
      isBad: server.badChecks.contains(batch.header.check), waitsForPermission: waitsForPermission)
    handed.append(new)
    handedByCheck[new.check] = new
    return new
  }

  func acknowledged(
    _ batch: Handed, _ incarnation: Incarnation, _ range: ClosedRange<UInt64>, isDuplicate: Bool
  ) {
    tally.storedCount += 1
    if isDuplicate { tally.duplicateCount += 1 }
    let place = Handed.Place(incarnation: incarnation, range: range)
    // What was deleted with its stream may be stored again.
    if let stored = batch.stored, stored != place, server.disk.stream(stored.incarnation)?.isDeleted != true {
      violate(.storedOnce, "\(batch.shown) was stored at \(stored.range) and now at \(range)")
    }
    batch.stored = place
    if !holds(batch, at: place) {
      violate(.durable, "\(batch.shown) is acknowledged at \(range) and not stored there")
    }
  }

  private func holds(_ batch: Handed, at place: Handed.Place) -> Bool {
    let range = place.range
    guard let stream = server.disk.stream(place.incarnation), stream.name == batch.key.stream,
      let header = stream.place(of: range.lowerBound).map({ stream.batches[$0].header })
    else { return false }
    return header.check == batch.check && header.firstSequence == range.lowerBound
      && header.lastSequence == range.upperBound && batch.count == UInt64(range.count)
  }

  func failed(_ batch: Handed, _ error: LogError) {
    let isExpected =
      switch error.code {
      case .refused(.badBatch): batch.isBad
      case .refused(.streamSealed): server.disk.streams.contains { $0.name == batch.key.stream && $0.isSealed }
      case .refused(.forbidden): !batch.waitsForPermission
      // Given up by the previous process, which ended before it could record that. Or stored, and deleted with its
      // stream: the mark of the next one does not know it.
      case .refused(.outOfOrder):
        batch.error != nil || batch.stored.map { server.disk.stream($0.incarnation)?.isDeleted == true } ?? false
      default: false
      }
    if !isExpected { violate(.storedOnce, "\(batch.shown) is given up without need: \(error)") }
    batch.error = error
    tally.givenUpCount += 1
  }

  /// The process that waited for the answer is gone, and nobody will ask again.
  func forget(_ batch: Handed) {
    batch.isForgotten = true
    tally.forgottenCount += 1
  }

  // MARK: - At the end

  /// - Parameter isCutShort: whether a violation ended the run, so that much has no answer yet.
  func check(_ readers: [ModelReader], isCutShort: Bool) {
    checkDisk()
    for reader in readers { check(reader) }
    guard !isCutShort else { return }
    for batch in handed where !batch.isAnswered { violate(.nobodyWaitsForEver, "\(batch.shown) has no answer") }
    for reader in readers where !isComplete(reader) {
      violate(.nobodyWaitsForEver, "\(reader.name) is not at its end: \(reader.record.shown)")
    }
  }

  private func checkDisk() {
    var stored: Set<UInt64> = []
    var incarnations: Set<Incarnation> = []
    for stream in server.disk.streams {
      if !incarnations.insert(stream.incarnation).inserted {
        violate(.order, "\(stream.name) has an incarnation that was given before")
      }
      var seen: Set<UInt64> = []
      var next: UInt64 = 1
      var places: [ProducerID: Int] = [:]
      for batch in stream.batches {
        let header = batch.header
        if header.firstSequence != next { violate(.order, "\(stream.name) has no \(next)") }
        next = header.lastSequence + 1
        guard let known = handedByCheck[header.check], known.key.stream == stream.name else {
          violate(.badInputHarmsNobody, "\(stream.name) holds at \(header.firstSequence) what nobody handed over")
          continue
        }
        if !seen.insert(header.check).inserted { violate(.storedOnce, "\(known.shown) is stored twice") }
        if let last = places[known.key.producer], last >= known.place {
          violate(.order, "\(known.shown) is stored behind number \(last) of its producer")
        }
        places[known.key.producer] = known.place
      }
      if stream.head + 1 != next { violate(.order, "\(stream.name) has a head of \(stream.head), not \(next - 1)") }
      // What was deleted with its stream may be refused when it is sent again.
      if !stream.isDeleted { stored.formUnion(seen) }
    }
    for batch in handed { check(batch, isStored: stored.contains(batch.check)) }
  }

  private func check(_ batch: Handed, isStored: Bool) {
    if let place = batch.stored {
      if !holds(batch, at: place) {
        violate(.durable, "\(batch.shown) was acknowledged at \(place.range) and is not there any more")
      }
    } else if let error = batch.error, isStored, !error.mayHaveTakenEffect, batch.lifeCount == 1 {
      violate(.storedOnce, "\(batch.shown) is stored, and its producer was told that it is not: \(error)")
    }
  }
}

extension Checker.Handed {
  var shown: String { "batch \(place) of producer \(key.producer.high) for \(key.stream)" }
}
