import Glibc
import LogsSystem
import Testing

@Suite struct FileTests {
  private let files = PosixFileSystem(readableBy: .everybody)
  private let directory: String

  init() {
    var template = Array("/tmp/logs-system-XXXXXX".utf8CString)
    mkdtemp(&template)
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func removeAll() throws {
    for name in try files.list(directory) { try files.remove("\(directory)/\(name)") }
    rmdir(directory)
  }

  @Test func `a file is replaced as a whole, by one that can identify itself`() throws {
    let (path, temporary) = ("\(directory)/file", "\(directory)/file.tmp")
    try files.write(path, Array("old, and longer than the new".utf8))
    // A file left by a killed process.
    try files.write(temporary, Array("half".utf8))
    var named: FileIdentity?
    try files.replace(path, temporary: temporary) { identity in
      named = identity
      return Array("new".utf8)
    }
    #expect(try files.read(path) == Array("new".utf8))
    #expect(try files.identity(path) == named)
    #expect(try files.list(directory) == ["file"])
    try removeAll()
  }

  @Test func `a link in the way is not written through`() throws {
    let (path, temporary, other) = ("\(directory)/file", "\(directory)/file.tmp", "\(directory)/other")
    try files.write(other, Array("mine".utf8))
    #expect(symlink(other, temporary) == 0)
    try files.replace(path, temporary: temporary) { _ in Array("new".utf8) }
    #expect(try files.read(other) == Array("mine".utf8))
    #expect(try files.read(path) == Array("new".utf8))
    try removeAll()
  }

  @Test func `a replacement that fails leaves the old file and nothing else`() throws {
    let path = "\(directory)/file"
    try files.write(path, Array("old".utf8))
    #expect(throws: FileError.self) {
      try files.replace("\(directory)/missing/file", temporary: "\(directory)/file.tmp") { _ in [1] }
    }
    #expect(try files.list(directory) == ["file"])
    #expect(try files.read(path) == Array("old".utf8))
    #expect(throws: FileError.self) { try files.make(path) }
    try removeAll()
  }

  @Test func `new files have the right access modes`() throws {
    for (readers, file, entered) in [
      (PosixFileSystem.Readers.nobody, 0o600, 0o700), (.group, 0o640, 0o750), (.everybody, 0o644, 0o755),
    ] as [(PosixFileSystem.Readers, mode_t, mode_t)] {
      let files = PosixFileSystem(readableBy: readers)
      try files.write("\(directory)/file", [])
      #expect(try files.makeDirectory("\(directory)/inner"))
      #expect(mode("file") & ~file == 0 && mode("file") & 0o600 == 0o600)
      #expect(mode("inner") & ~entered == 0 && mode("inner") & 0o700 == 0o700)
      try files.remove("\(directory)/file")
      rmdir("\(directory)/inner")
    }
    try removeAll()
  }

  private func mode(_ name: String) -> mode_t {
    var status = stat()
    return stat("\(directory)/\(name)", &status) == 0 ? status.st_mode & 0o777 : 0
  }
}
