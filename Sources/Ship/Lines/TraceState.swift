internal import LogsWire

/// Where in a stack trace a group of lines has come to.
enum TraceState: Equatable {
  /// A line that may have a trace behind it.
  case message
  /// The name of an exception, without frames yet.
  case exception
  /// Frames of the JVM, .NET or JavaScript; of the latter, values may be shown in braces behind the last one.
  case frames(inBraces: Bool)
  case python
  /// Behind Python's line with the exception; another traceback may follow.
  case pythonEnd
  case go
  case goroutine
  /// Rust's `panicked at`, before its message.
  case rustHead
  case rust
  case swift
  /// The place of what Node.js threw, above its source.
  case scriptPlace
  case script
  /// A line of .NET's console, whose text is below it.
  case console

  /// Whether a line belongs to a group.
  enum Verdict: Equatable {
    case joins(TraceState)
    /// If one of the next lines does.
    case waits
    case ends
  }

  /// The state that a line begins; nil if none can follow it.
  static func begun(by text: borrowing TraceText) -> TraceState? {
    if text.indent > 0 {
      if text.isFrame { return .frames(inBraces: text.ends("{")) }
      let isPython = text.begins("File \"") && text.has("\", line ") || text.begins("+ Exception Group Traceback ")
      return isPython ? .python : nil
    }
    switch text.first {
    case 0, UInt8(ascii: "{"): return nil
    case UInt8(ascii: "T") where text.begins("Traceback (most recent call last)"): return .python
    case UInt8(ascii: "p") where text.begins("panic: "): return .go
    case UInt8(ascii: "f") where text.begins("fatal error: "): return .go
    case UInt8(ascii: "g") where text.begins("goroutine ") && text.ends("]:"): return .goroutine
    case UInt8(ascii: "S") where text.begins("SIG") && text.has(": "): return .go
    case UInt8(ascii: "t") where text.begins("thread '") && text.has(" panicked at "):
      return text.ends(":") ? .rustHead : .rust
    case UInt8(ascii: "*") where text.begins("*** ") && text.has("rash"): return .swift
    case UInt8(ascii: "/"), UInt8(ascii: "f"), UInt8(ascii: "n"): if text.isScriptPlace { return .scriptPlace }
    default: break
    }
    if text.isConsoleHead { return .console }
    if text.isException { return .exception }
    switch text.report {
    case .error: return .message
    case .fatalOfSwift: return .swift
    case .nothing: return text.isErrorOfKlog ? .message : nil
    }
  }

  /// Whether lines are held back only for a moment, since most have nothing behind them.
  var isDoubtful: Bool { self == .message || self == .exception || self == .console }

  func verdict(on text: borrowing TraceText) -> Verdict {
    switch self {
    case .message:
      if text.isIndented, !text.isFrame { return .waits }
      return afterMessage(text)
    case .exception:
      if text.isFrame { return .joins(.frames(inBraces: text.ends("{"))) }
      if text.isCause { return .joins(.exception) }
      return text.isIndented ? .waits : .ends
    case .frames(let inBraces):
      if text.isFrame { return .joins(.frames(inBraces: inBraces || text.ends("{"))) }
      if text.isCause { return .joins(.frames(inBraces: false)) }
      if inBraces, text.isIndented || text.first == UInt8(ascii: "}") {
        return .joins(.frames(inBraces: text.indent > 0))
      }
      if text.begins("Node.js v") { return .joins(self) }
      return text.isBlank || text.isIndented ? .waits : .ends
    case .python:
      // The last line of an exception group.
      if text.isIndented { return .joins(text.begins("+-----") ? .pythonEnd : .python) }
      return text.isBlank ? .waits : .joins(.pythonEnd)
    case .pythonEnd:
      if text.isBlank { return .waits }
      if text.isIndented { return text.begins("|") || text.begins("+") ? .joins(.python) : .waits }
      let isChained =
        text.begins("During handling of the above exception")
        || text.begins("The above exception was the direct cause")
      if isChained { return .joins(.pythonEnd) }
      return text.begins("Traceback (most recent call last)") ? .joins(.python) : .ends
    case .go, .goroutine: return afterGo(text)
    case .rustHead: return .joins(.rust)
    case .rust:
      if text.begins("note: ") || text.begins("stack backtrace:") || text.isIndented { return .joins(.rust) }
      return text.isBlank ? .waits : .ends
    case .swift: return afterSwift(text)
    case .scriptPlace: return .joins(.script)
    case .script:
      if text.isBlank { return .waits }
      if text.isIndented { return .joins(.script) }
      return text.isException || text.has("Error") ? .joins(.exception) : .ends
    case .console: return text.indent >= Self.consoleIndent && text.isIndented ? .joins(.console) : .ends
    }
  }

  /// What a trace may begin with behind the line that reports it.
  private func afterMessage(_ text: borrowing TraceText) -> Verdict {
    if text.isFrame || text.isException || text.isCause {
      return .joins(text.isFrame ? .frames(inBraces: text.ends("{")) : .exception)
    }
    if text.begins("Traceback (most recent call last)") { return .joins(.python) }
    if text.begins("goroutine "), text.ends("]:") { return .joins(.goroutine) }
    return text.begins("stack backtrace:") ? .joins(.rust) : .ends
  }

  private func afterGo(_ text: borrowing TraceText) -> Verdict {
    if text.isBlank { return .waits }
    if text.begins("goroutine ") { return .joins(.goroutine) }
    if text.isIndented || text.begins("[signal ") || text.begins("exit status ") { return .joins(self) }
    if text.begins("panic: ") || text.begins("runtime: ") || text.begins("PC=") || text.isRegister {
      return .joins(self)
    }
    return self == .goroutine && text.isGoFunction ? .joins(.goroutine) : .ends
  }

  private func afterSwift(_ text: borrowing TraceText) -> Verdict {
    if text.isBlank { return .waits }
    let first = text.first
    if text.isIndented || text.isSwiftFrame || text.isRegister { return .joins(.swift) }
    let isPart: Bool =
      switch first {
      case UInt8(ascii: "*"): text.begins("*** ")
      case UInt8(ascii: "B"): text.begins("Backtrace took ")
      case UInt8(ascii: "C"): text.begins("Crash") || text.begins("Current stack trace:")
      case UInt8(ascii: "F"): text.begins("Fatal error: ")
      case UInt8(ascii: "I"): text.begins("Images ") || text.begins("Illegal instruction")
      case UInt8(ascii: "P"): text.begins("Platform: ") || text.begins("Program arguments: ")
      case UInt8(ascii: "R"): text.begins("Registers:")
      case UInt8(ascii: "S"): text.begins("Stack dump:")
      case UInt8(ascii: "T"): text.begins("Thread ")
      default: text.begins("💣 ") || text.begins("❌ ")
      }
    return isPart ? .joins(.swift) : .ends
  }

  private static let consoleIndent = 6
}

extension TraceText {
  /// `fail: Program[0]`.
  fileprivate var isConsoleHead: Bool {
    guard ends("]") else { return false }
    return begins("info: ") || begins("warn: ") || begins("fail: ") || begins("crit: ") || begins("dbug: ")
      || begins("trce: ")
  }

  /// `E0102 15:04:05.678901` and `F0102 ...`.
  fileprivate var isErrorOfKlog: Bool { begins("E0") || begins("E1") || begins("F0") || begins("F1") }
}
