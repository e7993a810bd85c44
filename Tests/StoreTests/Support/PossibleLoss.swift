import LogsDisk
import LogsSystem
import LogsWire

@testable import LogsStore

/// What a repair may lose of a store of three segments that was damaged, by the names of streams. It cannot give back
/// more, and must give back the rest.
struct PossibleLoss {
  typealias Numbers = [String: Set<UInt64>]

  private let pristine: TestDirectory
  private let damaged: TestDirectory
  private var names: [Int64: String] = [:]
  private static let newest = "data/segments/0000000003.db"

  init(_ pristine: TestDirectory, _ damaged: TestDirectory) throws {
    (self.pristine, self.damaged) = (pristine, damaged)
    let newest = try Database(pristine.path + "/" + Self.newest, mode: .immutable, vfs: nil)
    let rows = try newest.prepare("SELECT id, name FROM streams")
    while try rows.step() { names[rows.integer(0)] = rows.text(1) }
  }

  /// The entries that lie on pages that have changed, or that need a dictionary that does, or where that cannot be
  /// told, in files that have changed.
  func onChangedPages() throws -> Numbers {
    var lost: Numbers = [:]
    var scanned: Numbers = [:]
    for name in pristine.names().filter({ $0.hasSuffix(".db") }) {
      let before = pristine.contents("data/segments/\(name)")
      let after = damaged.contents("data/segments/\(name)")
      let log = Log(pristine.contents("data/segments/\(name)-wal"), damaged.contents("data/segments/\(name)-wal"))
      // One that has another's place is found there.
      let isMoved = after != before && damaged.names().contains { damaged.contents("data/segments/\($0)") == before }
      let pages = WALPages(log.before)?.applied(to: before, isWholeOnly: false) ?? before
      var unchanged = pages
      let scan = PageScan.scans(pages)[0]
      func isChanged(_ page: Int) -> Bool {
        if let isChanged = log.isChanged(page) { return isChanged }
        let range = (page - 1) * scan.pageByteCount..<page * scan.pageByteCount
        return range.upperBound > after.count || before[range] != after[range]
      }
      // The first one has no rows.
      for page in 1..<pages.count / scan.pageByteCount where isChanged(page + 1) {
        for index in page * scan.pageByteCount..<(page + 1) * scan.pageByteCount { unchanged[index] = 0 }
      }
      // There are two of each: one is enough.
      var dictionaries: Set<UInt64> = [0]
      var rowDictionaries: [BatchDictionary] = []
      PageScan.scans(unchanged)[0].forEachDictionary { dictionary, isOfRows in
        if isOfRows { rowDictionaries.append(dictionary) } else { dictionaries.insert(dictionary.id) }
      }
      var unpackable: [Int64: Set<UInt64>] = [:]
      scan.forEachRow(rowDictionaries) { row in
        for batch in (try? Batch.run(row.batches)) ?? [] {
          unpackable[row.stream, default: []].formUnion(batch.header.firstSequence...batch.header.lastSequence)
        }
      }
      scan.forEachRow(scan.rowDictionaries) { row in
        guard let stream = names[row.stream] else { return }
        let isRowChanged = row.pages.contains(where: isChanged)
        for batch in (try? Batch.run(row.batches)) ?? [] {
          let numbers = Set(batch.header.firstSequence...batch.header.lastSequence)
          scanned[stream, default: []].formUnion(numbers)
          let isUnpackable = unpackable[row.stream]?.isSuperset(of: numbers) == true
          guard isRowChanged || !isUnpackable || !dictionaries.contains(batch.header.dictionary), !isMoved else {
            continue
          }
          lost[stream, default: []].formUnion(numbers)
        }
      }
    }
    if pristine.contents("data/journal") != damaged.contents("data/journal") {
      // What is in the journal alone.
      for stream in names.values {
        lost[stream, default: []].formUnion(Set(1...2000).subtracting(scanned[stream] ?? []))
      }
    }
    return lost
  }

  /// The entries that are in the WAL behind the first transaction that has changed, and not in the journal: where
  /// nothing else shows that something is missing, a power loss may have left as much.
  func behindEndOfWAL() throws -> Numbers {
    let (before, after) = (pristine.contents("\(Self.newest)-wal"), damaged.contents("\(Self.newest)-wal"))
    let sameCount = zip(before, after).prefix { $0 == $1 }.count
    guard sameCount < before.count else { return [:] }
    let file = pristine.contents(Self.newest)
    let reached = WALPages(Array(before.prefix(Log.endOfCommits(in: before, within: sameCount))))
    let there = numbers(in: reached?.applied(to: file, isWholeOnly: false) ?? file)
    let written = numbers(in: WALPages(before)?.applied(to: file, isWholeOnly: false) ?? file)
    let journal = pristine.contents("data/journal")
    let header = try JournalFormat.header(of: journal, byteCount: journal.count)
    var lost = written.merging(there) { $0.subtracting($1) }
    for row in StoreRepair.records(in: journal, header).flatMap(\.rows) {
      if let stream = names[row.stream] { lost[stream]?.subtract(row.numbers) }
    }
    return lost
  }

  private func numbers(in file: [UInt8]) -> Numbers {
    var found: Numbers = [:]
    let scan = PageScan.scans(file)[0]
    scan.forEachRow(scan.rowDictionaries) { row in
      guard let stream = names[row.stream] else { return }
      for batch in (try? Batch.run(row.batches)) ?? [] {
        found[stream, default: []].formUnion(batch.header.firstSequence...batch.header.lastSequence)
      }
    }
    return found
  }

  /// The WAL of a segment, before it was damaged and after.
  private struct Log {
    let before: [UInt8]
    private let after: [UInt8]
    /// Where the last frame of each page is.
    private var frames: [Int: Range<Int>] = [:]
    private static let headerByteCount = 32
    private static let frameByteCount = 24 + SegmentSchema.pageByteCount

    init(_ before: [UInt8], _ after: [UInt8]) {
      (self.before, self.after) = (before, after)
      for start in stride(
        from: Self.headerByteCount, through: before.count - Self.frameByteCount, by: Self.frameByteCount)
      {
        // Others are from before the log was begun anew.
        guard before[start + 8..<start + 16] == before[16..<24] else { continue }
        frames[Self.integer(before, start)] = start..<start + Self.frameByteCount
      }
    }

    /// A big-endian number of four bytes.
    private static func integer(_ bytes: [UInt8], _ offset: Int) -> Int {
      bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
    }

    /// Nil if the page is not in it.
    func isChanged(_ page: Int) -> Bool? {
      frames[page].map { $0.upperBound > after.count || before[$0] != after[$0] }
    }

    /// Where the last transaction ends that lies within the first bytes of a log.
    static func endOfCommits(in log: [UInt8], within byteCount: Int) -> Int {
      var end = 0
      for start in stride(from: headerByteCount, through: byteCount - frameByteCount, by: frameByteCount) {
        // The last frame of a transaction says how many pages there are.
        if integer(log, start + 4) > 0 { end = start + frameByteCount }
      }
      return end
    }
  }
}

extension PageScan {
  /// What packed rows in these pages may need.
  var rowDictionaries: [BatchDictionary] {
    var found: [BatchDictionary] = []
    forEachDictionary { dictionary, isOfRows in if isOfRows { found.append(dictionary) } }
    return found
  }
}
