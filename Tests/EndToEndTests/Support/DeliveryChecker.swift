import FaultMessages

/// The history of one stream: records everything handed over, every acknowledgement, everything removed, everything
/// delivered to followers and all that is stored in the end, and reports which promises of `spec/model.md` do not hold.
///
/// It trusts nothing: followers' output is compared with what is stored, and what is stored with what was handed over,
/// down to the bytes of each message.
struct DeliveryChecker {
  struct Violation: CustomStringConvertible {
    enum Promise: String {
      case order = "P1 order"
      case durable = "P2 durable"
      case noPhantom = "P3 no phantom"
      case storedOnce = "P4 stored once"
      case noSilentGap = "P5 no silent gap"
      case exactSwitch = "P6 exact switch"
      case bounded = "P8 bounded"
      case badInput = "P9 bad input"
      /// Everything promised arrives eventually.
      case progress = "nobody waits forever"
    }

    let promise: Promise
    let text: String

    var description: String { "\(promise.rawValue): \(text)" }
  }

  /// An entry as a reader got it.
  struct Read {
    let sequence: UInt64
    let text: String
  }

  /// Numbers of which a reader was told that their entries are no longer kept.
  struct Removal {
    enum Reason { case trimmed, deleted }

    let numbers: ClosedRange<UInt64>
    let reason: Reason
  }

  /// What one reader got.
  struct Run {
    var reads: [Read] = []
    var removals: [Removal] = []

    /// The last number that it got something for.
    var end: UInt64 { max(reads.last?.sequence ?? 0, removals.map(\.numbers.upperBound).max() ?? 0) }
  }

  private struct Producer {
    var handedLast = 0
    var accepted: [ClosedRange<Int>] = []
    var flushed: [ClosedRange<Int>] = []
    var acknowledged: [(numbers: ClosedRange<Int>, sequences: [ClosedRange<UInt64>])] = []
  }

  private struct Follower {
    let name: String
    /// What it received, by one process after the other.
    let runs: [Run]
  }

  private var producers: [Int: Producer] = [:]
  private var followers: [Follower] = []
  private var stored = Run()
  private var noted: [Violation] = []
  /// What was asked to be deleted, and what the server has said that it deleted.
  private var toDelete: [ClosedRange<UInt64>] = []
  private var deleted: [ClosedRange<UInt64>] = []
  private var mayBeTrimmed = false
  private var isRead = false
  /// Entries that acknowledgements and followers have reported.
  private(set) var acknowledgedCount = 0
  private(set) var followedCount = 0
  var storedCount: Int { stored.reads.count }
  var removedCount: Int { stored.removals.reduce(0) { $0 + $1.numbers.count } }

  /// What a producer has reported.
  mutating func note(_ report: FaultReport, of producer: Int) {
    switch report {
    case .handing(let numbers): producers[producer, default: Producer()].handedLast = numbers.upperBound
    case .accepted(let numbers): producers[producer, default: Producer()].accepted.append(numbers)
    case .flushed(let numbers): producers[producer, default: Producer()].flushed.append(numbers)
    case .acknowledged(let numbers, let sequences):
      producers[producer, default: Producer()].acknowledged.append((numbers, sequences))
      acknowledgedCount += numbers.count
    case .failed(let text): note(.progress, "producer \(producer): \(text)")
    }
  }

  /// The last number that a producer ever handed over.
  func handedLast(of producer: Int) -> Int { producers[producer]?.handedLast ?? 0 }

  /// Records what a follower received, one run per process: each may begin with what the one before could no longer
  /// record as read.
  mutating func note(_ runs: [Run], of follower: String) {
    followers.append(Follower(name: follower, runs: runs))
    followedCount += runs.reduce(0) { $0 + $1.reads.count }
  }

  /// A deletion was asked for.
  ///
  /// - Parameter done: the first and last number that it has deleted; nil if there were none, or no answer.
  mutating func note(deletionOf asked: ClosedRange<UInt64>, done: ClosedRange<UInt64>?) {
    toDelete.append(asked)
    if let done { deleted.append(done) }
  }

  /// From now on the server may trim the stream.
  mutating func noteTrimming() { mayBeTrimmed = true }

  /// A fault that was seen elsewhere.
  mutating func note(_ promise: Violation.Promise, _ text: String) {
    noted.append(Violation(promise: promise, text: text))
  }

  /// Everything stored in the end, and what was removed of it.
  mutating func note(stored: Run) { (self.stored, isRead) = (stored, true) }

  // MARK: The judgement

