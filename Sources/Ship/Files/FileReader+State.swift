internal import CSystem
internal import Glibc
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// What a reader knows of its file.
extension FileReader {
  /// Bytes that have not been read.
  var waitingByteCount: UInt64 { sizeLast - min(sizeLast, max(offset, zerosEnd)) }

  /// Whether there is room behind the place that its writer has reserved and may fill without a change of the size.
  var hasRoom: Bool { zerosEnd > offset }

  /// Whether that room was written to; a mapped file is, without a word. True if it is closed: nobody knows.
  var isRoomWritten: Bool {
    guard hasRoom else { return false }
    guard let number else { return true }
    return FileSource.bytes(number, offset, 1).contains { $0 != 0 }
  }

  /// Whether its path leads to it, so that it may be closed and opened again.
  var isReachable: Bool { state == .named || hasOtherName }

  /// Whether there is something to read, as far as is known.
  var isBehind: Bool { isModified || waitingByteCount > 0 }

  /// Whether there is something to read that was not there when it was last read to its end.
  var hasGrown: Bool {
    var status = stat()
    guard let number, unsafe fstat(number, &status) == 0 else { return isModified || sizeLast > max(offset, sizeAtEnd) }
    return UInt64(clamping: status.st_size) > max(offset, sizeAtEnd) || isRoomWritten
  }

  /// Whether it is closed and cannot be opened for now, though its name leads to it.
  var isStuck: Bool { descriptor == nil && source.closed[path] != nil }

  /// Whether no name leads to it any more.
  var isRemoved: Bool {
    var status = stat()
    guard let number else { return false }
    return unsafe fstat(number, &status) != 0 || status.st_nlink == 0
  }

  /// What would be lost if it was closed and then removed: nothing, perhaps the rest of a line, what is not read.
  var lossOfClosing: Int { isBehind ? 2 : holdsLine ? 1 : 0 }

  /// The directories where it may have got another name.
  var directories: Set<String> { Set([path, realPath, mark.path, mark.realPath].map(FileSource.directory(of:))) }

  /// Whether nobody writes to a file that has lost its name.
  func isOver(_ now: MonotonicTime) -> Bool {
    guard let number else { return true }
    let quiet = now.nanoseconds(since: max(growthLast, detachedLast))
    guard quiet > Self.graceNanoseconds else { return false }
    switch logs_has_writer(number) {
    case 0: return true
    case 1: return false
    default: return quiet > Self.patienceNanoseconds
    }
  }

  /// Somebody may still be about to open it under its new name.
  private static let graceNanoseconds: UInt64 = 5_000_000_000
  /// Where the system does not say whether a file is still written to.
  private static let patienceNanoseconds: UInt64 = 60_000_000_000
}
