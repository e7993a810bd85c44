internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Whether a directory is the archive of this store, before anything is done to it.
extension ArchivePass {
  /// What follows is made of the head: it must be the one that was counted.
  func readHead() throws(StoreError) -> ArchiveHead {
    let path = target.paths.segment(manifest.newest)
    let advice = "\(BackupKind.archive.renewal); see logsd check \(target.path)"
    guard try digest(path) == manifest.files[DirectorySurvey.name(manifest.newest)]?.digest else {
      throw StoreError(.damaged, "\(path) is not what was archived; \(advice)")
    }
    let found = try ArchiveHead(reading: path, store: manifest.store)
    guard found.number == manifest.newest else {
      throw StoreError(.damaged, "\(path) says that it is segment \(found.number); \(advice)")
    }
    return found
  }

  /// An empty place where the archive was is a disk that is not mounted.
  static func checkPlace(_ path: String, _ scene: ArchiveScene) throws(StoreError) {
    let files = PosixFileSystem()
    let names = try StoreError.of("look at") { () throws(FileError) -> [String]? in
      try files.byteCount(path) == nil ? nil : try files.list(path)
    }
    let data = scene.directory.paths.directory
    let fault = try StoreError.of("look at") { () throws(FileError) in try ArchivePlace.fault(path, data: data) }
    if let fault { throw StoreError(.notAStore, fault) }
    guard let known = scene.notes.content, known.directory == path, known.through > 0 else { return }
    guard Set(names ?? []).isSubset(of: ["lock", "lost+found"]) else { return }
    throw StoreError(
      .missingSegment,
      """
      \(path) is \(names == nil ? "missing" : "empty"), but it had the segments up to \(known.through): mount its \
      disk. To begin a new archive there, stop the server and remove \(scene.directory.paths.archive)
      """)
  }

  /// A data directory that was restored from another copy has segments of the same numbers with other entries.
  func checkHistory() throws(StoreError) {
    guard let head else { return }
    try checkStreams(head)
    let listing = scene.directory.segments.current
    guard head.number <= listing.active.number else {
      throw StoreError(
        .notAStore,
        """
        \(path) has the segments up to \(head.number - 1), but the newest of the data directory is \
        \(listing.active.number): that was restored from an older copy. Name another directory, or restore from this one
        """)
    }
    let isSame: Bool
    // What is damaged does not say for sure when it began.
    if let segment = listing.segments.first(where: { $0.number == head.number && $0.state != .damaged }) {
      let created = scene.read(segment) { connection throws(SQLiteError) in try connection.createdAt() }
      guard let created else {
        throw StoreError(
          .inputOutput,
          """
          cannot read segment \(head.number) of \(scene.directory.paths.directory), which shows whether \(path) is \
          the archive of this store; see logsd check if that does not pass
          """)
      }
      isSame = created == head.createdAt
    } else {
      isSame = head.streams.values.allSatisfy { stream in
        scene.catalog[stream.id].map { $0.incarnation == stream.incarnation } ?? true
      }
    }
    if !isSame {
      throw StoreError(
        .notAStore,
        """
        \(path) is the archive of another history of this store: one of both was restored from an older copy. Name \
        another directory
        """)
    }
  }

  /// Only a note says that a stream was deleted: a data directory that was repaired may have lost one.
  private func checkStreams(_ head: ArchiveHead) throws(StoreError) {
    let streams = head.streams.values.sorted { $0.id < $1.id }
    let isOther = { (stream: StreamInfo) in scene.catalog[stream.id].map { $0.name != stream.name } ?? false }
    if let old = streams.first(where: isOther) {
      throw StoreError(
        .notAStore,
        """
        \(path) has the stream '\(old.name)', whose id another stream of the data directory has: it was lost there. \
        Name another directory, or restore from this one
        """)
    }
    // In this order: what is deleted in between is noted.
    let missing = streams.filter { scene.catalog[$0.id] == nil }
    // Without the file, which the message says how to get rid of, they count as deleted.
    guard isKnown, let known = scene.notes.content else { return }
    let noted = Set((known.deletions + [known.intent?.deletion].compactMap(\.self)).filter(\.isWhole).map(\.stream))
    guard let lost = missing.first(where: { !noted.contains($0.id) }) else { return }
    throw StoreError(
      .notAStore,
      """
      \(path) has the stream '\(lost.name)', which the data directory lacks although nothing says that it was deleted: \
      it was lost there. Name another directory, or restore from this one. To delete it here, too, stop the server and \
      remove \(scene.directory.paths.archive)
      """)
  }
}
