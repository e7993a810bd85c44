import Glibc
import LogsSystem
import LogsWire

@testable import LogsShip

/// A directory with files of a journal, written by systemd-journal-remote.
final class JournalFiles: Sendable {
  static let writer = "/lib/systemd/systemd-journal-remote"
  static let isThere = access(writer, X_OK) == 0

  let directory: String

  init() throws {
    var template = Array("/tmp/ship-journal-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError.last }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func removeAll() {
    for name in FileGlob.names(in: directory) { unlink("\(directory)/\(name)") }
    rmdir(directory)
  }

  struct Entry {
    var fields: [(String, [UInt8])]
    /// In microseconds.
    var time: UInt64

    init(_ time: UInt64, _ fields: [(String, String)]) {
      self.fields = fields.map { ($0, Array($1.utf8)) }
      self.time = time
    }
  }

  /// Adds entries to a file; it is created if it is missing.
  func write(_ name: String, _ entries: [Entry], boot: String = String(repeating: "b", count: 32)) throws {
    var text: [UInt8] = []
    for entry in entries {
      text += Array("__REALTIME_TIMESTAMP=\(entry.time)\n__MONOTONIC_TIMESTAMP=\(entry.time)\n_BOOT_ID=\(boot)\n".utf8)
      for (name, value) in entry.fields {
        text += Array(name.utf8) + [UInt8(ascii: "\n")]
        withUnsafeBytes(of: UInt64(value.count).littleEndian) { text += Array($0) }
        text += value + [UInt8(ascii: "\n")]
      }
      text.append(UInt8(ascii: "\n"))
    }
    let export = "\(directory)/export"
    unlink(export)
    try Descriptor.open(export, O_WRONLY | O_CREAT, mode: 0o600).write(text)
    try Self.run([Self.writer, "-o", "\(directory)/\(name).journal", export])
    unlink(export)
  }

  func remove(_ name: String) { unlink("\(directory)/\(name).journal") }

  private static func run(_ command: [String]) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    var process: Int32 = 0
    let arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    let result = posix_spawn(&process, command[0], &actions, nil, arguments, environ)
    guard result == 0 else { throw SystemError(result) }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else { throw SystemError(EIO) }
  }
}
