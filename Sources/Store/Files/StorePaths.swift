/// The names of the files in a data directory.
struct StorePaths: Sendable {
  let directory: String

  /// The directory that the data directory is in.
  var parent: String { "\(directory)/.." }
  var store: String { "\(directory)/store" }
  var storeTemporary: String { "\(directory)/store.tmp" }
  var reserve: String { "\(directory)/reserve" }
  var journal: String { "\(directory)/journal" }
  /// What is to be remembered of the archive.
  var archive: String { "\(directory)/archive" }
  var archiveTemporary: String { "\(directory)/archive.tmp" }
  /// A journal that is being made.
  var journalTemporary: String { "\(directory)/journal.tmp" }
  var lock: String { "\(directory)/lock" }
  var segments: String { "\(directory)/segments" }

  func segment(_ number: Int64) -> String { "\(segments)/\(Self.fileName(number))" }
  /// A segment that is being made; a file with this name is removed at start.
  func segmentTemporary(_ number: Int64) -> String { "\(segments)/\(Self.fileName(number)).tmp" }

  /// What SQLite keeps beside a database.
  static func sideFiles(of path: String) -> [String] { ["-wal", "-shm", "-journal"].map { path + $0 } }

  /// Ten digits, so that the names sort like the numbers.
  static func fileName(_ number: Int64) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 10 - digits.count)) + digits + ".db"
  }

  /// The number of a segment file's name, nil for any other name.
  static func segmentNumber(_ name: String) -> Int64? {
    guard name.hasSuffix(".db"), let number = Int64(name.dropLast(3)), number > 0, fileName(number) == name else {
      return nil
    }
    return number
  }

  /// The number of the segment that a file is, or is beside; nil for any other name.
  static func segment(ofFile name: String) -> Int64? {
    for suffix in ["", "-wal", "-shm", "-journal"] where name.hasSuffix(suffix) {
      if let number = segmentNumber(String(name.dropLast(suffix.count))) { return number }
    }
    return nil
  }
}
