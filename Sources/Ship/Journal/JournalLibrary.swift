internal import Glibc
internal import LogsWire

/// Why the journal cannot be read.
package struct JournalProblem: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
}

/// libsystemd, loaded when it is needed: what reads no journal runs on machines without it.
///
/// Invariant behind `@unchecked Sendable`: the addresses of its functions are set once and stay valid, since the
/// library is never unloaded.
@safe struct JournalLibrary: @unchecked Sendable {
  typealias Journal = OpaquePointer
  typealias Call = @convention(c) (Journal) -> Int32
  typealias Open = @convention(c) (UnsafeMutablePointer<Journal?>, Int32) -> Int32
  typealias OpenDirectory = @convention(c) (UnsafeMutablePointer<Journal?>, UnsafePointer<CChar>, Int32) -> Int32
  typealias Act = @convention(c) (Journal) -> Void
  typealias AddMatch = @convention(c) (Journal, UnsafeRawPointer, Int) -> Int32
  typealias SetNumber = @convention(c) (Journal, Int) -> Int32
  typealias SeekCursor = @convention(c) (Journal, UnsafePointer<CChar>) -> Int32
  typealias EnumerateData =
    @convention(c) (Journal, UnsafeMutablePointer<UnsafeRawPointer?>, UnsafeMutablePointer<Int>) -> Int32
  typealias GetText = @convention(c) (Journal, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
  typealias GetNumber = @convention(c) (Journal, UnsafeMutablePointer<UInt64>) -> Int32

  let open: Open
  let openDirectory: OpenDirectory
  let close: Act
  let addMatch: AddMatch
  let addDisjunction: Call
  let addConjunction: Call
  let setDataThreshold: SetNumber
  let seekHead: Call
  let seekCursor: SeekCursor
  let next: Call
  let restartData: Act
  let enumerateData: EnumerateData
  let getCursor: GetText
  let getRealtime: GetNumber
  let getDescriptor: Call
  let getTimeout: GetNumber
  let process: Call

  static let name = "libsystemd.so.0"

  /// - Throws: if it is not installed, or is too old.
  init() throws(JournalProblem) {
    guard let library = unsafe dlopen(Self.name, RTLD_NOW | RTLD_LOCAL) else {
      let reason = unsafe dlerror().map { unsafe String(cString: $0) } ?? "it is not installed"
      throw JournalProblem(
        description: "the journal is read with \(Self.name), which cannot be loaded (\(reason)); install libsystemd0")
    }
    func symbol(_ name: String) throws(JournalProblem) -> UnsafeMutableRawPointer {
      guard let address = unsafe dlsym(library, "sd_journal_" + name) else {
        throw JournalProblem(
          description: "the journal is read with \(Self.name), which has no sd_journal_\(name); systemd 246 has it")
      }
      return unsafe address
    }
    unsafe open = unsafeBitCast(try symbol("open"), to: Open.self)
    unsafe openDirectory = unsafeBitCast(try symbol("open_directory"), to: OpenDirectory.self)
    unsafe close = unsafeBitCast(try symbol("close"), to: Act.self)
    unsafe addMatch = unsafeBitCast(try symbol("add_match"), to: AddMatch.self)
    unsafe addDisjunction = unsafeBitCast(try symbol("add_disjunction"), to: Call.self)
    unsafe addConjunction = unsafeBitCast(try symbol("add_conjunction"), to: Call.self)
    unsafe setDataThreshold = unsafeBitCast(try symbol("set_data_threshold"), to: SetNumber.self)
    unsafe seekHead = unsafeBitCast(try symbol("seek_head"), to: Call.self)
    unsafe seekCursor = unsafeBitCast(try symbol("seek_cursor"), to: SeekCursor.self)
    unsafe next = unsafeBitCast(try symbol("next"), to: Call.self)
    unsafe restartData = unsafeBitCast(try symbol("restart_data"), to: Act.self)
    unsafe enumerateData = unsafeBitCast(try symbol("enumerate_available_data"), to: EnumerateData.self)
    unsafe getCursor = unsafeBitCast(try symbol("get_cursor"), to: GetText.self)
    unsafe getRealtime = unsafeBitCast(try symbol("get_realtime_usec"), to: GetNumber.self)
    unsafe getDescriptor = unsafeBitCast(try symbol("get_fd"), to: Call.self)
    unsafe getTimeout = unsafeBitCast(try symbol("get_timeout"), to: GetNumber.self)
    unsafe process = unsafeBitCast(try symbol("process"), to: Call.self)
  }
}
