internal import Glibc
internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// What the archive's thread works with.
struct ArchiveScene {
  let configuration: StoreConfiguration
  let directory: StoreDirectory
  let pool: ConnectionPool
  let catalog: Catalog
  let notes: ArchiveNotes
  /// Waits so that others get the disk; throws when the store closes.
  let pause: () throws(FileError) -> Void

  /// - Returns: nil when the segment cannot be read.
  func read<Value>(_ segment: Segment, _ body: (ReaderConnection) throws(SQLiteError) -> Value) -> Value? {
    let lease = ConnectionLease(pool, timeMax: .zero)
    defer { lease.end() }
    var next: Segment? = segment
    while let segment = next {
      do throws(SQLiteError) { return try lease.read(segment, body) } catch {
        next = directory.segments.replacement(of: segment)
      }
    }
    return nil
  }
}

/// One piece of work on the archive, with nobody else in its directory: afterwards it is whole again.
struct ArchivePass {
  /// What it has found and done.
  struct Outcome: Sendable {
    /// Nil while the archive has no segment.
    var head: ArchiveHead?
    /// The segments that retention has removed before they were archived.
    var lost: ClosedRange<Int64>?
    /// The segment that it has copied.
    var copied: (number: Int64, byteCount: Int)?
    /// Segments written anew without what was deleted from them.
    var rewritten: [Int64] = []
    /// Segments that the archive's own retention has removed.
    var expiredCount = 0
    /// When the oldest segment is old enough to go, by the wall clock; nil if only time tells.
    var nextExpiryAt: Int64?
    /// What is odd, for the log, once it is noted: before, the next attempt would say it again.
    var remarks: [String] = []
  }

  let scene: ArchiveScene
  let target: BackupDirectory
  var manifest: BackupManifest
  /// Nil while the archive has no segment.
  private(set) var head: ArchiveHead?
  /// Archived segments that could not be read when something was to be taken from them.
  var unreadable: Set<Int64>
  var outcome = Outcome()
  /// What is odd, and not noted yet.
  var remarks: [String] = []
  private let files = PosixFileSystem()

  var path: String { target.path }

  /// Opens an archive, or makes one.
  init(_ scene: ArchiveScene, at path: String) throws(StoreError) {
    self.scene = scene
    try Self.checkPlace(path, scene)
    target = try BackupDirectory.make(path, .archive)
    let found = try target.manifest()
    let store = scene.directory.id
    if let found, !found.isArchive {
      throw StoreError(.notAStore, ArchivePlace.holdsBackup(path))
    }
    if let found, found.store != store {
      throw StoreError(.notAStore, "\(path) is the archive of another store, \(found.store); name another directory")
    }
    // Also in another directory: this one may have been moved there.
    unreadable = Set(scene.notes.content?.unreadable ?? [])
    manifest = found ?? BackupManifest(store: store, newest: 0, madeAt: 0, isArchive: true)
    if found != nil {
      var found = try readHead()
      found.begin(at: beginnings(found.trimmedBelow, found))
      head = found
      try checkHistory()
    }
    outcome.head = head
  }

  // MARK: what there is to do

  /// The number of the next segment that the archive should get; nil if it takes whatever is the oldest.
  private var nextNumber: Int64? { head?.number }

  /// Does one piece of work. `outcome` has what was done, also if the rest has failed.
  ///
  /// - Parameters:
  ///   - isReady: whether a sealed segment may be copied now.
  ///   - now: the time by which segments of the archive expire; nil if none may.
  ///   - isRetrying: whether segments that could not be read are tried again.
  mutating func run(isReady: (Segment) -> Bool, now: Int64?, isRetrying: Bool) throws(StoreError) {
    // First, since the rest may fail for want of the space that this makes.
    if let now { try expire(now) }
    var deletions = scene.notes.content?.deletions ?? []
    // While nothing is known of this archive, what was deleted before is noted nowhere.
    if let head, !isKnown || deletions.contains(where: { head.isDue($0, scene.catalog) }) {
      try delete(deletions)
      deletions = try noteProgress(deletions)
    } else if isRetrying {
      try rewrite(unreadable.sorted())
    }
    if try !fillGap(deletions) { try copyNext(deletions, isReady) }
    // What has come may be old as well.
    if let now { try expire(now) }
    _ = try noteProgress(deletions)
  }

