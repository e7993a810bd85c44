internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Copies a data directory into a backup, whether a server uses it or not (decision 53 says how).
///
/// The backup shows one moment: everything that was acknowledged before the call is in it.
package struct StoreBackup {
  package struct Summary: Hashable, Sendable {
    package var segmentCount = 0
    /// Of all files of the backup.
    package var byteCount = 0
    /// Those that were not there before, or have changed.
    package var copiedSegmentCount = 0
    package var copiedByteCount = 0
    /// Segments that the last backup had and this one has not.
    package var removedSegmentCount = 0
    /// Files that the data directory should have and has not: what they held is lost here, too.
    package var missing: [Int64] = []
    /// Files that the data directory has lost, or that cannot be read there: the backup has them from before.
    package var kept: [Int64] = []
    /// Segments whose files in the backup were not any more what was backed up: they are copied anew.
    package var replaced: [Int64] = []
    /// When it was, ns since 1970.
    package var madeAt: Int64 = 0
  }

  private let source: StorePaths
  private let target: BackupDirectory
  private let usesLinks: Bool
  private let readsKept: Bool
  private let files = PosixFileSystem()
  private let old: BackupManifest?
  private var survey: DirectorySurvey
  /// Held while no server runs.
  private let lock: FileLock?
  private let store: StoreFile
  /// What the journal has must come along: no server has brought it into the segments.
  private let needsJournal: Bool
  private var manifest: BackupManifest
  private var summary = Summary()

  /// - Parameters:
  ///   - usesLinks: whether sealed segments become further names of the same files, where they can.
  ///   - readsKept: whether all that stays in the backup is compared with its checksum, not only what looks changed.
  ///   - patience: how long the server may take to get what it has acknowledged into its segments. A backup that fails
  ///     because the machine is busy is worse than one that takes longer.
  /// - Throws: also if the server does not get what it has acknowledged into its segments.
  package init(
    of directory: String, to path: String, usesLinks: Bool, readsKept: Bool = false,
    patience: Duration = .seconds(60)
  ) throws(StoreError) {
    source = StorePaths(directory: directory)
    self.usesLinks = usesLinks
    self.readsKept = readsKept
    var survey = try DirectorySurvey(directory)
    guard survey.storeFile != nil else {
      throw StoreError(
        .damaged, "\(source.store): \(survey.storeProblem ?? ""); see what can be saved with logsd repair \(directory)")
    }
    guard survey.newest > 0 else { throw StoreError(.notAStore, "the store in \(directory) is empty: start it once") }
    let files = files
    let isItself = try StoreError.of("look at") { () throws(FileError) in
      let isThere = try files.byteCount(path) != nil
      return isThere ? try files.isSame(directory, path) : false
    }
    if isItself { throw StoreError(.notAStore, "a directory cannot be the backup of itself: name another one") }
    var fault: String?
    // What cannot be looked at cannot be made either, which says why.
    do throws(FileError) { fault = try ArchivePlace.fault(path, data: directory) } catch {}
    if let fault { throw StoreError(.notAStore, fault) }
    // Before the directory for the backup is made.
    lock =
      survey.isInUse
      ? nil
      : try StoreError.of("lock") { [source] () throws(FileError) in
        try files.lock(source.lock)
      }
    survey = try DirectorySurvey(directory)
    guard survey.isInUse, let store = survey.storeFile else {
      throw StoreError(.locked, "\(directory) is being opened or closed by a server; try again")
    }
    target = try BackupDirectory.make(path, .backup)
    old = try target.manifest()
    if old?.isArchive == true {
      throw StoreError(
        .notAStore,
        "\(path) is the archive of a server, which keeps more than a backup would; name another directory")
    }
    if let old, old.store != store.id {
      throw StoreError(.notAStore, "\(path) is a backup of another store, \(old.store); name another directory")
    }
    if lock == nil {
      let view = try StoreView(directory: directory)
      guard try view.awaitJournal(within: patience) else {
        if try !view.isInUse() {
          throw StoreError(.locked, "\(directory) was just being closed by a server; try again")
        }
        throw StoreError(
          .busy,
          "the server of \(directory) does not get what it has acknowledged into its segments; its log may say why")
      }
    }
    needsJournal = lock != nil && !store.isClean
    self.survey = survey
    self.store = store
    manifest = BackupManifest(store: store.id, newest: store.newest, madeAt: 0)
  }

  package mutating func run() throws(StoreError) -> Summary {
    try target.beginNext(keepsSegments: true)
    while true {
      try copySegments()
      if try copyNewest() { break }
    }
    try addOthers()
    for number in 1..<manifest.newest where number >= trimmedBelow {
      if manifest.files[DirectorySurvey.name(number)] == nil, try !keepsOld(number) { summary.missing.append(number) }
    }
    // What retention removes while it is looked at is neither lost nor missed.
    summary.kept.removeAll { $0 < trimmedBelow }
    summary.replaced.removeAll { $0 < trimmedBelow }
    let segments = Set(manifest.segments)
    summary.segmentCount = segments.count
    summary.removedSegmentCount = (old?.segments ?? []).count { !segments.contains($0) }
    summary.byteCount = manifest.files.values.reduce(0) { $0 + $1.digest.byteCount }
    summary.madeAt = manifest.madeAt
    try target.commit(manifest)
    return summary
  }

  private var trimmedBelow: Int64 = 1
  /// What the newest segment says of the journal.
  private var anchor: JournalAnchor?

  /// Whether the backup before has what the data directory has lost: then it stays.
  private mutating func keepsOld(_ number: Int64) throws(StoreError) -> Bool {
    let name = DirectorySurvey.name(number)
    guard let before = old?.files[name] else { return false }
    let isThere = try StoreError.of("look at") { [readsKept, target] () throws(FileError) in
      try target.has(name, before, isRead: readsKept)
    }
    guard isThere else { return false }
    for file in [name, "\(name)-wal"] { manifest.files[file] = old?.files[file] }
    summary.kept.append(number)
    return true
  }

  /// Whether SQLite finds in a file the segment that its name says.
  private func isReadable(_ number: Int64) -> Bool {
    do throws(SQLiteError) {
      let database = try Database(source.segment(number), mode: .immutable, vfs: nil)
      _ = try database.integer("SELECT count(*) FROM streams")
      return try SegmentWriter.identity(database).number == number
    } catch { return !(error.isLoss || error.isFailedOpen) }
  }

  // MARK: segments before the newest

  /// Copies what is not in the backup yet.
  private mutating func copySegments() throws(StoreError) {
    let numbers = try StoreError.of("look at") { [files, source] () throws(FileError) in
      try files.list(source.segments).compactMap(StorePaths.segmentNumber).sorted()
    }
    let newest = survey.newestNow() ?? survey.newest
    for number in numbers where number < newest {
      let name = DirectorySurvey.name(number)
      if manifest.files[name] != nil { continue }
      if try isSealed(number) {
        try copySealed(number, name)
      } else {
        try copyUnsealed(number, name)
      }
    }
  }

  private func isSealed(_ number: Int64) throws(StoreError) -> Bool {
    try StoreView(directory: source.directory).unsealed(of: [number]).isEmpty
  }

  private mutating func copySealed(_ number: Int64, _ name: String) throws(StoreError) {
    let path = source.segment(number)
    // A good copy is not replaced by what is none.
    if old?.files[name] != nil, !isReadable(number), try keepsOld(number) { return }
    let staged = "\(target.next.directory)/\(name)"
    let (files, usesLinks, readsKept, target, old) = (files, usesLinks, readsKept, target, old)
    var summary = summary
    let file = try StoreError.of("copy") { () throws(FileError) -> BackupManifest.File? in
      // One that retention has removed meanwhile is not needed.
      guard let stamp = try files.stamp(path) else { return nil }
      if let before = old?.files[name] {
        let isThere = try target.has(name, before, isRead: readsKept)
        let isSame = isThere && before.source == stamp
        // One that somebody has removed is meant to be copied anew.
        if !isThere, before.source == stamp, try files.byteCount("\(target.path)/\(name)") != nil {
          summary.replaced.append(number)
        }
        var isEqual = isSame
        // The data directory has been moved or restored: the same content in another file.
        if isThere, !isSame, before.digest.byteCount == stamp.byteCount {
          isEqual = try files.digest(path) == before.digest
        }
        if isEqual {
          // An interrupted attempt may have copied another one.
          try files.remove(staged)
          return isSame ? before : BackupManifest.File(digest: before.digest, source: stamp)
        }
      }
      // An attempt that was interrupted has copied it.
      if let copied = try files.digest(staged) {
        if copied.byteCount == stamp.byteCount, try files.digest(path) == copied {
          return BackupManifest.File(digest: copied, source: stamp)
        }
        try files.remove(staged)
      }
      summary.copiedSegmentCount += 1
      if usesLinks, try files.link(path, to: staged) {
        guard let digest = try files.digest(staged) else { return nil }
        return BackupManifest.File(digest: digest, source: try files.stamp(staged))
      }
      try files.remove("\(staged).tmp")
      guard let copy = try files.copy(path, to: "\(staged).tmp") else { return nil }
      try files.rename("\(staged).tmp", to: staged)
      summary.copiedByteCount += copy.digest.byteCount
      return BackupManifest.File(digest: copy.digest, source: copy.stamp)
    }
    self.summary = summary
    manifest.files[name] = file
  }

  // MARK: segments in WAL mode

  /// A segment that is complete and not sealed yet. A start on the backup seals it, since there is a WAL beside it.
  private mutating func copyUnsealed(_ number: Int64, _ name: String) throws(StoreError) {
    let wal = "\(target.next.directory)/\(name)-wal"
    let survey = survey
    do throws(SQLiteError) {
      let file = try survey.open(number)
      // The transaction begins with its first read, and holds what the copy is made of.
      try file.database.execute("PRAGMA query_only=1; BEGIN")
      _ = try SegmentWriter.identity(file.database)
      try copy(file.database, name)
    } catch {
      // Retention has removed it meanwhile.
      if error.isFailedOpen, try isGone(number) { return }
      throw StoreError(error, while: "copy")
    }
    try add(name)
    try StoreError.of("make") { [files] () throws(FileError) in try files.write(wal, []) }
    try add("\(name)-wal")
  }

  private func isGone(_ number: Int64) throws(StoreError) -> Bool {
    try StoreError.of("look at") { [files, source] () throws(FileError) in
      try files.byteCount(source.segment(number)) == nil
    }
  }

  /// The newest segment, which says what of the others is kept: after all of them.
  ///
  /// - Returns: false if others have to be copied first.
  private mutating func copyNewest() throws(StoreError) -> Bool {
    let survey = survey
    do throws(SQLiteError) {
      let snapshot = try NewestSnapshot(survey)
      let now = SystemClock.wall()
      guard snapshot.identity.format <= SegmentSchema.format else {
        throw SQLiteError(damage: "a newer version has written it", path: snapshot.file.database.path)
      }
      let above = (1..<snapshot.number).filter { manifest.files[DirectorySurvey.name($0)] == nil }
      let content = snapshot.content
      if let missing = above.last(where: { $0 >= content.trimmedBelow }), isThere(missing) { return false }
      let name = DirectorySurvey.name(snapshot.number)
      try copy(snapshot.file.database, name)
      manifest.newest = snapshot.number
      anchor = snapshot.anchor
      manifest.madeAt = now
      trimmedBelow = content.trimmedBelow
    } catch {
      throw StoreError(error, while: "copy")
    }
    try finishNewest()
    for number in manifest.segments where number < trimmedBelow {
      manifest.files[DirectorySurvey.name(number)] = nil
      manifest.files["\(DirectorySurvey.name(number))-wal"] = nil
    }
    return true
  }

  /// How many mebibytes are copied before they are synced.
  private static let unsyncedCountMax = 16

  /// Takes the copy out of WAL mode, so that it is one file. Nothing is in front of it, unless the journal comes along.
  private mutating func finishNewest() throws(StoreError) {
    let name = DirectorySurvey.name(manifest.newest)
    do throws(SQLiteError) {
      let copy = try Database("\(target.next.directory)/\(name)", mode: .readWrite, vfs: nil)
      guard try copy.text("PRAGMA journal_mode=DELETE") == "delete" else {
        throw SQLiteError(damage: "it stays in WAL mode", path: copy.path)
      }
      if !needsJournal, try SegmentSchema.has("journal", copy) { try copy.execute("DELETE FROM journal") }
    } catch {
      throw StoreError(error, while: "copy")
    }
    try add(name)
  }

  private func isThere(_ number: Int64) -> Bool {
    do throws(FileError) { return try files.byteCount(source.segment(number)) != nil } catch { return true }
  }

  /// Copies a database, page by page, as its connection's transaction sees it.
  private func copy(_ database: borrowing Database, _ name: String) throws(SQLiteError) {
    let path = "\(target.next.directory)/\(name)"
    do throws(FileError) {
      for file in [path] + StorePaths.sideFiles(of: path) { try files.remove(file) }
      try files.make(path)
    } catch {
      throw SQLiteError(failedSync: error.text, path: path, systemError: error.code)
    }
    let copy = try Database(path, mode: .readWrite, vfs: nil)
    // Until the backup is complete, nobody asks for it.
    try copy.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
    var unsyncedCount = 0
    try database.copy(to: copy) { () throws(SQLiteError) in
      unsyncedCount += 1
      // All at once at the end, they would keep the syncs of commits on the same disk waiting.
      guard unsyncedCount % Self.unsyncedCountMax == 0 else { return }
      do throws(FileError) { try files.synchronize(file: path) } catch {
        throw SQLiteError(failedSync: error.text, path: path, systemError: error.code)
      }
    }
  }

  // MARK: files

  /// Syncs a file that was made for the backup, and adds it.
  private mutating func add(_ name: String) throws(StoreError) {
    let path = "\(target.next.directory)/\(name)"
    let digest = try StoreError.of("sync") { [files] () throws(FileError) in
      try files.synchronize(file: path)
      return try files.digest(path)
    }
    guard let digest else { preconditionFailure("\(path) has just been made") }
    manifest.files[name] = BackupManifest.File(digest: digest)
    if name.hasPrefix("segments/"), !name.hasSuffix("-wal") {
      summary.copiedSegmentCount += 1
      summary.copiedByteCount += digest.byteCount
    }
  }

  private mutating func addOthers() throws(StoreError) {
    // No file has this identity: wherever the backup is started or restored, it is a copy.
    var store = StoreFile(id: store.id, newest: manifest.newest, isClean: false)
    store.identity = FileIdentity(inode: 0, birth: 0)
    try write("store", Array(store.text.utf8), files)
    if needsJournal {
      let content = try StoreError.of("read") { [files, source, anchor] () throws(FileError) in
        try JournalCheck.content(source, files, anchor)
      }
      if let content { try write("journal", content, files) }
    }
    let tokens = PosixFileSystem(readableBy: .nobody)
    let path = "\(source.directory)/tokens"
    if let content = try StoreError.of("read", { () throws(FileError) in try tokens.read(path) }) {
      try write("tokens", content, tokens)
    }
  }

  private mutating func write(_ name: String, _ content: [UInt8], _ files: PosixFileSystem) throws(StoreError) {
    let path = "\(target.next.directory)/\(name)"
    try StoreError.of("make") { () throws(FileError) in try files.write(path, content) }
    try add(name)
  }
}