  /// The violations, the first few of each kind. If nobody could read what is stored, only what was seen elsewhere.
  func violations() -> [Violation] {
    guard isRead else { return noted }
    var found = noted
    checkRemovals(&found)
    let texts = texts(&found)
    let entries = checkEntries(texts, &found)
    var places = Places(stored)
    for (sequence, entry) in entries { places.numbers[entry] = sequence }
    for key in producers.keys.sorted() { check(acknowledgedOf: key, texts, &places, &found) }
    checkHandedOver(texts, places, &found)
    for follower in followers { check(follower, &found) }
    return found
  }

  /// How many violations of one kind at one place are reported.
  private static let toldCountMax = 3

  /// Adds violations to a list, the first few.
  private struct Teller {
    let name: String
    var count = 0

    init(_ name: String = "") { self.name = name.isEmpty ? "" : "\(name): " }

    mutating func tell(_ promise: Violation.Promise, _ text: String, _ found: inout [Violation]) {
      count += 1
      if count <= DeliveryChecker.toldCountMax { found.append(Violation(promise: promise, text: name + text)) }
    }
  }

  /// Where entries are, or were before they were removed.
  private struct Places {
    var numbers: [FaultEntry: UInt64] = [:]
    let removed: Set<UInt64>

    init(_ stored: Run) { removed = Set(stored.removals.flatMap { Array($0.numbers) }) }
  }