  /// Whether the notes are of this archive.
  var isKnown: Bool { scene.notes.content.map { $0.directory == path && $0.through > 0 } ?? false }

  /// - Parameter deletions: what is done as far as the archive reaches.
  /// - Returns: what is left of them, which the archive may get.
  private mutating func noteProgress(
    _ deletions: [ArchiveNotes.Deletion]
  ) throws(StoreError) -> [ArchiveNotes.Deletion] {
    guard let head else { return deletions }
    unreadable.formIntersection(manifest.segments)
    var rests: [ArchiveNotes.Deletion: ArchiveNotes.Deletion?] = [:]
    for deletion in deletions {
      // Nothing more comes of a stream that is gone.
      let isGone = scene.catalog[deletion.stream] == nil
      rests[deletion] = .some(isGone ? nil : deletion.part(behind: head.streams[deletion.stream]?.head ?? 0))
    }
    try scene.notes.note(directory: path, through: head.number - 1, unreadable: unreadable, rests: rests)
    sayRemarks()
    return deletions.compactMap { rests[$0] ?? nil }
  }

  private mutating func sayRemarks() {
    outcome.remarks += remarks
    remarks = []
  }

  /// Copies the next segment, if it is there.
  private mutating func copyNext(
    _ deletions: [ArchiveNotes.Deletion], _ isReady: (Segment) -> Bool
  ) throws(StoreError) {
    let listing = scene.directory.segments.current
    let wanted = nextNumber ?? listing.segments.first { $0.state != .damaged }?.number
    guard let segment = listing.segments.first(where: { $0.number == wanted }), segment.state == .sealed,
      isReady(segment)
    else { return }
    try target.beginNext(keepsSegments: false)
    let staged: (file: BackupManifest.File, head: ArchiveHead, isRewritten: Bool)?
    do throws(StoreError) { staged = try stage(segment, deletions) } catch {
      // Until it is tried again it would take space.
      do throws(StoreError) { try target.beginNext(keepsSegments: false) } catch {}
      throw error
    }
    guard let staged else { return }
    manifest.files[DirectorySurvey.name(segment.number)] = staged.file
    if unreadable.contains(segment.number) {
      // Before it counts: it has some of what was deleted.
      try scene.notes.note(unreadable: unreadable)
      sayRemarks()
    }
    try commit(staged.head)
    outcome.copied = (segment.number, staged.file.digest.byteCount)
    if staged.isRewritten { outcome.rewritten.append(segment.number) }
  }

  /// Puts a segment where the next state of the archive is made, without what was deleted of it.
  ///
  /// - Returns: nil if it is gone.
  private mutating func stage(
    _ segment: Segment, _ deletions: [ArchiveNotes.Deletion]
  ) throws(StoreError) -> (file: BackupManifest.File, head: ArchiveHead, isRewritten: Bool)? {
    guard let file = try copy(segment, deletions) else { return nil }
    // Only now: what was trimmed before the copy was made must be known.
    let staged = Segment(number: segment.number, path: target.next.segment(segment.number), state: .sealed)
    let before = try end(of: segment, staged.path)
    let next = nextHead(segment.number + 1, before, oldest: head?.trimmedBelow ?? segment.number, deletions)
    let catalog = next.catalog
    // The server may not have written it anew yet, or may never: in the archive it never counts as it is.
    guard try hasDeleted(staged, catalog), try rewrite(staged, as: staged.path, catalog) else {
      return (file, next, false)
    }
    return (BackupManifest.File(digest: try digest(staged.path)), next, true)
  }

  /// The streams at the end of a segment that has been copied, as the next one says.
  private func end(of segment: Segment, _ staged: String) throws(StoreError) -> (
    createdAt: Int64, streams: [StreamInfo]
  ) {
    let next = segment.number + 1
    if let before = before(next, scene.directory.segments.current) { return before }
    let listing = scene.directory.segments.current
    // Only where the next one is gone for good: later this head would be compared with it.
    let isGone = !listing.segments.contains { $0.number == next && $0.state != .damaged }
    if isGone, let ends = ends(staged, listing.active) { return ends }
    throw StoreError(
      .inputOutput,
      """
      cannot read segment \(next) in \(scene.directory.paths.segments), which says where segment \(segment.number) \
      ends; see logsd check if that does not pass
      """)
  }

