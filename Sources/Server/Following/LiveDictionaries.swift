internal import LogsStore
internal import LogsWire

/// Compresses the small commits of slow streams with what the store knows of their entries, for followers that take
/// dictionaries: a single entry alone has little that zstd could refer to.
///
/// A follower gets the dictionary once it has received twice as many bytes of such commits: it may leave any time, and
/// would have received more than without.
package final class LiveDictionaries {
  /// Where it pays.
  package struct Terms: Sendable {
    /// Larger commits go out as they are.
    package var commitByteCountMax = 4 << 10
    /// A stream is slow if its commits are this far apart, ns: compressing each takes as long as a delivery.
    package var pauseMin: Int64 = 50_000_000
    /// So many bytes of such commits a follower must have received before the store is asked.
    package var askByteCountMin = 16 << 10
    /// And so many times what its dictionary takes on the wire before it is sent that.
    package var repayment = 2
    /// After this time the store is asked again, ns: there may be a newer segment.
    package var lookInterval: Int64 = 3_600 * 1_000_000_000

    package init() {}
  }

  /// How many streams have one at the same time, on one shard. Each takes about a megabyte.
  static let countMax = 16

  /// A stream's.
  private final class Entry {
    var found: Found?
    var askedAt: Int64?
    var usedAt: Int64
    /// The last commit, as it was compressed: all followers get the same. Nil if it takes no less.
    var latest: (first: UInt64, run: Run?)?

    init(usedAt: Int64) { self.usedAt = usedAt }
  }

  private final class Found {
    let stream: StreamDictionary
    let recoder: BatchRecoder

    init(_ stream: StreamDictionary) {
      self.stream = stream
      recoder = BatchRecoder(stream.dictionary)
    }
  }

  private unowned let source: any StreamSource
  private let thread: any HubThread
  private let terms: Terms
  private var entries: [Int64: Entry] = [:]

  init(_ source: any StreamSource, _ thread: any HubThread, _ terms: Terms) {
    self.source = source
    self.thread = thread
    self.terms = terms
  }

  /// Nobody follows the stream any more.
  func forget(_ stream: Int64) { if !entries.isEmpty { entries[stream] = nil } }

  /// A commit as a follower gets it that takes dictionaries.
  func run(_ commit: CommittedRun, for track: Track) -> Run {
    let plain = commit.run
    guard plain.batches.count <= terms.commitByteCountMax, track.channel.pause >= terms.pauseMin else { return plain }
    track.slowByteCount += plain.batches.count
    guard track.dictionary != 0 || track.slowByteCount >= terms.askByteCountMin else { return plain }
    let (stream, now) = (commit.stream, thread.wallTime)
    let entry: Entry
    if let known = entries[stream.id] {
      entry = known
      entry.usedAt = now
    } else {
      entry = Entry(usedAt: now)
      entries[stream.id] = entry
    }
    if entry.askedAt.map({ now - $0 >= terms.lookInterval }) ?? true { ask(for: stream.id, entry, now) }
    guard let found = entry.found else { return plain }
    guard found.stream.mayBeGiven(of: stream) else {
      entry.found = nil
      return plain
    }
    let dictionary = found.stream.dictionary
    if track.dictionary != dictionary.id {
      guard track.slowByteCount >= terms.repayment * dictionary.packed.count else { return plain }
      track.dictionary = dictionary.id
      track.slowByteCount = 0
    }
    if entry.latest?.first != plain.first {
      entry.latest = (plain.first, Self.compressed(plain, found, seed: stream.serverSeed))
    }
    return entry.latest?.run ?? plain
  }

  private func ask(for stream: Int64, _ entry: Entry, _ now: Int64) {
    entry.askedAt = now
    source.findDictionary(stream: stream) { [thread] result in
      thread.reach { $0.liveDictionaries.take(result, of: stream) }
    }
  }

  private func take(_ result: Result<StreamDictionary?, StoreError>, of stream: Int64) {
    // Without an answer the one that there is goes on.
    guard let entry = entries[stream], case .success(let found) = result else { return }
    guard found?.dictionary != entry.found?.stream.dictionary else { return }
    entry.found = nil
    entry.latest = nil
    if let found, makeRoom() { entry.found = Found(found) }
  }

  /// Whether there may be one more, if necessary in the place of one that was not used for a while.
  private func makeRoom() -> Bool {
    let having = entries.values.filter { $0.found != nil }
    guard having.count >= Self.countMax, let oldest = having.min(by: { $0.usedAt < $1.usedAt }) else { return true }
    guard thread.wallTime - oldest.usedAt >= terms.lookInterval else { return false }
    (oldest.found, oldest.latest) = (nil, nil)
    return true
  }

  /// - Returns: nil if it takes no less space.
  private static func compressed(_ run: Run, _ found: Found, seed: UInt64) -> Run? {
    do throws(WireDecodingError) {
      var writer = ByteWriter(capacity: run.batches.count)
      for batch in try run.list() { writer.append(try found.recoder.recode(batch, seed: seed).bytes) }
      guard writer.count < run.batches.count else { return nil }
      return Run(run.numbers, writer.finish(), found.stream.dictionary)
    } catch {
      // Who decodes it meets the error again, and reports it.
      return nil
    }
  }
}
