import FaultMessages

/// The history of one stream: records everything handed over, every acknowledgement, everything delivered to followers
/// and all that is stored in the end, and reports which promises of `spec/model.md` do not hold.
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

  private struct Producer {
    var handedLast = 0
    var accepted: [ClosedRange<Int>] = []
    var flushed: [ClosedRange<Int>] = []
    var acknowledged: [(numbers: ClosedRange<Int>, sequences: [ClosedRange<UInt64>])] = []
  }

  private struct Follower {
    let name: String
    /// What it received, by one process after the other.
    let runs: [[Read]]
  }

  private var producers: [Int: Producer] = [:]
  private var followers: [Follower] = []
  private var stored: [Read] = []
  private var noted: [Violation] = []
  /// Entries that acknowledgements and followers have reported.
  private(set) var acknowledgedCount = 0
  private(set) var followedCount = 0
  var storedCount: Int { stored.count }

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
  mutating func note(_ runs: [[Read]], of follower: String) {
    followers.append(Follower(name: follower, runs: runs))
    followedCount += runs.reduce(0) { $0 + $1.count }
  }

  /// A fault that was seen elsewhere.
  mutating func note(_ promise: Violation.Promise, _ text: String) {
    noted.append(Violation(promise: promise, text: text))
  }

  /// Everything stored in the end.
  mutating func note(stored: [Read]) { self.stored = stored }

  // MARK: The judgement

  /// The violations, the first few of each kind.
  func violations() -> [Violation] {
    var found = noted
    let entries = checkStored(&found)
    var places: [FaultEntry: UInt64] = [:]
    for (read, entry) in zip(stored, entries) { if let entry { places[entry] = read.sequence } }
    for key in producers.keys.sorted() { check(producers[key] ?? Producer(), key, places, &found) }
    for follower in followers { check(follower, &found) }
    return found
  }

  /// How many violations of one kind at one place are reported.
  private static let toldCountMax = 3

  /// Whether the stored entries are those handed over, each once and in order.
  private func checkStored(_ found: inout [Violation]) -> [FaultEntry?] {
    var entries: [FaultEntry?] = []
    var last: [Int: Int] = [:]
    var seen: Set<FaultEntry> = []
    var told = 0
    func tell(_ promise: Violation.Promise, _ text: String) {
      told += 1
      if told <= Self.toldCountMax { found.append(Violation(promise: promise, text: text)) }
    }
    for (index, read) in stored.enumerated() {
      if read.sequence != UInt64(index) + 1 {
        tell(.order, "entry \(index + 1) of what is stored has number \(read.sequence)")
      }
      let entry = FaultEntry(text: read.text)
      entries.append(entry)
      guard let entry else {
        tell(
          .badInput, "number \(read.sequence) holds what nobody handed over: \(read.text.prefix(80).debugDescription)")
        continue
      }
      if entry.number > handedLast(of: entry.producer) {
        tell(.noPhantom, "number \(read.sequence) holds \(Self.name(entry)), which was never handed over")
      }
      if !seen.insert(entry).inserted {
        tell(.storedOnce, "\(Self.name(entry)) is stored again as number \(read.sequence)")
      } else if let before = last[entry.producer], entry.number < before {
        tell(.order, "\(Self.name(entry)) is stored as number \(read.sequence), behind p\(entry.producer)-\(before)")
      }
      last[entry.producer] = max(last[entry.producer] ?? 0, entry.number)
    }
    return entries
  }

  /// Whether everything accepted and acknowledged is stored, and in its place.
  private func check(_ producer: Producer, _ key: Int, _ places: [FaultEntry: UInt64], _ found: inout [Violation]) {
    func missing(_ ranges: [ClosedRange<Int>]) -> [Int] {
      ranges.flatMap { $0.filter { places[FaultEntry(producer: key, number: $0)] == nil } }
    }
    for (ranges, word) in [(producer.accepted, "accepted"), (producer.flushed, "flushed")] {
      let lost = missing(ranges)
      guard let first = lost.first else { continue }
      found.append(
        Violation(
          promise: .durable, text: "\(lost.count) \(word) entries are not stored, the first is p\(key)-\(first)"))
    }
    var told = 0
    for (numbers, sequences) in producer.acknowledged {
      let count = sequences.reduce(0) { $0 + $1.count }
      if count != numbers.count {
        found.append(
          Violation(promise: .order, text: "the acknowledgement of \(numbers.count) entries names \(count) numbers"))
      }
    }
    for (numbers, sequences) in producer.acknowledged {
      for (number, sequence) in zip(numbers, sequences.joined()) where told < Self.toldCountMax {
        let place = places[FaultEntry(producer: key, number: number)]
        guard place != sequence else { continue }
        told += 1
        let really = place.map { "stored as number \($0)" } ?? "not stored"
        found.append(
          Violation(
            promise: .durable, text: "p\(key)-\(number) was acknowledged as number \(sequence) and is \(really)"))
      }
    }
  }

  /// Whether a follower received what is stored, from the first entry to the last, each once per process.
  private func check(_ follower: Follower, _ found: inout [Violation]) {
    var told = 0
    func tell(_ promise: Violation.Promise, _ text: String) {
      told += 1
      if told <= Self.toldCountMax { found.append(Violation(promise: promise, text: "\(follower.name): \(text)")) }
    }
    var last: UInt64 = 0
    for run in follower.runs {
      guard let first = run.first else { continue }
      if first.sequence > last + 1 { tell(.noSilentGap, "it goes on at number \(first.sequence) after \(last)") }
      var next = first.sequence
      for read in run {
        if read.sequence > next { tell(.noSilentGap, "numbers \(next) to \(read.sequence - 1) were not given") }
        if read.sequence < next { tell(.exactSwitch, "number \(read.sequence) was given again before \(next)") }
        next = read.sequence + 1
        let place = Int(read.sequence) - 1
        guard stored.indices.contains(place) else {
          tell(.noPhantom, "number \(read.sequence) was given and is not stored")
          continue
        }
        if stored[place].text != read.text {
          tell(
            .noPhantom,
            "number \(read.sequence) was given as \(read.text.prefix(40)), not \(stored[place].text.prefix(40))")
        }
      }
      last = max(last, next - 1)
    }
    if last < UInt64(stored.count) { tell(.progress, "it got \(last) of \(stored.count) entries") }
  }

  private static func name(_ entry: FaultEntry) -> String { "p\(entry.producer)-\(entry.number)" }
}
