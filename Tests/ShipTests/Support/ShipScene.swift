import Glibc
import LogsSystem
import LogsTransport
import LogsWire
import Testing

@testable import LogsShip

/// A directory of files, a source that reads them on its loop, and a test that waits for what it ships.
final class ShipScene: @unchecked Sendable {
  let directory: String
  private let loop: EventLoop
  private let desk: TestDesk
  private var source: FileSource?
  private let configure: (inout FileSourceConfiguration) -> Void

  init(_ configure: @escaping (inout FileSourceConfiguration) -> Void = { _ in }) throws {
    var template = Array("/tmp/ship-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError.last }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    loop = try EventLoop.start(name: "test")
    desk = TestDesk(loop)
    self.configure = configure
  }

  /// A scene whose source has read files from their beginnings to their ends.
  ///
  /// - Parameters:
  ///   - lines: what is in each of them.
  ///   - configure: changes the source's configuration further.
  static func reading(
    _ lines: [String], in names: [String] = ["a.log"], sourceLocation: SourceLocation = #_sourceLocation,
    _ configure: @escaping (inout FileSourceConfiguration) -> Void = { _ in }
  ) async throws -> ShipScene {
    let scene = try ShipScene {
      $0.start = .beginning
      configure(&$0)
    }
    for name in names { try scene.write(name, lines.map { "\($0)\n" }.joined()) }
    await scene.begin()
    let texts = try await scene.shipped(names.count * lines.count)
    for name in names {
      #expect(
        texts.filter { $0.hasPrefix("\(name): ") } == lines.map { "\(name): \($0)" }, sourceLocation: sourceLocation)
    }
    return scene
  }

  deinit {
    loop.abandon()
    removeAll(directory)
  }

  private func removeAll(_ path: String) {
    chmod(path, 0o755)
    for name in FileGlob.names(in: path) {
      let inner = "\(path)/\(name)"
      if FileGlob.kind(inner, following: false) == .directory {
        removeAll(inner)
      } else {
        _ = PathText.withPointer(inner) { unlink($0) }
      }
    }
    rmdir(path)
  }

