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

  /// The directories where it may have got another name.
  var directories: Set<String> { Set([path, realPath, mark.path, mark.realPath].map(FileSource.directory(of:))) }
}
