internal import CSystem
internal import Glibc
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// Finding files, by their names and by their bookmarks.
extension FileSource {
  func scanSoon() {
    guard scanTimer == nil else { return }
    scanTimer = desk.loop.schedule(after: Self.scanDelay) { [weak self] in
      self?.scanTimer = nil
      self?.scan()
    }
  }

  /// Looks at everything, and watches what is not watched yet: first the directory, then what is in it.
  func scan() {
    polled = []
    var found: Set<String> = []
    for glob in configuration.globs {
      glob.walk { directory in
        if watch?.add(directory) != true { polled.insert(directory) }
      } found: { path in
        if configuration.takes(path) { found.insert(path) }
      } leftOut: { text in
        if said.count < Self.saidCountMax, said.insert(text).inserted { desk.log(.warning, "\(name): \(text)") }
      }
    }
    if !isBegun { findMoved() }
    findBetween(found)
    // Of several files of one stream, the youngest is the last.
    for path in found.map({ (Self.age($0), $0) }).sorted(by: { $0.0 < $1.0 }).map(\.1) { look(at: path) }
    for (path, reader) in names where reader.path == path && !found.contains(path) && !exists(path) {
      vanished(path)
    }
    if let watch, watch.count >= configuration.watchCountMax, !polled.isEmpty {
      desk.log(
        .warning,
        """
        \(name): \(watch.count) directories are watched, which is the limit; \(polled.count) more are looked at every \
        second
        """)
    }
    setPolling()
    // What appeared since a directory was watched is no file of the first start.
    if isBegun { watch?.drain() }
  }

  /// Says which files cannot come, or not yet: nothing else would.
  func tellObstacles() {
    for glob in configuration.globs {
      guard let (directory, error) = glob.obstacle else { continue }
      if error.number == ENOENT {
        desk.log(.notice, "\(name): there is no \(directory) yet; what comes there is read")
      } else {
        desk.log(.error, "\(name): cannot look into \(directory): \(error.text); it is tried again every second")
      }
    }
  }