  /// What a segment says of the streams before it; nil if it cannot be read, or is gone.
  private func before(_ number: Int64, _ listing: SegmentListing) -> (createdAt: Int64, streams: [StreamInfo])? {
    guard let segment = listing.segments.first(where: { $0.number == number }) else { return nil }
    return scene.read(segment) { connection throws(SQLiteError) in
      (try connection.createdAt(), try connection.streamsBefore())
    }
  }

  /// The streams at the end of a segment, by its own rows: where retention has removed the next one meanwhile. A later
  /// one would have this segment hold what it never had.
  private func ends(_ path: String, _ active: Segment) -> (createdAt: Int64, streams: [StreamInfo])? {
    let createdAt = scene.read(active) { connection throws(SQLiteError) in try connection.createdAt() }
    guard let createdAt else { return nil }
    do throws(SQLiteError) {
      let database = try Database(path, mode: .immutable, vfs: nil)
      var streams: [Int64: StreamInfo] = [:]
      try SegmentWriter.forEachStream(in: database) { stream, _ in streams[stream.id] = stream }
      let byteCount = try RowPacking(of: database).byteCount
      let rows = try database.prepare(
        "SELECT stream, max(first_seq + span - 1), sum(\(byteCount)), max(received) FROM runs GROUP BY stream")
      while try rows.step() {
        let id = rows.integer(0)
        guard let stream = streams[id] else { continue }
        streams[id]?.head = max(stream.head, rows.bits(1))
        streams[id]?.entryCount = max(stream.head, rows.bits(1))
        streams[id]?.storedByteCount += rows.bits(2)
        streams[id]?.lastReceived = max(stream.lastReceived, rows.integer(3))
      }
      return (createdAt, Array(streams.values))
    } catch { return nil }
  }

  private func nextHead(
    _ number: Int64, _ before: (createdAt: Int64, streams: [StreamInfo]), oldest: Int64,
    _ deletions: [ArchiveNotes.Deletion]
  ) -> ArchiveHead {
    let old = head ?? ArchiveHead(number: number, createdAt: 0, trimmedBelow: oldest, nextStreamID: 1, streams: [:])
    return ArchiveHead(
      number: number, createdAt: before.createdAt, trimmedBelow: oldest, nextStreamID: scene.catalog.newestID + 1,
      streams: old.following(before.streams, scene.catalog, deletions))
  }

  /// Copies a sealed segment to where the next state of the archive is put together, and reads it back.
  ///
  /// - Returns: nil if it is gone.
  private mutating func copy(
    _ segment: Segment, _ deletions: [ArchiveNotes.Deletion]
  ) throws(StoreError) -> BackupManifest.File? {
    let staged = target.next.segment(segment.number)
    let (files, scene, path) = (files, scene, path)
    let byteCount = try StoreError.of("look at") { () throws(FileError) in try files.byteCount(segment.path) }
    guard let byteCount else { return nil }
    let isTight = try StoreError.of("look at") { () throws(FileError) in
      try scene.lacksRoom(for: 2 * byteCount, at: path)
    }
    // One that is then written anew takes the space twice: without it the copy would be in vain.
    let count = isTight && holdsDeleted(segment, deletions) ? 2 : 1
    try scene.requireRoom(for: segment.number, count * byteCount, at: path)
    // Others write to that disk, too.
    let pause = { () throws(FileError) in
      try scene.pause()
      if try scene.lacksRoom(for: 0, at: path) { throw FileError.noRoom(path) }
    }
    let file = try StoreError.of("copy") { () throws(FileError) -> BackupManifest.File? in
      for path in [staged, "\(staged).tmp"] { try files.remove(path) }
      guard let copy = try files.copy(segment.path, to: "\(staged).tmp", pause: pause) else { return nil }
      // What comes back is to come from the disk.
      try files.dropCache("\(staged).tmp")
      guard try files.digest("\(staged).tmp", pause: pause) == copy.digest else {
        throw FileError(operation: "compare", path: "\(staged).tmp", code: EIO)
      }
      try files.rename("\(staged).tmp", to: staged)
      return BackupManifest.File(digest: copy.digest, source: copy.stamp)
    }
    if file != nil, !isReadable(staged, segment.number) {
      remarks.append(
        """
        segment \(segment.number) cannot be read; the archive has it as it is. See logsd check \
        \(scene.directory.paths.directory)
        """)
    }
    return file
  }

