internal import Glibc
internal import LogsSystem
internal import LogsTransport

/// inotify on directories: one descriptor, and one watch a directory, however many files are in it and are read.
///
/// Bound to its loop.
final class DirectoryWatch {
  struct Change {
    /// The path of what changed in a watched directory, or of the directory itself.
    let path: String
    let kind: Kind
    /// The same for both names of one rename, else 0.
    var move: UInt32 = 0
  }

  enum Kind {
    case modified
    /// Created, or moved to this name, or its rights have changed.
    case appeared
    /// Removed, or moved from this name.
    case vanished
    case directoryAppeared
    /// The directory is not watched any more.
    case directoryVanished
    /// Changes were lost: everything is to be looked at anew.
    case lost
  }

  private let descriptor: Descriptor
  private let body: ([Change]) -> Void
  private var watch: LoopWatch?
  private var paths: [Int32: String] = [:]
  private var numbers: [String: Int32] = [:]
  private let countMax: Int
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)

  private static let mask = UInt32(
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF
      | IN_ONLYDIR)

  /// - Parameter countMax: how many directories are watched.
  /// - Throws: if the system has no inotify instance left for this user.
  init(_ loop: EventLoop, countMax: Int, _ body: @escaping ([Change]) -> Void) throws(SystemError) {
    let number = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
    guard number >= 0 else { throw .last }
    descriptor = Descriptor(adopting: number)
    self.countMax = countMax
    self.body = body
    watch = try loop.watch(number, for: .readable) { [weak self] in self?.drain() }
  }

  /// Reports all changes so far. What is found at a name may be younger than the change that led to it: the changes in
  /// between are then known before anything is read.
  func drain() {
    for _ in 0..<Self.drainCountMax {
      let changes = read()
      if changes.isEmpty { return }
      body(changes)
    }
  }

  private static let drainCountMax = 64

  func cancel() {
    watch?.cancel()
    watch = nil
  }

  /// Whether the directory is watched from now on.
  func add(_ directory: String) -> Bool {
    if numbers[directory] != nil { return true }
    guard numbers.count < countMax else { return false }
    let number = unsafe PathText.withPointer(directory) {
      unsafe inotify_add_watch(descriptor.number, $0, Self.mask)
    }
    guard number >= 0 else { return false }
    // The same directory by two names is one watch: the first name stays.
    if paths[number] != nil { return false }
    paths[number] = directory
    numbers[directory] = number
    return true
  }

  /// The directories that are watched.
  var count: Int { numbers.count }

  private func read() -> [Change] {
    var changes: [Change] = []
    let count = unsafe Glibc.read(descriptor.number, &buffer, buffer.count)
    guard count > 0 else { return [] }
    var offset = 0
    while offset + Self.headerByteCount <= count {
      let (number, mask, nameCount) = (int(offset), UInt32(bitPattern: int(offset + 4)), Int(int(offset + 12)))
      let start = offset + Self.headerByteCount
      offset = start + nameCount
      let name = PathText.text(Array(buffer[start..<offset].prefix { $0 != 0 }))
      add(mask, number, name, move: UInt32(bitPattern: int(start - 8)), to: &changes)
    }
    return changes
  }

  private static let headerByteCount = 16

  private func int(_ offset: Int) -> Int32 {
    Int32(
      littleEndian: unsafe buffer.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: offset, as: Int32.self) })
  }

  private func add(_ mask: UInt32, _ number: Int32, _ name: String, move: UInt32, to changes: inout [Change]) {
    if mask & UInt32(IN_Q_OVERFLOW) != 0 { return changes.append(Change(path: "/", kind: .lost)) }
    guard let directory = paths[number] else { return }
    if mask & UInt32(IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF) != 0 {
      // Moved, it would report under its old name.
      if mask & UInt32(IN_MOVE_SELF) != 0 { _ = inotify_rm_watch(descriptor.number, number) }
      paths[number] = nil
      numbers[directory] = nil
      return changes.append(Change(path: directory, kind: .directoryVanished))
    }
    if name.isEmpty { return }
    let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
    if mask & UInt32(IN_ISDIR) != 0 {
      if mask & UInt32(IN_CREATE | IN_MOVED_TO | IN_ATTRIB) != 0 {
        changes.append(Change(path: path, kind: .directoryAppeared))
      }
    } else if mask & UInt32(IN_MODIFY) != 0 {
      changes.append(Change(path: path, kind: .modified))
    } else if mask & UInt32(IN_MOVED_FROM | IN_DELETE) != 0 {
      changes.append(Change(path: path, kind: .vanished, move: move))
    } else {
      changes.append(Change(path: path, kind: .appeared, move: move))
    }
  }
}