  // MARK: Files

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  /// Adds to a file, which is created if it is missing.
  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let number = PathText.withPointer(path(name)) { open($0, O_WRONLY | O_CREAT | O_APPEND, 0o644) }
    guard number >= 0 else { throw SystemError.last }
    try Descriptor(adopting: number).write(bytes)
  }

  func overwrite(_ name: String, at offset: Int, _ text: String) throws {
    let file = try Descriptor.open(path(name), O_WRONLY)
    let bytes = Array(text.utf8)
    guard pwrite(file.number, bytes, bytes.count, off_t(offset)) == bytes.count else { throw SystemError.last }
  }

  func truncate(_ name: String, to count: Int = 0) { Glibc.truncate(path(name), count) }
  func rename(_ name: String, to other: String) {
    _ = PathText.withPointer(path(name)) { name in PathText.withPointer(path(other)) { Glibc.rename(name, $0) } }
  }

  func remove(_ name: String) { unlink(path(name)) }
  /// Gives a file the rights of nobody or of all.
  func setReadable(_ name: String, _ isReadable: Bool) { chmod(path(name), isReadable ? 0o644 : 0) }

  /// Writes to a file as a program does that has mapped it: inotify says nothing.
  func writeMapped(_ name: String, at offset: Int, _ text: String) throws {
    let file = try Descriptor.open(path(name), O_RDWR)
    let bytes = Array(text.utf8)
    let memory = mmap(nil, offset + bytes.count, PROT_READ | PROT_WRITE, MAP_SHARED, file.number, 0)
    guard let memory, memory != MAP_FAILED else { throw SystemError.last }
    (memory + offset).copyMemory(from: bytes, byteCount: bytes.count)
    munmap(memory, offset + bytes.count)
  }

  func makeDirectory(_ name: String) { mkdir(path(name), 0o755) }

  /// Changes several things before the source sees the first of them.
  func atOnce(_ body: @escaping @Sendable (ShipScene) throws -> Void) async throws { try await onLoopThrowing(body) }

  // MARK: The source

  /// Begins to read; a source that read before is ended as by a crash: what it held back is gone.
  func begin() async {
    await onLoop { scene in
      scene.source?.end()
      var lines = LinePipeline.Configuration()
      lines.format = .raw
      lines.grouping = .none
      var configuration = FileSourceConfiguration(
        name: "files", globs: [FileGlob(scene.path("*.log"), workingDirectory: "/")], lines: lines)
      // However slowly a test writes its pieces.
      configuration.lineWait = .seconds(3_600)
      scene.configure(&configuration)
      let source = FileSource(configuration, host: "here")
      scene.desk.forgetAll()
      scene.source = source
      source.begin(scene.desk)
    }
  }

  func end() async {
    await onLoop { scene in
      scene.source?.end()
      try? scene.desk.finishAll()
      scene.source = nil
    }
  }

  /// Has the source read as a user without rights, for tests that run as root.
  func setUnprivileged(_ isUnprivileged: Bool) async {
    guard geteuid() == 0, let symbol = dlsym(nil, "setfsuid") else { return }
    let setUser = unsafeBitCast(symbol, to: (@convention(c) (UInt32) -> Int32).self)
    chmod(directory, 0o755)
    await onLoop { _ in _ = setUser(isUnprivileged ? 65_534 : 0) }
  }

  /// Waits until there are that many bookmarks, without a turn for anybody.
  func noted(_ count: Int) async throws -> Bool {
    for _ in 0..<100_000 {
      if await bookmarks().count >= count { return true }
      try await Task.sleep(for: .milliseconds(2))
    }
    return false
  }

  /// Waits until the source says that it is so many bytes behind, without a turn for anybody.
  func isBehind(by count: UInt64) async throws -> Bool {
    for _ in 0..<100_000 {
      if await lag().byteCount == count { return true }
      try await Task.sleep(for: .milliseconds(2))
    }
    return false
  }

  /// Waits until there are that many entries, and for the files to be read to their ends.
  func shipped(_ count: Int) async throws -> [String] {
    for _ in 0..<100_000 {
      let texts = try await texts()
      if texts.count >= count { return texts }
      try await Task.sleep(for: .milliseconds(2))
    }
    return try await texts()
  }

  /// Waits until a text is among the lines of the source's log.
  func logged(_ text: String) async throws -> Bool {
    for _ in 0..<100_000 {
      _ = try await texts()
      if await onLoop({ $0.desk.logged.contains { $0.contains(text) } }) { return true }
      try await Task.sleep(for: .milliseconds(2))
    }
    return false
  }

  /// Everything shipped so far, as `stream: text`.
  func texts() async throws -> [String] {
    try await onLoopThrowing { scene in
      try scene.desk.giveTurns()
      return scene.desk.shipped.map { "\($0.stream.text.split(separator: "/").last ?? ""): \($0.entry.text)" }
    }
  }

  func entries() async -> [LogEntry] { await onLoop { $0.desk.shipped.map(\.entry) } }
  func bookmarks() async -> [String: ByteString] { await onLoop { $0.desk.bookmarks } }
  func lag() async -> SourceLag { await onLoop { $0.source?.lag ?? SourceLag() } }

  private func onLoop<Value: Sendable>(_ body: @escaping @Sendable (ShipScene) -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      // Not retained here: the scene must not end on its own loop.
      loop.execute { [unowned self] in continuation.resume(returning: body(self)) }
    }
  }

  private func onLoopThrowing<Value: Sendable>(
    _ body: @escaping @Sendable (ShipScene) throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      loop.execute { [unowned self] in continuation.resume(with: Result { try body(self) }) }
    }
  }
}