  /// Whether a segment of the data directory has some of what was deleted, as far as that can be said before it is
  /// copied.
  private func holdsDeleted(_ segment: Segment, _ deletions: [ArchiveNotes.Deletion]) -> Bool {
    guard let before = before(segment.number + 1, scene.directory.segments.current) else { return false }
    let catalog = nextHead(segment.number + 1, before, oldest: segment.number, deletions).catalog
    return scene.read(segment) { connection throws(SQLiteError) in try connection.removableBytes(catalog).deleted > 0 }
      ?? false
  }

  private func isReadable(_ path: String, _ number: Int64) -> Bool {
    do throws(SQLiteError) {
      let database = try Database(path, mode: .immutable, vfs: nil)
      _ = try database.integer("SELECT count(*) FROM streams")
      let identity = try SegmentWriter.identity(database)
      return identity.number == number && identity.store == scene.directory.id.bytes
    } catch { return false }
  }

  // MARK: what was never archived

  /// Puts empty segments in the place of those that went before they could be copied.
  ///
  /// - Returns: whether there were any.
  private mutating func fillGap(_ deletions: [ArchiveNotes.Deletion]) throws(StoreError) -> Bool {
    let listing = scene.directory.segments.current
    guard let old = head else { return false }
    let first = listing.segments.first { $0.number >= old.number && $0.state != .damaged }
    guard let first, first.number > old.number else { return false }
    guard let before = before(first.number, listing) else {
      throw StoreError(
        .inputOutput,
        """
        cannot read segment \(first.number) in \(scene.directory.paths.segments), which says where the segments before \
        it, which are gone, end; see logsd check if that does not pass
        """)
    }
    try target.beginNext(keepsSegments: false)
    let next = nextHead(first.number, before, oldest: old.trimmedBelow, deletions)
    for number in old.number..<first.number {
      try scene.pausing()
      let filler = ArchiveFiller(number: number, isFirst: number == old.number, before: old, after: next)
      let name = DirectorySurvey.name(number)
      try filler.write(target.next.segment(number), store: scene.directory.id, files)
      manifest.files[name] = BackupManifest.File(digest: try digest("\(target.next.directory)/\(name)"))
    }
    try commit(next)
    outcome.lost = old.number...first.number - 1
    return true
  }

  func digest(_ path: String) throws(StoreError) -> FileDigest {
    let files = files
    let digest = try StoreError.of("read") { () throws(FileError) in try files.digest(path) }
    guard let digest else {
      throw StoreError(.inputOutput, "\(path) is gone; let nothing else change the archive's directory")
    }
    return digest
  }

  // MARK: the archive's own retention

  private static let lookAgainTime = Duration.seconds(3600).nanoseconds

  private mutating func expire(_ now: Int64) throws(StoreError) {
    guard let ageMax = scene.configuration.archiveAgeMax, var next = head else { return }
    outcome.nextExpiryAt = .max
    var expiredCount = 0
    // As with the retention of the data directory: a clock that was wrong once must not make a segment look older.
    var latest = Int64.min
    while next.trimmedBelow < next.number {
      if let created = createdAt(next.trimmedBelow), created <= now { latest = max(latest, created) }
      // Its entries are older than the next one, or the first behind that which can be read.
      for number in next.trimmedBelow + 1...next.number {
        guard let created = createdAt(number) else { continue }
        if created <= now { latest = max(latest, created) }
        break
      }
      guard latest > .min, now.subtractingClamped(latest) >= ageMax.nanoseconds else {
        // If all are of the future, it is looked again.
        outcome.nextExpiryAt = latest > .min ? latest.addingClamped(ageMax.nanoseconds) : now + Self.lookAgainTime
        break
      }
      manifest.files[DirectorySurvey.name(next.trimmedBelow)] = nil
      next.trimmedBelow += 1
      expiredCount += 1
    }
    guard expiredCount > 0 else { return }
    try target.beginNext(keepsSegments: false)
    try commit(next)
    outcome.expiredCount += expiredCount
  }

