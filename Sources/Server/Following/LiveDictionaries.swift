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
    /// And so do those with more bytes before compression.
    package var rawByteCountMax = 64 << 10
    /// A stream is slow if its commits are this far apart, ns: compressing each takes as long as a delivery.
    package var pauseMin: Int64 = 50_000_000
    /// So many bytes of such commits a follower must have received before the store is asked.
    package var askByteCountMin = 16 << 10
    /// And so many times what its dictionary takes on the wire before it is sent that.
    package var repayment = 2
    /// It is sent with this much room, and so many entries left of the subscription's limit.
    package var useMin = Subscription.dictionaryUseMin
    /// After this time the store is asked again, ns: there may be a newer segment.
    package var lookInterval: Int64 = 3_600 * 1_000_000_000
    /// The same if it had none.
    package var retryInterval: Int64 = 300 * 1_000_000_000

    package init() {}
  }

  /// How many streams have one at the same time, on one shard. Each takes about a megabyte.
  static let countMax = 16
  /// How many followers are sent a dictionary with the same commit; others get it with a later one.
  private static let introductionCountMax = 8

  /// A stream's.
  private final class Entry {
    var found: Found?
    var askedAt: Int64?
    var usedAt: Int64 = 0
    /// The last commit, and how it was compressed: all followers get the same. Nil if it takes no less.
    var latest: (first: UInt64, run: Run?)?
    /// To how many followers the last commit brought the dictionary.
    var introductionCount = 0
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
  /// Those that have a dictionary.
  private var holders: [Entry] = []

  init(_ source: any StreamSource, _ thread: any HubThread, _ terms: Terms) {
    self.source = source
    self.thread = thread
    self.terms = terms
  }

  /// Nobody follows the stream any more.
  func forget(_ stream: Int64) {
    guard !entries.isEmpty, let entry = entries.removeValue(forKey: stream) else { return }
    drop(entry)
  }

  /// A commit as a follower gets it that takes dictionaries.
  func run(_ commit: CommittedRun, for track: Track) -> Run {
    let plain = commit.run
    guard plain.batches.count <= terms.commitByteCountMax, track.channel.pause >= terms.pauseMin else { return plain }
    track.slowByteCount += plain.batches.count
    guard track.dictionary != 0 || track.slowByteCount >= terms.askByteCountMin else { return plain }
    let entry = entry(commit.stream.id)
    guard let found = entry.found else { return plain }
    guard found.stream.mayBeGiven(of: commit.stream) else {
      drop(entry)
      return plain
    }
    if entry.latest?.first != plain.first {
      entry.latest = (plain.first, compressed(plain, found, seed: commit.stream.serverSeed))
      entry.introductionCount = 0
    }
    guard let compressed = entry.latest?.run, has(found.stream.dictionary, track, entry) else { return plain }
    return compressed
  }

  /// What is known of a stream. If that was long ago, or nothing, the store is asked.
  private func entry(_ stream: Int64) -> Entry {
    let now = thread.monotonicTime
    let entry = entries[stream] ?? Entry()
    entries[stream] = entry
    entry.usedAt = now
    let interval = entry.found == nil ? terms.retryInterval : terms.lookInterval
    if entry.askedAt.map({ now - $0 >= interval }) ?? true, entry.found != nil || hasRoom(now) {
      entry.askedAt = now
      source.findDictionary(stream: stream) { [thread] result in
        thread.reach { $0.liveDictionaries.take(result, of: stream) }
      }
    }
    return entry
  }

  /// Whether a follower has the dictionary, or is to get it now.
  private func has(_ dictionary: BatchDictionary, _ track: Track, _ entry: Entry) -> Bool {
    let subscription = track.subscription
    if track.dictionary == dictionary.id {
      if subscription.host.hasDictionary(dictionary) { return true }
      // Others have taken its place on the connection: it has to pay again.
      (track.dictionary, track.slowByteCount) = (0, 0)
    }
    guard track.slowByteCount >= terms.repayment * dictionary.packed.count,
      subscription.frameByteCountMax >= terms.useMin.byteCount,
      subscription.remaining ?? .max >= terms.useMin.entryCount, entry.introductionCount < Self.introductionCountMax
    else { return false }
    entry.introductionCount += 1
    (track.dictionary, track.slowByteCount) = (dictionary.id, 0)
    return true
  }

  private func take(_ result: Result<StreamDictionary?, StoreError>, of stream: Int64) {
    // Without an answer the one that there is goes on.
    guard let entry = entries[stream], case .success(let found) = result else { return }
    guard found?.dictionary != entry.found?.stream.dictionary else { return }
    drop(entry)
    guard let found, hasRoom(thread.monotonicTime) else { return }
    if holders.count == Self.countMax, let oldest = holders.min(by: { $0.usedAt < $1.usedAt }) { drop(oldest) }
    entry.found = Found(found)
    holders.append(entry)
  }

  /// Whether there may be one more, if necessary in the place of one that was not used for a while.
  private func hasRoom(_ now: Int64) -> Bool {
    holders.count < Self.countMax || holders.contains { now - $0.usedAt >= terms.lookInterval }
  }

  private func drop(_ entry: Entry) {
    (entry.found, entry.latest) = (nil, nil)
    holders.removeAll { $0 === entry }
  }

  /// - Returns: nil if it takes no less space, or is large.
  private func compressed(_ run: Run, _ found: Found, seed: UInt64) -> Run? {
    do throws(WireDecodingError) {
      let batches = try run.list()
      guard batches.reduce(0, { $0 + Int($1.header.rawLength) }) <= terms.rawByteCountMax else { return nil }
      var writer = ByteWriter(capacity: run.batches.count)
      for batch in batches { writer.append(try found.recoder.recode(batch, seed: seed).bytes) }
      guard writer.count < run.batches.count else { return nil }
      return Run(run.numbers, writer.finish(), found.stream.dictionary)
    } catch {
      // Who decodes it meets the error again, and reports it.
      return nil
    }
  }
}
