internal import Glibc
internal import LogsSystem

/// Paths as text. A byte that is not UTF-8 is written `\xff`, and so is a backslash that would look like one.
///
/// Only system calls see the bytes. The text is shown, kept in bookmarks and compared: it stands for one path.
package enum PathText {
  private static let backslash = UInt8(ascii: "\\")

  /// - Parameter bytes: as the system names it, without a zero.
  package static func text(_ bytes: [UInt8]) -> String {
    if !bytes.contains(backslash), let text = String(validating: bytes, as: UTF8.self) { return text }
    var text = ""
    var rest = bytes[...]
    while let first = rest.first {
      var parser = Unicode.UTF8.ForwardParser()
      var iterator = rest.makeIterator()
      if case .valid(let scalar) = parser.parseScalar(from: &iterator), escape(rest) == nil {
        text.unicodeScalars.append(Unicode.UTF8.decode(scalar))
        rest = rest.dropFirst(scalar.count)
      } else {
        let digits = String(first, radix: 16)
        text += digits.utf8.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
        rest = rest.dropFirst()
      }
    }
    return text
  }

  /// The byte that an escape at the beginning stands for.
  private static func escape(_ text: ArraySlice<UInt8>) -> UInt8? {
    guard text.count >= escapeByteCount, text.first == backslash, text.dropFirst().first == UInt8(ascii: "x") else {
      return nil
    }
    let digits = text.dropFirst(2).prefix(2)
    guard digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else { return nil }
    return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  private static let escapeByteCount = 4

  package static func bytes(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let first = rest.first {
      let byte = escape(rest)
      bytes.append(byte ?? first)
      rest = rest.dropFirst(byte == nil ? 1 : escapeByteCount)
    }
    return bytes
  }

  /// The bytes of a pattern for `fnmatch`, in which a backslash makes the next character an ordinary one.
  static func patternBytes(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let first = rest.first {
      if let byte = escape(rest) {
        bytes += byte < 0x80 ? [backslash, byte] : [byte]
        rest = rest.dropFirst(escapeByteCount)
      } else {
        bytes += first == backslash ? Array(rest.prefix(2)) : [first]
        rest = rest.dropFirst(first == backslash ? 2 : 1)
      }
    }
    return bytes
  }

  /// Calls `body` with the path for the system.
  package static func withPointer<Value>(_ text: String, _ body: (UnsafePointer<CChar>) -> Value) -> Value {
    guard text.utf8.contains(backslash) else { return unsafe text.withCString { unsafe body($0) } }
    return unsafe body(bytes(text).map { CChar(bitPattern: $0) } + [0])
  }

  /// Opens a file for reading, whatever it is: nothing waits for the other end of a pipe.
  static func open(
    _ path: String, _ flags: Int32 = O_RDONLY | O_NONBLOCK | O_NOCTTY
  ) throws(SystemError) -> Descriptor {
    let (number, error) = unsafe withPointer(path) {
      let number = unsafe Glibc.open($0, flags | O_CLOEXEC)
      return (number, SystemError.last)
    }
    guard number >= 0 else { throw error }
    return Descriptor(adopting: number)
  }
}