  private func createdAt(_ number: Int64) -> Int64? {
    if let head, number == head.number { return head.createdAt }
    do throws(SQLiteError) {
      let database = try Database(target.paths.segment(number), mode: .immutable, vfs: nil)
      return try database.integer("SELECT created FROM segment")
    } catch { return nil }
  }

  // MARK: counting

  /// Has the archive end with another head. What else is new is in `next` and in the manifest.
  mutating func commit(_ new: ArchiveHead) throws(StoreError) {
    var new = new
    let name = DirectorySurvey.name(new.number)
    new.begin(at: beginnings(new.trimmedBelow, new))
    try new.write("\(target.next.directory)/\(name)", store: scene.directory.id, files)
    manifest.files[name] = BackupManifest.File(digest: try digest("\(target.next.directory)/\(name)"))
    manifest.newest = new.number
    manifest.madeAt = new.createdAt
    var store = StoreFile(id: scene.directory.id, newest: new.number, isClean: false)
    // As in a backup: wherever the archive is started or restored, it is a copy.
    store.identity = FileIdentity(inode: 0, birth: 0)
    try add("store", Array(store.text.utf8), files)
    let secret = PosixFileSystem(readableBy: .nobody)
    let tokens = "\(scene.directory.paths.directory)/tokens"
    manifest.files["tokens"] = nil
    if let content = try StoreError.of("read", { () throws(FileError) in try secret.read(tokens) }) {
      try add("tokens", content, secret)
    }
    try target.commit(manifest)
    (head, outcome.head) = (new, new)
  }

  private mutating func add(_ name: String, _ content: [UInt8], _ files: PosixFileSystem) throws(StoreError) {
    let path = "\(target.next.directory)/\(name)"
    try StoreError.of("make") { () throws(FileError) in
      try files.write(path, content)
      try files.synchronize(file: path)
    }
    manifest.files[name] = BackupManifest.File(digest: FileDigest(of: content))
  }

  /// Where the streams begin in the oldest segment.
  private func beginnings(_ oldest: Int64, _ head: ArchiveHead) -> [Int64: StreamBeginning] {
    if oldest == head.number {
      return head.streams.mapValues {
        StreamBeginning(next: $0.head + 1, entryCount: $0.entryCount, byteCount: $0.storedByteCount)
      }
    }
    for directory in [target.next, target.paths] {
      do throws(SQLiteError) {
        let database = try Database(directory.segment(oldest), mode: .immutable, vfs: nil)
        return try StreamBeginning.all(in: database)
      } catch { continue }
    }
    return [:]
  }
}

extension ArchiveScene {
  /// Whether with this much more in the archive's directory too little would be free for the data directory.
  func lacksRoom(for byteCount: Int, at path: String) throws(FileError) -> Bool {
    let data = self.directory.paths.directory
    guard try PosixFileSystem().shareFileSystem(path, data) else { return false }
    let (free, all) = try directory.files.space(data)
    return free - byteCount < configuration.retention.diskFreeMin.byteCount(ofDisk: all)
  }

  func requireRoom(for number: Int64, _ byteCount: Int, at path: String) throws(StoreError) {
    let isShort = try StoreError.of("look at") { () throws(FileError) in try lacksRoom(for: byteCount, at: path) }
    guard isShort else { return }
    throw StoreError(
      .diskFull,
      """
      segment \(number) waits, since with the \(byteCount >> 10) KiB that it takes in \(path) less would be free on \
      the disk of the data directory than has to stay free (disk-min-free). Free some space, or have the archive on \
      another disk
      """)
  }

  func pausing() throws(StoreError) {
    do throws(FileError) { try pause() } catch { throw StoreError(error, while: "work on") }
  }
}

extension Int64 {
  /// The sum, or else the nearest number that there is.
  fileprivate func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflows) = addingReportingOverflow(other)
    return overflows ? (other < 0 ? .min : .max) : sum
  }
}
