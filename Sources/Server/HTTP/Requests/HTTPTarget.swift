internal import LogsText

/// A request's path and the parameters behind it.
struct HTTPTarget {
  /// As it was sent.
  let path: Substring
  private var parameters: [(name: String, value: String)] = []

  init(_ target: String) throws(HTTPProblem) {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    path = parts[0]
    for part in parts.dropFirst().first?.split(separator: "&") ?? [] {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = pair.count > 1 ? pair[1] : ""
      parameters.append((try Self.decode(pair[0], plusIsSpace: true), try Self.decode(value, plusIsSpace: true)))
    }
  }

  /// Parameters that did not come in an address.
  init(parameters: [(name: String, value: String)]) {
    path = ""
    self.parameters = parameters
  }

  /// Checks that only these parameters are given, and those but `repeatable` once.
  func allow(_ names: [String], repeatable: String? = nil) throws(HTTPProblem) {
    var seen: Set<String> = []
    for parameter in parameters {
      let name = parameter.name
      guard names.contains(name) || name == repeatable else {
        let suggestion = Spelling.suggestion(name, among: names)
        throw HTTPProblem(400, "there is no parameter '\(name)' here\(suggestion)")
      }
      guard seen.insert(name).inserted || name == repeatable else {
        throw HTTPProblem(400, "the parameter '\(name)' comes twice")
      }
    }
  }

  func values(_ name: String) -> [String] { parameters.filter { $0.name == name }.map(\.value) }

  subscript(name: String) -> String? { parameters.first { $0.name == name }?.value }

  /// A number in a range; nil if the parameter is not given.
  func number(_ name: String, in range: ClosedRange<UInt64>) throws(HTTPProblem) -> UInt64? {
    guard let text = self[name] else { return nil }
    guard let value = UInt64(text), range.contains(value) else {
      throw HTTPProblem(400, "\(name) takes a number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
    }
    return value
  }

  /// - Throws: if an escape is broken or makes no UTF-8.
  static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) throws(HTTPProblem) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%") {
        guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
          rest.prefix(2).first != UInt8(ascii: "+")
        else { throw HTTPProblem(400, "'\(text)' has a % without two hexadecimal digits behind it") }
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
      }
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else {
      throw HTTPProblem(400, "'\(text)' is not UTF-8 once its escapes are read")
    }
    return decoded
  }
}