  /// Whether each number up to the last is stored or removed, and whether what was removed was to be.
  private func checkRemovals(_ found: inout [Violation]) {
    var teller = Teller()
    let parts = stored.reads.map { $0.sequence...$0.sequence } + stored.removals.map(\.numbers)
    var next: UInt64 = 1
    for part in parts.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if part.lowerBound != next { teller.tell(.order, "\(part) comes behind number \(next - 1)", &found) }
      next = part.upperBound + 1
    }
    let firstRead = stored.reads.first?.sequence ?? .max
    for removal in stored.removals {
      switch removal.reason {
      case .trimmed where !mayBeTrimmed || removal.numbers.upperBound > firstRead:
        teller.tell(.noSilentGap, "\(removal.numbers) are trimmed behind kept ones, or for no reason", &found)
      case .deleted where !removal.numbers.allSatisfy({ number in toDelete.contains { $0.contains(number) } }):
        teller.tell(.noSilentGap, "not all of \(removal.numbers) was to be deleted", &found)
      case .trimmed, .deleted: break
      }
    }
    for read in stored.reads where deleted.contains(where: { $0.contains(read.sequence) }) {
      teller.tell(.durable, "number \(read.sequence) was deleted, and is there", &found)
    }
  }

  /// The messages by their numbers: what is stored in the end, and what somebody has read before it was removed.
  private func texts(_ found: inout [Violation]) -> [UInt64: String] {
    var texts: [UInt64: String] = [:]
    for read in stored.reads { texts[read.sequence] = read.text }
    let removed = Places(stored).removed
    for follower in followers {
      var teller = Teller(follower.name)
      for read in follower.runs.flatMap(\.reads) where texts[read.sequence] != nil || removed.contains(read.sequence) {
        guard let text = texts[read.sequence] else {
          texts[read.sequence] = read.text
          continue
        }
        guard text != read.text else { continue }
        teller.tell(
          .noPhantom, "number \(read.sequence) was given as \(read.text.prefix(40)), not \(text.prefix(40))", &found)
      }
    }
    return texts
  }

  /// Whether the entries are those handed over, each once and in order.
  private func checkEntries(
    _ texts: [UInt64: String], _ found: inout [Violation]
  ) -> [(sequence: UInt64, entry: FaultEntry)] {
    var entries: [(sequence: UInt64, entry: FaultEntry)] = []
    var last: [Int: Int] = [:]
    var seen: Set<FaultEntry> = []
    var teller = Teller()
    for (sequence, text) in texts.sorted(by: { $0.key < $1.key }) {
      guard let entry = FaultEntry(text: text) else {
        teller.tell(
          .badInput, "number \(sequence) holds what nobody handed over: \(text.prefix(80).debugDescription)", &found)
        continue
      }
      entries.append((sequence, entry))
      if entry.number > handedLast(of: entry.producer) {
        teller.tell(
          .noPhantom, "number \(sequence) holds \(Self.name(entry)), which was never handed over", &found)
      }
      if !seen.insert(entry).inserted {
        teller.tell(.storedOnce, "\(Self.name(entry)) is stored again as number \(sequence)", &found)
      } else if let before = last[entry.producer], entry.number < before {
        teller.tell(
          .order, "\(Self.name(entry)) is stored as number \(sequence), behind p\(entry.producer)-\(before)", &found)
      }
      last[entry.producer] = max(last[entry.producer] ?? 0, entry.number)
    }
    return entries
  }

  /// Whether everything acknowledged is in its place, or was removed from it.
  private func check(
    acknowledgedOf key: Int, _ texts: [UInt64: String], _ places: inout Places, _ found: inout [Violation]
  ) {
    var teller = Teller()
    for (numbers, sequences) in producers[key]?.acknowledged ?? [] {
      let count = sequences.reduce(0) { $0 + $1.count }
      if count != numbers.count {
        teller.tell(.order, "the acknowledgement of \(numbers.count) entries names \(count) numbers", &found)
      }
      for (number, sequence) in zip(numbers, sequences.joined()) {
        let entry = FaultEntry(producer: key, number: number)
        let place = places.numbers[entry]
        if place == sequence { continue }
        if place == nil, texts[sequence] == nil, places.removed.contains(sequence) {
          // Nobody has read it before it was removed.
          places.numbers[entry] = sequence
          continue
        }
        let really = place.map { "stored as number \($0)" } ?? "not stored"
        teller.tell(.durable, "\(Self.name(entry)) was acknowledged as number \(sequence) and is \(really)", &found)
      }
    }
  }

  /// Whether everything accepted is stored. What was removed before anybody has read it may be any of the entries
  /// without a place, but no more than these.
  private func checkHandedOver(_ texts: [UInt64: String], _ places: Places, _ found: inout [Violation]) {
    let known = Set(places.numbers.values)
    let hiddenCount = places.removed.count { texts[$0] == nil && !known.contains($0) }
    var lost: [String: [FaultEntry]] = [:]
    var missing: Set<FaultEntry> = []
    var unplacedCount = 0
    for (key, producer) in producers {
      func entry(_ number: Int) -> FaultEntry { FaultEntry(producer: key, number: number) }
      for (ranges, word) in [(producer.accepted, "accepted"), (producer.flushed, "flushed")] {
        let entries = ranges.joined().map(entry).filter { places.numbers[$0] == nil }
        lost[word, default: []] += entries
        missing.formUnion(entries)
      }
      unplacedCount += (1...max(1, producer.handedLast)).count { places.numbers[entry($0)] == nil }
    }
    if missing.count > hiddenCount {
      for (word, entries) in lost.sorted(by: { $0.key < $1.key }) {
        guard let first = entries.first else { continue }
        let text = "\(entries.count) \(word) entries are not stored, the first is \(Self.name(first))"
        found.append(Violation(promise: .durable, text: text + "; \(hiddenCount) unread ones were removed"))
      }
    }
    if hiddenCount > unplacedCount {
      let text = "\(hiddenCount) entries were removed unread, and only \(unplacedCount) can have been there"
      found.append(Violation(promise: .storedOnce, text: text))
    }
  }

  /// Whether a follower received what is stored, or that it was removed, from the first number to the last, each once
  /// per process.
  private func check(_ follower: Follower, _ found: inout [Violation]) {
    var teller = Teller(follower.name)
    let kept = Set(stored.reads.map(\.sequence))
    let removed = Set(stored.removals.flatMap { Array($0.numbers) })
    let told = Set(follower.runs.flatMap(\.removals).flatMap { Array($0.numbers) })
    if let first = told.filter({ !removed.contains($0) }).min() {
      teller.tell(.noSilentGap, "it was told that number \(first) was removed, which is not so", &found)
    }
    func checkGap(_ numbers: Range<UInt64>) {
      guard let first = numbers.first(where: { !told.contains($0) }) else { return }
      teller.tell(.noSilentGap, "number \(first) of \(numbers) was not given", &found)
    }
    var last: UInt64 = 0
    for run in follower.runs {
      var next = min(run.reads.first?.sequence ?? .max, last + 1)
      for read in run.reads {
        if read.sequence > next { checkGap(next..<read.sequence) }
        if read.sequence < next {
          teller.tell(.exactSwitch, "number \(read.sequence) was given again before \(next)", &found)
        }
        next = read.sequence + 1
        if !kept.contains(read.sequence), !removed.contains(read.sequence) {
          teller.tell(.noPhantom, "number \(read.sequence) was given and is not stored", &found)
        }
      }
      if !run.reads.isEmpty { last = max(last, next - 1) }
    }
    if last < stored.end { checkEnd(last + 1...stored.end) }
    func checkEnd(_ numbers: ClosedRange<UInt64>) {
      guard let first = numbers.first(where: { !told.contains($0) }) else { return }
      teller.tell(.progress, "it got nothing for number \(first) of \(stored.end)", &found)
    }
  }

  private static func name(_ entry: FaultEntry) -> String { "p\(entry.producer)-\(entry.number)" }
}
