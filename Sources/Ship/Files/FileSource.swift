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
  let host: String
  var deskOrNone: (any ShipDesk)?
  var desk: any ShipDesk {
    guard let deskOrNone else { preconditionFailure("a source reads once it has begun") }
    return deskOrNone
  }
  /// What one turn reads, with what it is compared with.
  var buffer = [UInt8](repeating: 0, count: Shipment.turnByteCount + FileMark.tailByteCountMax)

  var watch: DirectoryWatch?
  var readers: [OpenFileIdentity: FileReader] = [:]
  /// Readers by the names under which changes are reported: of the file, and of what a symbolic link leads to.
  var names: [String: FileReader] = [:]
  /// The other sources of files of the shipper.
  var others: [WeakSource] = []
  /// Those that read files of this source to the same stream, as the log has said.
  var rivals: Set<String> = []
  /// The name of the file of each stream that was found first, if each file is to have a stream of its own.
  var namesakes: [StreamName: String] = [:]
  /// Streams of several files, as was said.
  var shared: Set<StreamName> = []
  /// The file of each stream that was found last.
  var newest: [StreamName: WeakReader] = [:]
  /// Names that cannot be opened, with the reason that was logged.
  var closed: [String: Int32] = [:]
  /// Directories that are not watched.
  var polled: Set<String> = []
  /// Readers whose file has changed less than the debounce time after their last turn.
  var debounced: [ObjectIdentifier: FileReader] = [:]
  var debounceTimer: LoopTimer?
  var scanTimer: LoopTimer?
  var pollTimer: LoopTimer?
  var forgetTimer: LoopTimer?
  /// How far it was when it ended.
  var lagAtEnd: SourceLag?
  private(set) var rate: SourceRate?
  /// Files that are open, or more: those that have ended since they were counted.
  var openCount = 0
  /// How many may be.
  var openCountMax: Int
  /// The first names of files that were renamed, until it is reported to what, by the number of the rename.
  var moves: [UInt32: String] = [:]
  /// Files that were renamed and perhaps never opened, by the names that the source does not read.
  var strays: [String: Stray] = [:]
  var searchTimer: LoopTimer?
  /// Files that were removed while they were closed, with something in them that was not read.
  var lostFileCount: UInt64 = 0
  /// Where files begin that could not be read at the first start, by the keys of their bookmarks.
  var passedOver: [String: FileMark] = [:]
  /// What is left out of the globs, as it was logged.
  var said: Set<String> = []
  var isFirstStart = false
  var isBegun = false

  /// Changes of a file are answered by one read in this time.
  static let debounceMin = Duration.milliseconds(10)
  /// How long new directories are waited for before all is looked at again.
  static let scanDelay = Duration.milliseconds(20)
  static let pollInterval = Duration.seconds(1)
  static let forgetInterval = Duration.seconds(3_600)
  /// Lines about what is left out.
  static let saidCountMax = 100
  /// Bookmarks of files that were not seen for so long are forgotten.
  static let markSecondsMax: Int64 = 14 * 86_400

  package init(_ configuration: FileSourceConfiguration, host: String) {
    self.configuration = configuration
    self.host = host
    openCountMax = configuration.openCountMax
  }

  var keyPrefix: String { "files \(name) " }

  func key(_ identity: OpenFileIdentity) -> String { keyPrefix + identity.text }

  func stream(_ path: String) -> StreamName { configuration.stream(of: path, host: host) }

  package var lag: SourceLag {
    if let lagAtEnd { return lagAtEnd }
    var lag = readers.values.reduce(into: SourceLag(byteCount: 0, readerCount: readers.count)) { lag, reader in
      lag.byteCount = (lag.byteCount ?? 0) + reader.waitingByteCount
      lag.timeLast = max(lag.timeLast, reader.timeLast)
    }
    // What was written to a file that is looked for is not known.
    if readers.values.contains(where: { $0.missingSince != nil && $0.isModified }) { lag.byteCount = nil }
    lag.lostFileCount = lostFileCount
    return lag
  }

  struct Stray {
    /// The name that the source reads.
    let firstName: String
    /// Whether what is there was opened. It may have been renamed again before, and that not be reported yet.
    var isOpened = false
  }

  struct WeakReader {
    weak var reader: FileReader?
  }

  struct WeakSource {
    weak var source: FileSource?
  }

  /// Lets sources know of each other, so that no file goes to the same stream twice.
  static func introduce(_ sources: [FileSource]) {
    for source in sources { source.others = sources.filter { $0 !== source }.map { WeakSource(source: $0) } }
  }

  // MARK: Begin and end

  package func begin(_ desk: any ShipDesk) {
    deskOrNone = desk
    rate = configuration.rate.map { SourceRate($0, of: name, desk) }
    isFirstStart = desk.bookmark(keyPrefix + "started") == nil
    if !configuration.polls {
      do throws(SystemError) {
        watch = try DirectoryWatch(desk.loop, countMax: configuration.watchCountMax) { [weak self] changes in
          self?.changed(changes)
        }
      } catch {
        desk.log(
          .warning,
          """
          \(name): files are looked at every second instead of being watched: \(error.text); raise \
          fs.inotify.max_user_instances
          """)
      }
    }
    tellObstacles()
    if openCountMax < configuration.openCountMax {
      desk.log(
        .notice,
        """
        \(name): no more than \(openCountMax) files are open at the same time, by the limit of the process; raise it \
        (ulimit -Hn, LimitNOFILE=)
        """)
    }
    for advice in configuration.advice { desk.log(.warning, "\(name): \(advice)") }
    scan()
    if isFirstStart { desk.note(keyPrefix + "started", "1") }
    forgetOldMarks()
    forgetTimer = desk.loop.every(Self.forgetInterval) { [weak self] in self?.forgetOldMarks() }
    isBegun = true
    watch?.drain()
    desk.turn(StartReader(self))
  }

  /// Notes that the source was started: what appears from now on is read from its beginning.
  final class StartReader: SourceReader {
    let source: FileSource
    init(_ source: FileSource) { self.source = source }

    func read(into shipment: inout Shipment) -> Bool {
      finish(into: &shipment)
      source.desk.forget(self)
      return false
    }

    func finish(into shipment: inout Shipment) {
      for (key, mark) in source.passedOver { shipment.begin(key, mark.value) }
      shipment.begin(source.keyPrefix + "started", "1")
    }
  }

  package var isHeldBack: Bool { rate?.isHolding ?? false }

  /// One that waits until others are closed is read, and one that is looked for may be found.
  package var isCatchingUp: Bool {
    closed.values.contains(EMFILE) || readers.values.contains { $0.missingSince != nil }
  }

  package var problem: String? {
    let unread = closed.filter { $0.value != EMFILE }.sorted { $0.key < $1.key }
    guard let first = unread.first else {
      let obstacle = configuration.globs.lazy.compactMap(\.obstacle).first { $0.error.number != ENOENT }
      return obstacle.map { "cannot look into \($0.directory): \($0.error.text)" }
    }
    let more = unread.count > 1 ? ", and so with \(unread.count - 1) more" : ""
    return "cannot read \(first.key): \(SystemError(first.value).text)\(more)"
  }

  package func end() {
    watch?.cancel()
    watch = nil
    for timer in [debounceTimer, scanTimer, searchTimer, pollTimer, forgetTimer] { timer?.cancel() }
    rate?.end()
    for reader in readers.values { reader.cancel() }
    lagAtEnd = lag
    readers = [:]
    names = [:]
    newest = [:]
    debounced = [:]
  }

  // MARK: What is looked at every second

  /// Without anything to look at there is no timer: an idle shipper sleeps.
  func setPolling() {
    let mustPoll =
      !polled.isEmpty || !closed.isEmpty || !strays.isEmpty || watch == nil
      || readers.values.contains { $0.state == .detached || $0.hasRoom }
    if mustPoll, pollTimer == nil {
      pollTimer = desk.loop.every(Self.pollInterval) { [weak self] in self?.poll() }
    } else if !mustPoll {
      pollTimer?.cancel()
      pollTimer = nil
    }
  }

  func poll() {
    if !polled.isEmpty || watch == nil { scan() }
    for path in closed.keys where configuration.takes(path) { look(at: path) }
    openStrays()
    for reader in readers.values where reader.state == .detached || isPolled(reader) || reader.isRoomWritten {
      desk.turn(reader)
    }
    setPolling()
  }

  func isPolled(_ reader: FileReader) -> Bool {
    if watch == nil { return true }
    guard !polled.isEmpty, let slash = reader.path.lastIndex(of: "/") else { return false }
    return polled.contains(slash == reader.path.startIndex ? "/" : String(reader.path[..<slash]))
  }

  // MARK: What readers report

  func cannotOpen(_ path: String, _ error: SystemError) {
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

  func ended(_ reader: FileReader) {
    reader.cancel()
    rate?.forget(reader)
    readers[reader.identity] = nil
    if reader.missingSince != nil {
      for other in readers.values where other.predecessor === reader {
        other.predecessor = reader.predecessor
        desk.turn(other)
      }
    }
    if newest[reader.stream]?.reader === reader {
      newest[reader.stream] = nil
      namesakes[reader.stream] = nil
    }
    for (path, other) in names where other === reader { names[path] = nil }
    debounced[ObjectIdentifier(reader)] = nil
    desk.forget(reader)
    setPolling()
  }

  /// A status entry in the file's stream, and a line in the log.
  func tell(_ what: String, _ action: String, of reader: FileReader, into shipment: inout Shipment) {
    desk.log(.warning, "\(name): \(reader.path): \(what)")
    shipment.add(
      LogEntry(
        message: ByteString(what), time: SystemClock.wall(), severity: .warning, source: "logs ship",
        attributes: configuration.lines.attributes + [
          LogAttribute("action", .string(action)), LogAttribute("file.path", .string(reader.path)),
        ], kind: .status), to: reader.stream)
  }
}
