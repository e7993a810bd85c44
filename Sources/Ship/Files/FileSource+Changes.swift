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
      case .appeared: appeared(change.path)
      case .vanished: vanished(change.path)
      case .directoryAppeared, .directoryVanished, .lost: scanSoon()
      }
      if change.kind == .lost { for reader in readers.values { desk.turn(reader) } }
    }
  }

  private func modified(_ path: String) {
    guard let reader = names[path] else { return appeared(path) }
    turnSoon(reader)
  }

  private func appeared(_ path: String) {
    if configuration.takes(path) { return look(at: path) }
    // A link that leads to a directory, or one of several in a row.
    if names[path] == nil, FileGlob.kind(path) == .directory { return scanSoon() }
    adopt(path)
  }

  /// A rotated file may have got a name that the globs do not have: its changes are reported under that.
  private func adopt(_ path: String) {
    guard readers.values.contains(where: { $0.state == .detached }) else { return }
    guard let descriptor = try? PathText.open(path),
      let identity = OpenFileIdentity(descriptor.number), let reader = readers[identity]
    else { return }
    names[path] = reader
    desk.turn(reader)
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
