internal import Glibc
internal import LogsSystem
internal import LogsText
internal import LogsTransport
internal import LogsWire

/// Files that are closed, since too many would be open, and that lose their names meanwhile: they are found again by
/// their identity.
extension FileSource {
  /// Makes room for one more open file: those that were quiet for longest are closed, those with half a line only if
  /// there are no others, and those with unread bytes if all have some. False if none of those that are open could be
  /// opened again.
  func makeRoom() -> Bool {
    guard openCount >= openCountMax else { return true }
    let open = readers.values.filter { $0.descriptor != nil }
    openCount = open.count
    guard openCount >= openCountMax else { return true }
    let reachable = open.filter(\.isReachable)
    for reader in reachable { reader.noteSize() }
    let loss = reachable.map(\.lossOfClosing).min()
    // Several at once, so that not every opened file has all others looked at.
    let closable = reachable.filter { $0.lossOfClosing == loss }.sorted { $0.turnLast < $1.turnLast }
    for reader in closable.prefix(openCount / 8 + 1) {
      reader.close()
      openCount -= 1
    }
    return openCount < openCountMax
  }

  func opened() { openCount += 1 }

  /// A file was closed, and its name has gone or is another one's.
  func isMissing(_ reader: FileReader, isReplaced: Bool) {
    if names[reader.path] === reader { names[reader.path] = nil }
    reader.detach()
    if isReplaced { scanSoon() }
    setPolling()
    guard searchTimer == nil else { return }
    searchTimer = desk.loop.schedule(after: Self.scanDelay) { [weak self] in
      self?.searchTimer = nil
      self?.searchMissing()
    }
  }

  private var missing: [FileReader] { readers.values.filter { $0.missingSince != nil && !$0.isGivenUp } }

  /// Looks for all that are missing in the directories in which they were.
  private func searchMissing() {
    // A rename that was reported says where it is.
    watch?.drain()
    var directories: [String: [UInt64: FileReader]] = [:]
    for reader in missing {
      for directory in reader.directories { directories[directory, default: [:]][reader.identity.inode] = reader }
    }
    for (directory, readers) in directories {
      for name in FileGlob.names(in: directory) {
        let path = Self.path(directory, name)
        var status = stat()
        guard unsafe PathText.withPointer(path, { unsafe lstat($0, &status) == 0 }),
          let reader = readers[UInt64(status.st_ino)],
          reader.missingSince != nil, let descriptor = try? PathText.open(path),
          OpenFileIdentity(descriptor.number) == reader.identity
        else { continue }
        if configuration.takes(path) {
          look(at: path)
        } else {
          names[path] = reader
          reader.found(at: path, descriptor)
          desk.turn(reader)
        }
      }
    }
    let now = desk.loop.now
    for reader in missing {
      guard let since = reader.missingSince, now.nanoseconds(since: since) > Self.searchNanoseconds else { continue }
      reader.isGivenUp = true
      desk.turn(reader)
    }
  }

  /// Gives those their turn that come behind a file.
  func letFollow(_ reader: FileReader) {
    for other in readers.values where other.predecessor === reader { desk.turn(other) }
  }

  /// Says what was lost with a file that was closed.
  func tellLost(_ reader: FileReader, into shipment: inout Shipment) {
    let count = reader.waitingByteCount
    guard count > 0 || reader.isModified else { return }
    lostFileCount += 1
    let what = count > 0 ? Figures.count(count, "byte", "bytes") + " that were not read" : "what was written to it then"
    tell(
      """
      gone while it was closed, since more than \(openCountMax) files would have been open, and with it \(what)
      """, "remove", of: reader, into: &shipment)
  }

  /// How long a file is looked for.
  private static let searchNanoseconds: UInt64 = 3_000_000_000

  /// Reads a file from its beginning that was renamed before it was opened, or to its end if it was known before.
  ///
  /// - Returns: whether it is dealt with.
  func pickUp(
    _ descriptor: consuming Descriptor, _ identity: OpenFileIdentity, _ path: String, firstName: String
  ) -> Bool {
    if isReadElsewhere(identity, firstName) { return true }
    var status = stat()
    guard unsafe fstat(descriptor.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return true }
    let size = UInt64(clamping: status.st_size)
    let (mark, isNew) = mark(of: identity, descriptor.number, firstName, size: size)
    // Its writer may have it open still.
    guard isNew || size > mark.offset else { return true }
    guard makeRoom() else { return false }
    if isNew {
      desk.log(.notice, "\(name): \(path) was \(firstName) before it was opened; it is read from its beginning")
    }
    addDetached(descriptor, identity, path, mark, isNew: isNew)
    return true
  }

  static func path(_ directory: String, _ name: String) -> String {
    directory == "/" ? "/\(name)" : "\(directory)/\(name)"
  }
}
