internal import Glibc
internal import LogsWire

/// The files of a journal, and a place between two of its entries.
///
/// Used on one thread at a time.
@safe final class Journal {
  /// What happened to the files since they were looked at last.
  enum Change {
    case nothing
    case added
    /// Files have come or gone.
    case filesChanged
  }

  private let library: JournalLibrary
  private let journal: OpaquePointer

  /// Fields above it may be cut: more than an entry can hold.
  private static let dataByteCountMax = 4 << 20
  private static let localOnly: Int32 = 1

  /// - Throws: if its files cannot be opened.
  init(_ library: JournalLibrary, _ configuration: JournalConfiguration) throws(JournalProblem) {
    var opened: OpaquePointer?
    let result =
      if let directory = configuration.directory {
        unsafe library.openDirectory(&opened, directory, 0)
      } else {
        unsafe library.open(&opened, Self.localOnly)
      }
    guard result >= 0, let journal = unsafe opened else {
      throw Self.problem("\(configuration.directory ?? "the journal of this machine") cannot be opened", result)
    }
    self.library = library
    unsafe self.journal = journal
    _ = unsafe library.setDataThreshold(journal, Self.dataByteCountMax)
    try addMatches(of: configuration)
  }

  deinit { unsafe library.close(journal) }

  private static func problem(_ what: String, _ result: Int32) -> JournalProblem {
    let reason = unsafe strerror(-result).map { unsafe String(cString: $0) } ?? "error \(-result)"
    return JournalProblem(description: "\(what): \(reason)")
  }

  private func check(_ result: Int32, _ what: String) throws(JournalProblem) -> Int32 {
    guard result >= 0 else { throw Self.problem("the journal cannot be \(what)", result) }
    return result
  }

  // MARK: Matches

  private func addMatches(of configuration: JournalConfiguration) throws(JournalProblem) {
    for unit in configuration.units {
      let name = unit.contains(".") ? unit : unit + ".service"
      try add("_SYSTEMD_UNIT=\(name)")
      _ = try check(unsafe library.addDisjunction(journal), "filtered")
      // What systemd says of it.
      try add("UNIT=\(name)")
      try add("_PID=1")
      _ = try check(unsafe library.addDisjunction(journal), "filtered")
    }
    if !configuration.units.isEmpty { _ = try check(unsafe library.addConjunction(journal), "filtered") }
    for match in configuration.matches { try add(match) }
    if configuration.isOfThisBoot { try add("_BOOT_ID=\(try Self.bootID())") }
  }

  private func add(_ match: String) throws(JournalProblem) {
    let bytes = Array(match.utf8)
    let result = unsafe bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return -EINVAL }
      return unsafe library.addMatch(journal, base, bytes.count)
    }
    _ = try check(result, "filtered by '\(match)'")
  }

  private static func bootID() throws(JournalProblem) -> String {
    guard let file = unsafe fopen("/proc/sys/kernel/random/boot_id", "re") else {
      throw problem("this boot has no ID", -errno)
    }
    defer { unsafe fclose(file) }
    var text = [CChar](repeating: 0, count: 64)
    _ = unsafe fgets(&text, Int32(text.count), file)
    return String(decoding: text.map { UInt8(bitPattern: $0) }.prefix { $0 > 0x20 }, as: UTF8.self)
      .filter { $0 != "-" }
  }

  // MARK: Moving

  func seekHead() throws(JournalProblem) { _ = try check(unsafe library.seekHead(journal), "read") }

  func seek(_ cursor: JournalCursor) throws(JournalProblem) {
    _ = try check(unsafe library.seekCursor(journal, cursor.text), "read from a bookmark")
  }

  /// Goes to the next entry.
  ///
  /// - Returns: false if there is none.
  func next() throws(JournalProblem) -> Bool { try check(unsafe library.next(journal), "read") > 0 }

  var cursor: JournalCursor? {
    var text: UnsafeMutablePointer<CChar>?
    guard unsafe library.getCursor(journal, &text) >= 0, let text = unsafe text else { return nil }
    defer { unsafe free(text) }
    return JournalCursor(unsafe String(cString: text))
  }

  /// When the journal took the entry, in ns since 1970; 0 if it does not say.
  var time: Int64 {
    var microseconds: UInt64 = 0
    guard unsafe library.getRealtime(journal, &microseconds) >= 0 else { return 0 }
    return Int64(clamping: microseconds.multipliedReportingOverflow(by: 1_000).partialValue)
  }

  /// Calls `body` with each field of the entry: its name and its value. What cannot be read is left out.
  func forEachField(_ body: (String, ByteString) -> Void) {
    unsafe library.restartData(journal)
    while true {
      var data: UnsafeRawPointer?
      var count = 0
      guard unsafe library.enumerateData(journal, &data, &count) > 0, let data = unsafe data else { return }
      let bytes = unsafe UnsafeRawBufferPointer(start: data, count: count)
      guard let equals = unsafe bytes.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let name = unsafe String(decoding: bytes[..<equals], as: UTF8.self)
      let value = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[(equals + 1)...]))
      body(name, ByteString(copying: value))
    }
  }

  // MARK: Waiting

  /// Readable when something has changed.
  func descriptor() throws(JournalProblem) -> Int32 { try check(unsafe library.getDescriptor(journal), "watched") }

  /// When `process` is to be called even if the descriptor is not readable; nil for never.
  var timeout: MonotonicTime? {
    var microseconds = UInt64.max
    guard unsafe library.getTimeout(journal, &microseconds) >= 0, microseconds < .max / 1_000 else { return nil }
    return MonotonicTime(nanoseconds: microseconds * 1_000)
  }

  /// Takes note of what has changed.
  func process() throws(JournalProblem) -> Change {
    switch try check(unsafe library.process(journal), "watched") {
    case 0: .nothing
    case 1: .added
    default: .filesChanged
    }
  }
}

/// The place of an entry, as the journal writes it: `s=...;i=...;b=...;m=...;t=...;x=...`.
struct JournalCursor: Equatable {
  let text: String
  /// Whose numbers `number` is one of.
  let numbering: Substring
  /// From 1, of all entries of a journal; 0 if unknown.
  let number: UInt64
  /// The rest: when it was written, and a hash of its fields.
  private let identity: [Substring]

  init(_ text: String) {
    self.text = text
    let parts = text.split(separator: ";")
    func value(_ name: String) -> Substring { parts.first { $0.hasPrefix(name) }?.dropFirst(name.count) ?? "" }
    numbering = value("s=")
    number = UInt64(value("i="), radix: 16) ?? 0
    identity = [value("b="), value("m="), value("t="), value("x=")]
  }

  /// Whether both are the same entry, also if it was copied to another file of the journal.
  func isOfSameEntry(as other: JournalCursor) -> Bool { identity == other.identity && !identity.contains("") }

  func isOfSameBoot(as other: JournalCursor) -> Bool { identity[0] == other.identity[0] }

  /// How many entries of the journal are between an earlier one and this one; nil if that is unknown.
  func distance(from earlier: JournalCursor) -> UInt64? {
    guard number > 0, earlier.number > 0, !numbering.isEmpty, numbering == earlier.numbering, number > earlier.number
    else { return nil }
    return number - earlier.number - 1
  }
}
