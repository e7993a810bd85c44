import CFaultVFS
import CSQLite
import LogsDisk
import LogsSystem
import Synchronization

@testable import LogsSimulation
@testable import LogsStore

typealias SeededGenerator = LogsSimulation.SeededGenerator

/// A disk that a test can fill, break, and cut from power.
///
/// Everything goes to real files. Beside them it keeps what would be there after a power loss: for each file its
/// content at the last sync and the writes since, for each directory its names at the last sync of the directory.
final class FaultDisk: Sendable {
  /// Fails operations of a kind on files whose name ends with `suffix`.
  struct Fault: Sendable {
    var operation: fault_operation
    var suffix: String
    var code: Int32
    /// How many matching operations succeed before that.
    var skip = 0
    /// How many fail.
    var count = Int.max
    /// Whether SQLite's own operations are spared.
    var isBesideSQLite = false
  }

  enum Change: Sendable {
    case write(offset: Int, [UInt8])
    case truncate(Int)

    func apply(to content: inout [UInt8]) {
      switch self {
      case .truncate(let size):
        if size < content.count { content.removeSubrange(size...) }
        if size > content.count { content += [UInt8](repeating: 0, count: size - content.count) }
      case .write(let offset, let bytes):
        if content.count < offset { content += [UInt8](repeating: 0, count: offset - content.count) }
        let end = min(content.count, offset + bytes.count)
        content.replaceSubrange(offset..<max(offset, end), with: bytes)
      }
    }
  }

  struct File: Sendable {
    var durable: [UInt8] = []
    var pending: [Change] = []
    var hasSynced = false
  }

  struct State: Sendable {
    var faults: [Fault] = []
    var files: [File] = []
    /// Names as programs see them, and as they are after a power loss.
    var names: [String: Int] = [:]
    var durableNames: [String: Int] = [:]
    var operationCount = 0
    var crashAt = Int.max
    /// What is free, and all there is; nil: as on the disk of the tests.
    var space: (free: Int, all: Int)?
    var isCrashed: Bool { operationCount >= crashAt }
  }

  let name: String
  let state = Mutex(State())

  struct Hooks {
    /// Called before each read of SQLite's, with the name of the file.
    var onRead: (@Sendable (String) -> Void)?
    /// Called before each write of SQLite's or to the journal, with the name of the file.
    var onWrite: (@Sendable (String) -> Void)?
    /// Called before each sync of SQLite's.
    var onSync: (@Sendable () -> Void)?
  }

  let hooks = Mutex(Hooks())

  private static let counter = Atomic<Int>(0)

  init() {
    name = "fault-\(Self.counter.add(1, ordering: .relaxed).newValue)"
    let context = Unmanaged.passUnretained(self).toOpaque()
    let code = fault_vfs_register(
      name, context,
      { context, operation, path, offset, data, count in
        FaultDisk.from(context).before(operation, path, offset, data, count)
      },
      { context, operation, path, offset, data, count in
        FaultDisk.from(context).after(operation, path, offset, data, count)
      })
    precondition(code == SQLITE_OK, "a VFS can be registered")
  }

  /// The VFS is no longer in use: the stores hold their settings, which hold this.
  deinit { fault_vfs_unregister(name) }

  private static func from(_ context: UnsafeMutableRawPointer?) -> FaultDisk {
    guard let context else { preconditionFailure("the VFS was registered with its disk") }
    return Unmanaged<FaultDisk>.fromOpaque(context).takeUnretainedValue()
  }

  /// Settings of a store on this disk.
  func configuration(_ directory: TestDirectory, _ clock: TestClock? = nil) -> StoreConfiguration {
    var configuration = TestStore.configuration(directory, clock)
    configuration.vfs = name
    configuration.fileSystem = FaultFileSystem(disk: self)
    return configuration
  }

  func inject(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }
  func heal() { state.withLock { $0.faults = [] } }

  /// Loses power before the operation that comes after `count` more.
  func crash(after count: Int) { state.withLock { $0.crashAt = $0.operationCount + count } }
  var isCrashed: Bool { state.withLock { $0.isCrashed } }
  var operationCount: Int { state.withLock { $0.operationCount } }

  // MARK: operations

