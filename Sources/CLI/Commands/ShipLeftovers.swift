internal import Glibc
internal import LogsClient
internal import LogsShip
internal import LogsSystem
internal import LogsText
internal import LogsWire

/// What earlier runs of a command have left in states of their own, whatever their arguments were: the next run sends
/// it, and removes what is empty.
final class ShipLeftovers: Sendable {
  private let sending: Task<Void, Never>

  /// - Parameter directory: the state of this run.
  init(beside directory: String, _ client: LogClient) {
    let directories = Self.directories(beside: directory)
    sending = Task {
      for directory in directories where !Task.isCancelled {
        await Self.send(directory, client)
        Self.removeEmpty(directory)
      }
    }
  }

  /// Waits for what is being sent; the rest is left to the next run.
  func end(within time: Duration) async {
    let timer = Task {
      // Cancelled when everything is sent before.
      try? await Task.sleep(for: time)
      sending.cancel()
    }
    await sending.value
    timer.cancel()
  }

  /// The states of runs of the same program that nobody uses.
  static func directories(beside directory: String) -> [String] {
    let (parent, own) = parts(directory)
    guard let dash = own.lastIndex(of: "-") else { return [] }
    let prefix = own[...dash]
    return FileGlob.names(in: parent).filter { name in
      guard name != own, name.hasPrefix(prefix) else { return false }
      let words = name.dropFirst(prefix.count).split(separator: ".", omittingEmptySubsequences: false)
      return words.count <= 2 && words[0].allSatisfy(\.isHexDigit) && words.dropFirst().allSatisfy { Int($0) != nil }
    }.map { "\(parent)/\($0)" }
  }

  private static func parts(_ directory: String) -> (parent: String, name: Substring) {
    let slash = directory.lastIndex(of: "/") ?? directory.startIndex
    return (String(directory[..<slash]), directory[slash...].dropFirst())
  }

  /// Sends what is in a spool that nobody uses.
  private static func send(_ directory: String, _ client: LogClient) async {
    let path = "\(directory)/spool"
    guard let report = try? SpoolReport.inspect(path), !report.isInUse else { return }
    // What a run that was killed has left is in the WAL, which nobody reads but its owner.
    guard report.batchCount > 0 || hasWAL(path) else { return }
    var configuration = LogProducerConfiguration()
    configuration.spool = SpoolConfiguration(directory: path)
    configuration.handsOverAtExit = false
    configuration.waitsForPermission = true
    let watch = ProducerWatch(hasSpool: true, stream: nil)
    configuration.onEvent = { event in
      // That nothing can be sent is said of the run's own entries.
      if case .failed = event { return }
      watch.note(event)
    }
    // Nothing is added: every batch in the spool names its stream.
    guard let producer = try? LogProducer(client, stream: StreamName("drain"), configuration: configuration) else {
      return
    }
    // What waits for a right is left there.
    await producer.flush(timeout: patience)
    await producer.shutdown(deadline: .zero)
    watch.noteRefusals()
    let counts = producer.counts
    guard counts.acknowledged > 0 else { return }
    let entries = Figures.count(counts.acknowledged, "entry", "entries")
    let left = counts.waiting == 0 ? "" : ", \(Figures.count(counts.waiting, "is", "are")) left"
    Terminal.note("\(entries) of an earlier run acknowledged\(left)")
  }

  /// Whether a spool was not closed.
  private static func hasWAL(_ path: String) -> Bool { FileGlob.kind("\(path)/spool.db-wal") != nil }

  /// The end of the run bounds it.
  private static let patience = Duration.seconds(86_400)

  // MARK: Removal

  /// Held by each run while it takes its state, and by who removes one.
  final class Gate {
    private let descriptor: Descriptor

    /// Waits for who removes something.
    ///
    /// - Parameter directory: the state of a command.
    /// - Returns: nil if somebody takes a state and one is to be removed, or there is no directory above.
    init?(of directory: String, forRemoval: Bool = false) {
      let path = "\(parts(directory).parent).lock"
      guard let opened = try? Descriptor.open(path, O_RDWR | O_CREAT, mode: 0o600) else { return nil }
      descriptor = consume opened
      while flock(descriptor.number, forRemoval ? LOCK_EX | LOCK_NB : LOCK_SH) != 0 {
        guard errno == EINTR else { return nil }
      }
    }

    func leave() { flock(descriptor.number, LOCK_UN) }
  }

  /// Removes a state that nobody uses and in which nothing is left.
  static func removeEmpty(_ directory: String) {
    let path = "\(directory)/spool"
    guard let gate = Gate(of: directory, forRemoval: true) else { return }
    defer { gate.leave() }
    guard let lock = try? PosixFileSystem(readableBy: .nobody).lock("\(path)/lock") else { return }
    defer { withExtendedLifetime(lock) {} }
    guard !hasWAL(path), let report = try? SpoolReport.inspect(path), report.batchCount == 0, report.damage.isEmpty,
      report.keptAside.isEmpty
    else { return }
    for inner in [path, directory] {
      for name in FileGlob.names(in: inner) where FileGlob.kind("\(inner)/\(name)", following: false) == .file {
        unsafe unlink("\(inner)/\(name)")
      }
      unsafe rmdir(inner)
    }
  }
}
