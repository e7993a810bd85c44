internal import LogsDisk
internal import LogsSystem

/// Why the store cannot do something: what failed, on which file, why, and what to do about it.
package struct StoreError: Error, CustomStringConvertible, Sendable {
  package enum Code: String, Hashable, Sendable {
    /// Another process has the data directory open.
    case locked
    /// The directory or a file in it does not look like a store's, or a newer version has written it.
    case notAStore
    /// A segment that `store` names is missing.
    case missingSegment
    /// Stored bytes are not what was written.
    case damaged
    /// The disk is full.
    case diskFull
    /// Reading, writing or syncing failed.
    case inputOutput
    /// Another connection is in the way.
    case busy
    /// The store has been closed or has stopped.
    case closed
    /// There is no such stream.
    case unknownStream
    /// A batch whose checks are right breaks a rule of its format.
    case undecodable
    /// A regular expression takes more than its limits allow.
    case filterTooCostly
  }

  package var code: Code
  package var message: String
  /// The error underneath, in its own words.
  package var cause: String?

  package init(_ code: Code, _ message: String, cause: String? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  static let isClosed = StoreError(.closed, "the store is closed")
  static let unwanted = StoreError(.closed, "nobody waits for it any more")

  package var description: String {
    guard let cause else { return message }
    return "\(message) (\(cause))"
  }
}

extension StoreError {
  /// An error of SQLite while doing `action`, with the file and what to do about it.
  init(_ error: SQLiteError, while action: String) {
    let code: Code
    let advice: String
    if error.isDiskFull {
      code = .diskFull
      advice = "free some space on its disk"
    } else if error.isDamage {
      code = .damaged
      advice = "restore it from a backup; an older segment may be moved away instead, which loses only what it holds"
    } else if error.isBusy {
      code = .busy
      advice = "close other programs that have it open"
    } else {
      code = .inputOutput
      advice = "look at the disk and the system's log, then start again"
    }
    self.init(code, "cannot \(action) \(error.path): \(error.text); \(advice)", cause: error.codeText)
  }

  /// A failed sync. It is never retried, not even after a full disk: a second one says nothing about what the first one
  /// lost.
  init(failedSync error: FileError, while action: String) {
    self.init(error, while: action)
    code = .inputOutput
  }

  init(_ error: FileError, while action: String, advice: String? = nil) {
    let advice = error.isDiskFull ? "free some space on its disk" : advice
    self.init(
      error.isDiskFull ? .diskFull : .inputOutput,
      "cannot \(action) \(error.path): \(error.text)\(advice.map { "; \($0)" } ?? "")", cause: error.operation)
  }
}