  private func before(
    _ operation: Int32, _ path: UnsafePointer<CChar>?, _ offset: Int64, _ data: UnsafeRawPointer?, _ count: Int32
  ) -> Int32 {
    guard let path else { return SQLITE_OK }
    let file = String(cString: path)
    let kind = fault_operation(UInt32(operation))
    if kind == FAULT_READ { hooks.withLock({ $0 }).onRead?(file) }
    if kind == FAULT_WRITE { hooks.withLock({ $0 }).onWrite?(file) }
    if kind == FAULT_SYNC { hooks.withLock({ $0 }).onSync?() }
    return state.withLock { state in
      if kind != FAULT_READ, kind != FAULT_OPEN { state.operationCount += 1 }
      if state.isCrashed {
        // A write that power cut short: some of it may be on the disk.
        if kind == FAULT_WRITE, state.operationCount == state.crashAt, let data, let index = state.names[file] {
          let bytes = Array(UnsafeRawBufferPointer(start: data, count: Int(count)))
          state.files[index].pending.append(.write(offset: Int(offset), bytes))
        }
        return SQLITE_IOERR
      }
      return state.fault(kind, file, isSQLite: true)
    }
  }

  private func after(
    _ operation: Int32, _ path: UnsafePointer<CChar>?, _ offset: Int64, _ data: UnsafeRawPointer?, _ count: Int32
  ) {
    guard let path else { return }
    let file = String(cString: path)
    state.withLock { state in
      switch fault_operation(UInt32(operation)) {
      case FAULT_OPEN: if count != 0 { state.create(file) }
      case FAULT_WRITE:
        guard let data, let index = state.names[file] else { return }
        let bytes = Array(UnsafeRawBufferPointer(start: data, count: Int(count)))
        state.files[index].pending.append(.write(offset: Int(offset), bytes))
      case FAULT_TRUNCATE:
        guard let index = state.names[file] else { return }
        state.files[index].pending.append(.truncate(Int(offset)))
      case FAULT_SYNC:
        // SQLite's own: the first sync of a journal that it made syncs the directory, too.
        if let index = state.names[file], !state.files[index].hasSynced,
          file.hasSuffix("-wal") || file.hasSuffix("-journal")
        {
          state.synchronize(directory: FaultDisk.parent(file))
        }
        state.synchronize(file: file)
      case FAULT_DELETE:
        state.names[file] = nil
        if count != 0 { state.synchronize(directory: FaultDisk.parent(file)) }
      default: break
      }
    }
  }

  static func parent(_ path: String) -> String { String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }

  /// Writes what a power loss leaves of `directory` into a new one. The store has been closed.
  func remains(of directory: TestDirectory, _ generator: inout SeededGenerator) -> TestDirectory {
    let remains = TestDirectory()
    let files = PosixFileSystem()
    state.withLock { state in
      do throws(FileError) {
        _ = try files.makeDirectory(remains.data)
        _ = try files.makeDirectory(remains.data + "/segments")
        for folder in [directory.data, directory.data + "/segments"] {
          // Names that were not synced may still have reached the disk.
          let names = generator.chance(2) ? state.durableNames : state.names
          for (path, index) in names.sorted(by: { $0.key < $1.key }) where Self.parent(path) == folder {
            var content = state.files[index].durable
            for change in state.files[index].pending where generator.chance(2) {
              if case .write(let offset, let bytes) = change, generator.chance(4) {
                // Torn: only the first sectors.
                Change.write(offset: offset, Array(bytes.prefix(bytes.count / 1024 * 512))).apply(to: &content)
              } else {
                change.apply(to: &content)
              }
            }
            try files.write(remains.data + path.dropFirst(directory.data.count), content)
          }
        }
      } catch {
        preconditionFailure("the remains can be written: \(error)")
      }
    }
    return remains
  }
}

extension FaultDisk.State {
  mutating func fault(_ operation: fault_operation, _ path: String, isSQLite: Bool = false) -> Int32 {
    for index in faults.indices where faults[index].operation == operation && path.hasSuffix(faults[index].suffix) {
      if isSQLite, faults[index].isBesideSQLite { continue }
      if faults[index].skip > 0 {
        faults[index].skip -= 1
        continue
      }
      guard faults[index].count > 0 else { continue }
      faults[index].count -= 1
      return faults[index].code
    }
    return SQLITE_OK
  }

  mutating func create(_ path: String) {
    guard names[path] == nil else { return }
    names[path] = files.count
    files.append(FaultDisk.File())
  }

  mutating func synchronize(file path: String) {
    guard let index = names[path] else { return }
    for change in files[index].pending { change.apply(to: &files[index].durable) }
    files[index].pending = []
    files[index].hasSynced = true
  }

  mutating func synchronize(directory: String) {
    durableNames = durableNames.filter { FaultDisk.parent($0.key) != directory }
    for (path, index) in names where FaultDisk.parent(path) == directory { durableNames[path] = index }
  }
}
