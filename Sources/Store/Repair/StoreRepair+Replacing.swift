internal import LogsDisk
internal import LogsSystem
internal import LogsWire

/// Puts what was made in the place of what is damaged.
extension StoreRepair {
  /// Whatever a crash leaves of this: as long as the file `store` is missing no server starts, and another repair goes
  /// on from there.
  func put(_ rebuilt: [Rebuilt], _ summary: Summary) throws(StoreError) {
    let newest = summary.newest
    if let newest { try makeNewest(newest, rebuilt) }
    var damaged = rebuilt.flatMap { [paths.segment($0.number)] + StorePaths.sideFiles(of: paths.segment($0.number)) }
    if newest != nil { damaged.append(paths.journal) }
    if survey.storeFile == nil { damaged.append(paths.store) }
    try StoreError.of("replace") { () throws(FileError) in
      for segment in rebuilt { try files.synchronize(file: paths.segmentTemporary(segment.number)) }
      // The content of files that have exchanged their names is nowhere else until all have got theirs.
      let isExchange = rebuilt.contains { $0.sourceNumber != $0.number }
      if keepsDamaged || isExchange { for path in damaged { try keep(path) } }
      if summary.isStoreRebuilt {
        try files.remove(paths.store)
        try files.synchronize(directory: paths.directory)
      }
      for segment in rebuilt {
        let path = paths.segment(segment.number)
        // SQLite would take them for the new file's.
        for sideFile in StorePaths.sideFiles(of: path) { try files.remove(sideFile) }
        try files.rename(paths.segmentTemporary(segment.number), to: path)
      }
      if let newest {
        try files.rename(paths.segmentTemporary(newest), to: paths.segment(newest))
        try files.remove(paths.journal)
      }
      try files.synchronize(directory: paths.segments)
    }
    guard summary.isStoreRebuilt else { return }
    // No file has this identity, so that the next start gives new incarnations: numbers may be given again that clients
    // have seen.
    var file = StoreFile(id: store, newest: newest ?? survey.newest, isClean: false)
    file.identity = FileIdentity(inode: 0, birth: 0)
    let text = Array(file.text.utf8)
    try StoreError.of("write") { () throws(FileError) in
      try files.replace(paths.store, temporary: paths.storeTemporary) { _ in text }
      try files.synchronize(directory: paths.directory)
    }
  }

  /// The segment that comes after a newest one that was damaged: in it no number is missing.
  private func makeNewest(_ number: Int64, _ rebuilt: [Rebuilt]) throws(StoreError) {
    let heads = rebuilt.first { $0.number == number - 1 }?.heads ?? [:]
    var streams: [StreamInfo] = []
    for (id, stream) in known.streams.sorted(by: { $0.key < $1.key }) {
      guard let head = heads[id] else { continue }
      var info = stream.info
      (info.head, info.entryCount) = (head, head)
      streams.append(info)
    }
    let next = NextSegment(number: number, path: paths.segmentTemporary(number), vfs: nil)
    try StoreError.of("make") { () throws(FileError) in
      try files.remove(next.path)
      try next.create(files)
    }
    do throws(SQLiteError) {
      try next.make(
        store: store,
        NextSegment.Content(
          createdAt: SystemClock.wall(), trimmedBelow: content.trimmedBelow, nextStreamID: nextStreamID,
          streams: streams, marks: []))
    } catch {
      throw StoreError(error, while: "make")
    }
    try StoreError.of("sync") { () throws(FileError) in try files.synchronize(file: next.path) }
  }

  /// Gives a damaged file a second name in `damaged`; the first one is given to what replaces it.
  private func keep(_ path: String) throws(FileError) {
    guard try files.byteCount(path) != nil else { return }
    let folder = "\(paths.directory)/\(Self.damagedName)"
    if try files.makeDirectory(folder) { try files.synchronize(directory: paths.directory) }
    let name = path.split(separator: "/").last.map(String.init) ?? ""
    var target = "\(folder)/\(name)"
    var count = 1
    while try files.byteCount(target) != nil {
      count += 1
      target = "\(folder)/\(name).\(count)"
    }
    if try !files.link(path, to: target) { _ = try files.copy(path, to: target) }
    try files.synchronize(directory: folder)
  }
}
