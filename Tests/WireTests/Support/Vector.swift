import Foundation
import Testing

@testable import LogsWire

/// A file of `spec/vectors` (its README describes the form).
struct Vector: CustomTestStringConvertible, Sendable {
  enum Kind: String { case frame, batch, numbered = "numbered-batch", run }

  let name: String
  let kind: Kind
  let bytes: [UInt8]
  /// `stream` and `incarnation` of the kind line.
  let stream: StreamName
  let incarnation: Incarnation
  /// Header fields: `about`, `step`, `error`, `reason`.
  let fields: [String: String]
  /// The output of the reference decoder, for valid vectors.
  let expected: String

  var testDescription: String { name }

  static let valid = load("valid")
  static let invalid = load("invalid")
  static var all: [Vector] { valid + invalid }

  private static func load(_ folder: String) -> [Vector] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let directory = root.appending(path: "spec/vectors/\(folder)")
    do {
      return try FileManager.default.contentsOfDirectory(atPath: directory.path()).filter { $0.hasSuffix(".hex") }
        .sorted().map { try Vector(directory, String($0.dropLast(4))) }
    } catch {
      fatalError("the vectors cannot be read: \(error)")
    }
  }

  private init(_ directory: URL, _ name: String) throws {
    self.name = name
    var bytes: [UInt8] = []
    var fields: [String: String] = [:]
    for line in try String(contentsOf: directory.appending(path: "\(name).hex"), encoding: .utf8).split(separator: "\n")
    {
      let parts = line.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
      let digits = parts[0].utf8.filter { $0 != UInt8(ascii: " ") }.map { UInt8($0) }
      for pair in stride(from: 0, to: digits.count, by: 2) {
        guard let byte = UInt8(String(decoding: digits[pair..<pair + 2], as: UTF8.self), radix: 16) else {
          throw CocoaError(.fileReadCorruptFile)
        }
        bytes.append(byte)
      }
      if bytes.isEmpty, parts.count == 2, let colon = parts[1].firstRange(of: ": ") {
        let key = parts[1][..<colon.lowerBound].trimmingCharacters(in: .whitespaces)
        fields[key] = String(parts[1][colon.upperBound...])
      }
    }
    self.bytes = bytes
    let words = (fields["kind"] ?? "").split(separator: " ")
    guard let first = words.first, let kind = Kind(rawValue: String(first)) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    self.kind = kind
    var stream = "web"
    var incarnation: UInt64 = 1
    for word in words.dropFirst() {
      let pair = word.split(separator: "=")
      if pair[0] == "stream" { stream = String(pair[1]) }
      if pair[0] == "incarnation" { incarnation = UInt64(pair[1].dropFirst(2), radix: 16) ?? 0 }
    }
    self.stream = try stream.hasPrefix("$") ? StreamName(server: stream) : StreamName(stream)
    self.incarnation = Incarnation(incarnation)
    self.fields = fields
    let text = directory.appending(path: "\(name).txt")
    expected = FileManager.default.fileExists(atPath: text.path()) ? try String(contentsOf: text, encoding: .utf8) : ""
  }
}
