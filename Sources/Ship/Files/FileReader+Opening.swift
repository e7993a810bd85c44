internal import Glibc
internal import LogsSystem
internal import LogsTransport

/// The names of a file, and how it is closed and opened again by them.
extension FileReader {
  func renamed(to path: String) {
    self.path = path
    realPath = path
    state = .named
    hasOtherName = false
    isFound()
  }

  /// It was opened at a name that the source does not read.
  func detach(at path: String) {
    detach()
    self.path = path
    hasOtherName = true
  }

  /// It is at a name that the source does not read.
  func found(at path: String, _ opened: consuming Descriptor) {
    self.path = path
    hasOtherName = true
    isFound()
    guard descriptor == nil, source.makeRoom() else { return }
    descriptor = consume opened
    source.opened()
  }

  private func isFound() {
    guard missingSince != nil else { return }
    missingSince = nil
    isGivenUp = false
    source.letFollow(self)
  }

  /// It was written to. Opened at once, before it loses its name.
  func modified() {
    isModified = true
    lookAgain()
  }

  /// Its name may be about to go.
  func lookAgain() {
    if open() { noteSize() }
  }

  /// Nobody may have a turn for a while.
  func noteSize() {
    var status = stat()
    if let number, unsafe fstat(number, &status) == 0 { sizeLast = UInt64(clamping: status.st_size) }
  }

  /// Closes the file until there is something to read. Only for one that is reachable.
  func close() { descriptor = nil }

  /// - Returns: whether it is open.
  func open() -> Bool {
    if descriptor != nil { return true }
    let opened: Descriptor
    guard source.makeRoom() else {
      source.cannotOpen(path, SystemError(EMFILE))
      return false
    }
    do throws(SystemError) { opened = try PathText.open(path) } catch {
      let isGone = [ENOENT, ENOTDIR].contains(error.number)
      if isGone { isMissing(isReplaced: false) } else { source.cannotOpen(path, error) }
      return false
    }
    guard OpenFileIdentity(opened.number) == identity else {
      isMissing(isReplaced: true)
      return false
    }
    isFound()
    descriptor = consume opened
    source.opened()
    return true
  }

  private func isMissing(isReplaced: Bool) {
    let isNew = missingSince == nil
    missingSince = missingSince ?? source.desk.loop.now
    source.isMissing(self, isReplaced: isReplaced && isNew)
  }
}
