internal import CSystem
internal import Glibc
internal import LogsSystem
internal import LogsTransport
internal import LogsWire

/// Finds the files that globs name, and follows each of them through renames, truncation and removal.
///
/// Directories are watched, not files: a rotation is a change of names in a directory. A file is recognized by its
/// identity, never by its name alone.
package final class FileSource: Source {
  let configuration: FileSourceConfiguration
  package var name: String { configuration.name }
  private let host: String
  private var deskOrNone: (any ShipDesk)?
  var desk: any ShipDesk {
    guard let deskOrNone else { preconditionFailure("a source reads once it has begun") }
    return deskOrNone
  }
  /// What one turn reads, with what it is compared with.
  var buffer = [UInt8](repeating: 0, count: Shipment.turnByteCount + FileMark.tailByteCountMax)

  private var watch: DirectoryWatch?
  private var readers: [FileIdentity: FileReader] = [:]
  /// Readers by the names under which changes are reported: of the file, and of what a symbolic link leads to.
  private var names: [String: FileReader] = [:]
  /// The file of each stream that was found last.
  private var newest: [StreamName: WeakReader] = [:]
  /// Names that cannot be opened, with the reason that was logged.
  private var closed: [String: Int32] = [:]
  /// Directories that are not watched.
  private var polled: Set<String> = []
  /// Readers whose file has changed less than the debounce time after their last turn.
  private var debounced: [ObjectIdentifier: FileReader] = [:]
  private var debounceTimer: LoopTimer?
  private var scanTimer: LoopTimer?
  private var pollTimer: LoopTimer?
  /// Files that are open, or more: those that have ended since they were counted.
  private var openCount = 0
  private var isFirstStart = false
  private var isBegun = false

  /// Changes of a file are answered by one read in this time.
  private static let debounceMin = Duration.milliseconds(10)
  /// How long new directories are waited for before all is looked at again.
  private static let scanDelay = Duration.milliseconds(20)
  private static let pollInterval = Duration.seconds(1)
  /// Bookmarks of files that were not seen for so long are forgotten.
  private static let markSecondsMax: Int64 = 14 * 86_400

  package init(_ configuration: FileSourceConfiguration, host: String) {
    self.configuration = configuration
    self.host = host
  }

  private var keyPrefix: String { "files \(name) " }

  func key(_ identity: FileIdentity) -> String { keyPrefix + identity.text }

  func stream(_ path: String) -> StreamName {
    let pod = PodPath(path)
    return configuration.stream.stream { word in
      switch word {
      case "path": path
      case "name": String(path.split(separator: "/").last ?? "")
      case "host": host
      case "namespace": pod?.namespace ?? "unknown"
      case "pod": pod?.pod ?? "unknown"
      case "container": pod?.container ?? "unknown"
      default: ""
      }
    }
  }

  package var lag: SourceLag {
    readers.values.reduce(into: SourceLag(byteCount: 0, readerCount: readers.count)) { lag, reader in
      lag.byteCount = (lag.byteCount ?? 0) + reader.waitingByteCount
      lag.timeLast = max(lag.timeLast, reader.timeLast)
    }
  }

  private struct WeakReader {
    weak var reader: FileReader?
  }

  // MARK: Begin and end

  package func begin(_ desk: any ShipDesk) {
    deskOrNone = desk
    isFirstStart = desk.bookmark(keyPrefix + "started") == nil
    if !configuration.polls {
      do throws(SystemError) {
        watch = try DirectoryWatch(desk.loop, countMax: configuration.watchCountMax) { [weak self] changes in
          self?.changed(changes)
        }
      } catch {
        desk.log(
          .warning,
          "\(name): files are looked at every second instead of being watched: \(error.text); raise fs.inotify.max_user_instances"
        )
      }
    }
    scan()
    forgetOldMarks()
    isBegun = true
    desk.turn(StartReader(self))
  }

  /// Notes that the source was started: what appears from now on is read from its beginning.
  private final class StartReader: SourceReader {
    private let source: FileSource
    init(_ source: FileSource) { self.source = source }

    func read(into shipment: inout Shipment) -> Bool {
      shipment.set(source.keyPrefix + "started", "1")
      source.desk.forget(self)
      return false
    }

    func finish(into shipment: inout Shipment) {}
  }

  package func end() {
    watch?.cancel()
    watch = nil
    for timer in [debounceTimer, scanTimer, pollTimer] { timer?.cancel() }
    for reader in readers.values { reader.cancel() }
  }

  // MARK: Finding

  private func scanSoon() {
    guard scanTimer == nil else { return }
    scanTimer = desk.loop.schedule(after: Self.scanDelay) { [weak self] in
      self?.scanTimer = nil
      self?.scan()
    }
  }

  /// Looks at everything, and watches what is not watched yet: first the directory, then what is in it.
  private func scan() {
    polled = []
    var found: Set<String> = []
    for glob in configuration.globs {
      glob.walk { directory in
        if watch?.add(directory) != true { polled.insert(directory) }
      } found: { path in
        if configuration.takes(path) { found.insert(path) }
      }
    }
    if !isBegun { findMoved() }
    // Of several files of one stream, the youngest is the last.
    for path in found.map({ (Self.birth($0), Self.modificationTime($0), $0) }).sorted(by: <).map(\.2) { look(at: path) }
    for (path, reader) in names where reader.path == path && !found.contains(path) && !exists(path) {
      vanished(path)
    }
    if let watch, watch.count >= configuration.watchCountMax, !polled.isEmpty {
      desk.log(
        .warning,
        "\(name): \(watch.count) directories are watched, which is the limit; \(polled.count) more are looked at every second"
      )
    }
    setPolling()
  }

  private static func birth(_ path: String) -> Int64 {
    var inode: UInt64 = 0
    var seconds: Int64 = 0
    var nanoseconds: UInt32 = 0
    guard unsafe logs_file_identity(path, &inode, &seconds, &nanoseconds) == 0 else { return 0 }
    return seconds &* 1_000_000_000 &+ Int64(nanoseconds)
  }

  private static func modificationTime(_ path: String) -> Int64 {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return 0 }
    return Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
  }

  private func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  /// Opens what is at a path, and reads it if it is not read yet.
  private func look(at path: String) {
    let descriptor: Descriptor
    do throws(SystemError) { descriptor = try Descriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY) } catch {
      return cannotOpen(path, error)
    }
    closed[path] = nil
    var status = stat()
    guard unsafe fstat(descriptor.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let identity = FileIdentity(descriptor.number)
    else { return }
    if let reader = readers[identity] {
      setName(path, of: reader)
      return desk.turn(reader)
    }
    if let before = names[path] { detach(before) }
    let (mark, isNew) = mark(of: identity, descriptor.number, path, size: UInt64(clamping: status.st_size))
    let reader = FileReader(self, descriptor, identity, path: path, mark: mark, isNew: isNew)
    add(reader)
    setName(path, of: reader)
    desk.turn(reader)
  }

  private func add(_ reader: FileReader) {
    readers[reader.identity] = reader
    reader.predecessor = newest[reader.stream]?.reader
    newest[reader.stream] = WeakReader(reader: reader)
    closeOthers(than: reader)
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
        let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
        var status = stat()
        guard unsafe lstat(path, &status) == 0, let mark = marks[UInt64(status.st_ino)],
          status.st_mode & S_IFMT == S_IFREG, UInt64(clamping: status.st_size) > mark.offset,
          let descriptor = try? Descriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY),
          let identity = FileIdentity(descriptor.number), readers[identity] == nil,
          let stored = desk.bookmark(key(identity)).flatMap({ FileMark($0) }),
          Self.sample(descriptor.number, 0, stored.head.byteCount) == stored.head
        else { continue }
        let reader = FileReader(self, descriptor, identity, path: path, mark: stored, isNew: false)
        add(reader)
        names[path] = reader
        reader.detach()
        desk.turn(reader)
      }
    }
  }

  private static func directory(of path: String) -> String {
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
    guard let real = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }

  /// Where a file is read from.
  private func mark(
    of identity: FileIdentity, _ descriptor: Int32, _ path: String, size: UInt64
  ) -> (FileMark, isNew: Bool) {
    if let stored = desk.bookmark(key(identity)).flatMap({ FileMark($0) }) {
      if stored.head.byteCount == 0 || Self.sample(descriptor, 0, stored.head.byteCount) == stored.head {
        return (stored, false)
      }
      desk.log(
        .notice, "\(name): \(path) is another file than before, or was written anew; it is read from its beginning")
    }
    var mark = FileMark()
    mark.path = path
    if isFirstStart, !isBegun, configuration.start == .end, size > 0 {
      mark.offset = Self.lineEnd(descriptor, before: size)
      let count = Int(min(UInt64(FileMark.tailByteCountMax), mark.offset))
      mark.tail = Self.sample(descriptor, mark.offset - UInt64(count), count)
      mark.head = Self.sample(descriptor, 0, Int(min(UInt64(FileMark.headByteCountMax), mark.offset)))
      mark.utf16 = Self.utf16(descriptor)
    }
    return (mark, true)
  }

  private static func bytes(_ descriptor: Int32, _ offset: UInt64, _ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = unsafe bytes.withUnsafeMutableBytes {
      unsafe Glibc.pread(descriptor, $0.baseAddress, $0.count, off_t(clamping: offset))
    }
    return Array(bytes.prefix(max(got, 0)))
  }

  private static func sample(_ descriptor: Int32, _ offset: UInt64, _ count: Int) -> FileSample {
    FileSample(bytes(descriptor, offset, count)[...])
  }

  /// The order of a file in UTF-16, by its mark.
  private static func utf16(_ descriptor: Int32) -> Bool? {
    switch bytes(descriptor, 0, 2) {
    case [0xff, 0xfe]: false
    case [0xfe, 0xff]: true
    default: nil
    }
  }

  /// The end of the last whole line.
  private static func lineEnd(_ descriptor: Int32, before size: UInt64) -> UInt64 {
    let count = Int(min(size, UInt64(Shipment.turnByteCount)))
    let start = size - UInt64(count)
    if let order = utf16(descriptor) {
      let last = bytes(descriptor, start - start % 2, count)
      for index in stride(from: (last.count - 2) / 2 * 2, through: 0, by: -2)
      where last[order ? index + 1 : index] == 10 && last[order ? index : index + 1] == 0 {
        return start - start % 2 + UInt64(index + 2)
      }
      return size - size % 2
    }
    let last = bytes(descriptor, start, count)
    return last.lastIndex(of: 10).map { start + UInt64($0 + 1) } ?? size
  }

  private func forgetOldMarks() {
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

  // MARK: Changes

  private func changed(_ changes: [DirectoryWatch.Change]) {
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
    guard let descriptor = try? Descriptor.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY),
      let identity = FileIdentity(descriptor.number), let reader = readers[identity]
    else { return }
    names[path] = reader
    desk.turn(reader)
  }

  private func vanished(_ path: String) {
    closed[path] = nil
    guard let reader = names.removeValue(forKey: path) else { return }
    // A link's target goes, or the link: the other name is left.
    if reader.path == path { detach(reader) }
  }

  private func detach(_ reader: FileReader) {
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

  // MARK: What is looked at every second

  /// Without anything to look at there is no timer: an idle shipper sleeps.
  private func setPolling() {
    let mustPoll =
      !polled.isEmpty || !closed.isEmpty || readers.values.contains { $0.state == .detached } || watch == nil
    if mustPoll, pollTimer == nil {
      pollTimer = desk.loop.every(Self.pollInterval) { [weak self] in self?.poll() }
    } else if !mustPoll {
      pollTimer?.cancel()
      pollTimer = nil
    }
  }

  private func poll() {
    if !polled.isEmpty || watch == nil { scan() }
    for path in closed.keys where configuration.takes(path) { look(at: path) }
    for reader in readers.values where reader.state == .detached || isPolled(reader) { desk.turn(reader) }
    setPolling()
  }

  private func isPolled(_ reader: FileReader) -> Bool {
    if watch == nil { return true }
    guard !polled.isEmpty, let slash = reader.path.lastIndex(of: "/") else { return false }
    return polled.contains(slash == reader.path.startIndex ? "/" : String(reader.path[..<slash]))
  }

  // MARK: What readers report

  func cannotOpen(_ reader: FileReader, _ error: SystemError) {
    cannotOpen(reader.path, error)
    // Its name is gone, and with it the only way to it.
    if error.number == ENOENT { ended(reader) }
  }

  private func cannotOpen(_ path: String, _ error: SystemError) {
    if [ENOENT, ENOTDIR].contains(error.number) { return closed[path] = nil }
    if closed[path] != error.number {
      closed[path] = error.number
      desk.log(.error, "\(name): cannot read \(path): \(error.text); it is tried again every second")
    }
    setPolling()
  }

  func cannotRead(_ reader: FileReader, _ error: SystemError) {
    desk.log(.error, "\(name): cannot read \(reader.path): \(error.text)")
  }

  /// What is at the path of a reader whose file was closed is another one.
  func isAnother(_ reader: FileReader) {
    ended(reader)
    look(at: reader.path)
  }

  func opened(_ reader: FileReader) { closeOthers(than: reader) }

  func ended(_ reader: FileReader) {
    readers[reader.identity] = nil
    if newest[reader.stream]?.reader === reader { newest[reader.stream] = nil }
    for (path, other) in names where other === reader { names[path] = nil }
    debounced[ObjectIdentifier(reader)] = nil
    desk.forget(reader)
    setPolling()
  }

  /// Closes some of the files that were quiet for longest, if too many are open.
  private func closeOthers(than reader: FileReader) {
    openCount += 1
    guard openCount > configuration.openCountMax else { return }
    let open = readers.values.filter { $0.descriptor != nil }
    openCount = open.count
    guard openCount > configuration.openCountMax else { return }
    let quiet = open.filter { $0 !== reader && $0.state == .named && $0.waitingByteCount == 0 }
    // Several at once, so that not every opened file has all others looked at.
    for reader in quiet.sorted(by: { $0.turnLast < $1.turnLast }).prefix(openCount / 8 + 1) {
      reader.close()
      openCount -= 1
    }
  }

  /// A status entry in the file's stream, and a line in the log.
  func tell(_ what: String, of reader: FileReader, into shipment: inout Shipment) {
    desk.log(.warning, "\(name): \(reader.path): \(what)")
    shipment.add(
      LogEntry(
        message: ByteString(what), time: SystemClock.wall(), severity: .warning, source: "logs ship",
        attributes: configuration.lines.attributes + [
          LogAttribute("action", .string("truncate")), LogAttribute("file.path", .string(reader.path)),
        ], kind: .status), to: reader.stream)
  }
}