  /// Sorts files by their age. Times have steps of some milliseconds; inodes mostly ascend.
  private static func age(_ path: String) -> (birth: Int64, modified: Int64, inode: UInt64) {
    var inode: UInt64 = 0
    var seconds: Int64 = 0
    var nanoseconds: UInt32 = 0
    let isFound = unsafe PathText.withPointer(path) {
      unsafe logs_file_identity($0, &inode, &seconds, &nanoseconds) == 0
    }
    guard isFound else { return (0, 0, 0) }
    var status = stat()
    let isKnown = unsafe PathText.withPointer(path) { unsafe stat($0, &status) == 0 }
    let modified = isKnown ? Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec) : 0
    return (seconds &* 1_000_000_000 &+ Int64(nanoseconds), modified, inode)
  }

  private func exists(_ path: String) -> Bool {
    unsafe PathText.withPointer(path) { unsafe access($0, F_OK) == 0 }
  }

  /// Opens what is at a path, and reads it if it is not read yet.
  ///
  /// - Parameter origin: the name that it had first, if that is known.
  func look(at path: String, origin: String? = nil) {
    let descriptor: Descriptor
    do throws(SystemError) { descriptor = try PathText.open(path) } catch {
      if isFirstStart, !isBegun, configuration.start == .end { passOver(path) }
      return cannotOpen(path, error)
    }
    closed[path] = nil
    var status = stat()
    guard unsafe fstat(descriptor.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let identity = OpenFileIdentity(descriptor.number)
    else { return }
    if let reader = readers[identity] {
      setName(path, of: reader)
      return desk.turn(reader)
    }
    if let before = names[path] { detach(before) }
    if isReadElsewhere(identity, origin ?? path) { return }
    guard makeRoom() else { return cannotOpen(path, SystemError(EMFILE)) }
    let (mark, isNew) = mark(of: identity, descriptor.number, origin ?? path, size: UInt64(clamping: status.st_size))
    let reader = FileReader(self, descriptor, identity, path: path, mark: mark, isNew: isNew)
    add(reader)
    setName(path, of: reader)
    desk.turn(reader)
  }

  /// Whether another source reads the file to the same stream.
  func isReadElsewhere(_ identity: OpenFileIdentity, _ path: String) -> Bool {
    let stream = stream(path)
    guard let other = others.lazy.compactMap(\.source).first(where: { $0.readers[identity]?.stream == stream }) else {
      return false
    }
    if rivals.insert(other.name).inserted {
      desk.log(
        .warning,
        """
        \(name): \(path) is read by the source \(other.name) already, to the same stream \(stream): what both name is \
        read once; exclude it in one of them, or give one another stream
        """)
    }
    return true
  }

  func add(_ reader: FileReader) {
    readers[reader.identity] = reader
    enqueue(reader)
    opened()
    guard configuration.namesFiles else { return }
    let (stream, path) = (reader.stream, reader.mark.path)
    let others = others.compactMap(\.source).filter(\.configuration.namesFiles)
    let other = namesakes[stream] ?? others.lazy.compactMap { $0.namesakes[stream] }.first
    if namesakes[stream] == nil { namesakes[stream] = path }
    if let other, other != path, shared.insert(stream).inserted { reader.namesake = other }
  }

  /// Reads a file to its end that is at a name that the source does not read.
  func addDetached(
    _ descriptor: consuming Descriptor, _ identity: OpenFileIdentity, _ path: String, _ mark: FileMark, isNew: Bool
  ) {
    let reader = FileReader(self, descriptor, identity, path: path, mark: mark, isNew: isNew)
    add(reader)
    names[path] = reader
    reader.detach(at: path)
    desk.turn(reader)
    setPolling()
  }

  /// Puts a file behind the older ones of its stream, and before younger ones that were found earlier under its name.
  private func enqueue(_ reader: FileReader) {
    guard let last = newest[reader.stream]?.reader, reader.identity.isOlder(than: last.identity) else {
      reader.predecessor = newest[reader.stream]?.reader
      newest[reader.stream] = WeakReader(reader: reader)
      // If it is closed, nobody knows what is in it by now.
      if let before = reader.predecessor, before.number == nil { before.lookAgain() }
      return
    }
    var younger = last
    while let before = younger.predecessor, reader.identity.isOlder(than: before.identity) { younger = before }
    reader.predecessor = younger.predecessor
    younger.predecessor = reader
  }

  /// Files that were read and have got a name since, while nobody looked, that the globs do not have: they are read to
  /// their end.
  private func findMoved() {
    var directories: [String: [UInt64: FileMark]] = [:]
    for key in desk.bookmarkKeys(keyPrefix) {
      guard let mark = desk.bookmark(key).flatMap({ FileMark($0) }), !readers.values.contains(where: { $0.key == key }),
        let inode = key.split(separator: ":").dropFirst().first.flatMap({ UInt64($0) })
      else { continue }
      for path in Set([mark.path, mark.realPath]) { directories[Self.directory(of: path), default: [:]][inode] = mark }
    }
    for (directory, marks) in directories.sorted(by: { $0.key < $1.key }) {
      for name in FileGlob.names(in: directory) {
        let path = Self.path(directory, name)
        var status = stat()
        guard unsafe PathText.withPointer(path, { unsafe lstat($0, &status) == 0 }),
          let mark = marks[UInt64(status.st_ino)],
          status.st_mode & S_IFMT == S_IFREG, UInt64(clamping: status.st_size) > mark.offset,
          let descriptor = try? PathText.open(path),
          let identity = OpenFileIdentity(descriptor.number), readers[identity] == nil,
          !isReadElsewhere(identity, mark.path), let stored = newestMark(of: identity, mark.path),
          Self.sample(descriptor.number, 0, stored.head.byteCount) == stored.head
        else { continue }
        guard makeRoom() else { continue }
        addDetached(descriptor, identity, path, stored, isNew: false)
      }
    }
  }

  static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  private func setName(_ path: String, of reader: FileReader) {
    if reader.path != path, names[reader.path] === reader { names[reader.path] = nil }
    if let other = names[path], other !== reader { detach(other) }
    reader.renamed(to: path)
    names[path] = reader
    // A link's target changes in another directory.
    guard let real = Self.realPath(path), real != path else { return }
    names[real] = reader
    reader.realPath = real
    let directory = Self.directory(of: real)
    if watch?.add(directory) != true { polled.insert(directory) }
    setPolling()
  }

  private static func realPath(_ path: String) -> String? {
    guard let real = unsafe PathText.withPointer(path, { unsafe realpath($0, nil) }) else { return nil }
    defer { unsafe free(real) }
    return unsafe FileGlob.text(real)
  }

  /// Where a file is read from.
  func mark(
    of identity: OpenFileIdentity, _ descriptor: Int32, _ path: String, size: UInt64
  ) -> (FileMark, isNew: Bool) {
    if let stored = newestMark(of: identity, path) ?? passedOver[key(identity)] {
      // Nobody could read it when its place was set.
      if stored.isUnread, stored.offset <= size {
        return (Self.mark(path, at: Self.lineEnd(descriptor, before: stored.offset), descriptor), true)
      }
      if stored.head.byteCount == 0 || Self.sample(descriptor, 0, stored.head.byteCount) == stored.head {
        return (stored, desk.bookmark(key(identity)) == nil)
      }
      desk.log(
        .notice, "\(name): \(path) is another file than before, or was written anew; it is read from its beginning")
    }
    let isFromEnd = isFirstStart && !isBegun && configuration.start == .end && size > 0
    return (Self.mark(path, at: isFromEnd ? Self.lineEnd(descriptor, before: size) : 0, descriptor), true)
  }

  /// The bookmark of a file: of its own or, if that is newer, of another source that has read it to the same stream.
  private func newestMark(of identity: OpenFileIdentity, _ path: String) -> FileMark? {
    var newest = desk.bookmark(key(identity)).flatMap { FileMark($0) }
    for case let other? in others.map(\.source) {
      guard let mark = desk.bookmark(other.key(identity)).flatMap({ FileMark($0) }),
        other.stream(mark.path) == stream(newest?.path ?? path)
      else { continue }
      if !mark.isUnread, (mark.time, mark.offset) > (newest?.time ?? .min, newest?.offset ?? 0) {
        newest = mark
        newest?.isInherited = true
      }
    }
    return newest
  }

  private static func mark(_ path: String, at offset: UInt64, _ descriptor: Int32) -> FileMark {
    var mark = FileMark()
    mark.path = path
    mark.realPath = path
    mark.offset = offset
    guard offset > 0 else { return mark }
    let count = Int(min(UInt64(FileMark.tailByteCountMax), offset))
    mark.tail = sample(descriptor, offset - UInt64(count), count)
    mark.head = sample(descriptor, 0, Int(min(UInt64(FileMark.headByteCountMax), offset)))
    mark.utf16 = FileReader.utf16(bytes(descriptor, 0, 2)[...])
    return mark
  }

  /// Files that are there at the first start are read from their end, also those that cannot be read yet.
  private func passOver(_ path: String) {
    var status = stat()
    guard let descriptor = try? PathText.open(path, OpenFileIdentity.pathOnly),
      unsafe fstat(descriptor.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0,
      let identity = OpenFileIdentity(descriptor.number), newestMark(of: identity, path) == nil
    else { return }
    var mark = FileMark()
    mark.path = path
    mark.realPath = path
    mark.offset = UInt64(status.st_size)
    mark.time = SystemClock.wall() / 1_000_000_000
    passedOver[key(identity)] = mark
    desk.note(key(identity), mark.value)
  }

  static func bytes(_ descriptor: Int32, _ offset: UInt64, _ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = unsafe bytes.withUnsafeMutableBytes {
      unsafe Glibc.pread(descriptor, $0.baseAddress, $0.count, off_t(clamping: offset))
    }
    return Array(bytes.prefix(max(got, 0)))
  }

  static func sample(_ descriptor: Int32, _ offset: UInt64, _ count: Int) -> FileSample {
    FileSample(bytes(descriptor, offset, count)[...])
  }

  /// The end of the last whole line.
  private static func lineEnd(_ descriptor: Int32, before limit: UInt64) -> UInt64 {
    let isWide = FileReader.utf16(bytes(descriptor, 0, 2)[...]) != nil
    let size = isWide ? limit : FileZeros.dataEnd(descriptor, before: limit)
    let count = Int(min(size, UInt64(Shipment.turnByteCount)))
    let start = size - UInt64(count)
    if let order = FileReader.utf16(bytes(descriptor, 0, 2)[...]) {
      let last = bytes(descriptor, start - start % 2, count)
      guard last.count >= 2 else { return size - size % 2 }
      for index in stride(from: (last.count - 2) / 2 * 2, through: 0, by: -2)
      where last[order ? index + 1 : index] == 10 && last[order ? index : index + 1] == 0 {
        return start - start % 2 + UInt64(index + 2)
      }
      return size - size % 2
    }
    let last = bytes(descriptor, start, count)
    return last.lastIndex(of: 10).map { start + UInt64($0 + 1) } ?? size
  }

  func forgetOldMarks() {
    let oldest = SystemClock.wall() / 1_000_000_000 - Self.markSecondsMax
    let kept = Set(readers.values.map(\.key))
    let old = desk.bookmarkKeys(keyPrefix).filter { key in
      guard !kept.contains(key), let mark = desk.bookmark(key).flatMap({ FileMark($0) }) else { return false }
      return mark.time < oldest
    }
    if !old.isEmpty { desk.turn(Forgetting(desk, old)) }
  }

  private final class Forgetting: SourceReader {
    private let desk: any ShipDesk
    private let keys: [String]

    init(_ desk: any ShipDesk, _ keys: [String]) {
      self.desk = desk
      self.keys = keys
    }

    func read(into shipment: inout Shipment) -> Bool {
      for key in keys { shipment.set(key, nil) }
      desk.forget(self)
      return false
    }

    func finish(into shipment: inout Shipment) {}
  }
}
