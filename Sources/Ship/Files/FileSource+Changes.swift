internal import Glibc
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// What changes in directories, and what follows from it.
extension FileSource {
  func changed(_ changes: [DirectoryWatch.Change]) {
    for change in changes {
      switch change.kind {
      case .modified: modified(change.path)
      case .appeared: appeared(change.path, change.move)
      case .vanished:
        noteMove(change.path, change.move)
        vanished(change.path)
      case .directoryAppeared, .directoryVanished: scanSoon()
      case .lost:
        (moves, strays) = ([:], [:])
        scanSoon()
        for reader in readers.values { desk.turn(reader) }
      }
    }
  }

  private func modified(_ path: String) {
    guard let reader = names[path] else { return appeared(path, 0) }
    reader.modified()
    turnSoon(reader)
  }

  private func appeared(_ path: String, _ move: UInt32) {
    let origin = moves.removeValue(forKey: move)
    if configuration.takes(path) { return look(at: path, origin: origin) }
    // A link that leads to a directory, or one of several in a row.
    if names[path] == nil, FileGlob.kind(path) == .directory { return scanSoon() }
    if let origin {
      strays[path] = Stray(firstName: origin)
      setPolling()
    }
    _ = adopt(path)
  }

  /// The first name of what is renamed goes with it, through any number of renames, until it has certainly been opened.
  private func noteMove(_ path: String, _ move: UInt32) {
    let first = strays.removeValue(forKey: path)?.firstName ?? (configuration.takes(path) ? path : nil)
    guard move != 0, let first else { return }
    // Those that were moved out of all watched directories.
    if moves.count >= Self.moveCountMax { moves = [:] }
    moves[move] = first
  }

  private static let moveCountMax = 1_024

  /// A rotated file may have got a name that the globs do not have: its changes are reported under that, and it is
  /// opened under that. If it lost its own name before it was ever opened, it is read from its beginning.
  ///
  /// - Returns: whether it is dealt with.
  private func adopt(_ path: String) -> Bool {
    let origin = strays[path]?.firstName
    guard origin != nil || readers.values.contains(where: { $0.state == .detached }) else { return true }
    let descriptor: Descriptor
    do throws(SystemError) { descriptor = try PathText.open(path) } catch {
      // It was renamed again, which is reported next.
      if error.number == ENOENT { return true }
      if origin != nil { cannotOpen(path, error) }
      return false
    }
    closed[path] = nil
    guard let identity = OpenFileIdentity(descriptor.number) else { return true }
    if let reader = readers[identity] {
      guard reader.state == .detached else { return true }
      names[path] = reader
      reader.found(at: path, descriptor)
      desk.turn(reader)
      return true
    }
    guard let origin else { return true }
    return pickUp(descriptor, identity, path, firstName: origin)
  }

  /// Opens what was renamed once more, and forgets its first name when no other rename was reported since.
  func openStrays() {
    watch?.drain()
    for (path, stray) in strays {
      if stray.isOpened { strays[path] = nil } else if adopt(path) { strays[path]?.isOpened = true }
    }
  }

  func vanished(_ path: String) {
    closed[path] = nil
    guard let reader = names.removeValue(forKey: path) else { return }
    // A link's target goes, or the link: the other name is left.
    if reader.path == path { detach(reader) }
  }

  func detach(_ reader: FileReader) {
    if names[reader.path] === reader { names[reader.path] = nil }
    reader.detach()
    desk.turn(reader)
    setPolling()
  }

  /// Gives a reader its turn, but no more than one in the debounce time.
  private func turnSoon(_ reader: FileReader) {
    let interval = max(Self.debounceMin, desk.pace / 2)
    if reader.turnLast + interval <= desk.loop.now { return desk.turn(reader) }
    debounced[ObjectIdentifier(reader)] = reader
    guard debounceTimer == nil else { return }
    debounceTimer = desk.loop.schedule(after: interval) { [weak self] in
      guard let self else { return }
      self.debounceTimer = nil
      let readers = self.debounced.values
      self.debounced = [:]
      for reader in readers { self.desk.turn(reader) }
    }
  }
}
