import Foundation
import LogsSimulation

/// The bytes of `spec/vectors`, for seeds.
enum SeedVectors {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "spec/vectors")

  /// The vectors of these kinds, valid and invalid: small ones, since inputs are.
  static func bytes(_ kinds: Set<String>, atMost byteCountMax: Int) throws -> [[UInt8]] {
    var found: [[UInt8]] = []
    for folder in ["valid", "invalid"] {
      let directory = root.appending(path: folder)
      for name in try FileManager.default.contentsOfDirectory(atPath: directory.path()).sorted()
      where name.hasSuffix(".hex") {
        let text = try String(contentsOf: directory.appending(path: name), encoding: .utf8)
        let words = text.split(separator: "\n").first?.split(separator: " ") ?? []
        guard words.count > 2, kinds.contains(String(words[2])) else { continue }
        let bytes = text.split(separator: "\n").flatMap { hex($0.prefix { $0 != "#" }) }
        if bytes.count <= byteCountMax { found.append(bytes) }
      }
    }
    return found
  }

  /// The recorded sessions.
  static func sessions() throws -> [SessionVector] {
    try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "sessions").path()).sorted()
      .filter { $0.hasSuffix(".hex") }.map { try SessionVector(String($0.dropLast(4))) }
  }

  /// The texts of the filters.
  static func filters() throws -> [String] {
    try ["parse", "match"].flatMap { name in
      let data = try Data(contentsOf: root.appending(path: "filters/\(name).json"))
      let objects = try JSONSerialization.jsonObject(with: data) as? [[String: Any]] ?? []
      return objects.compactMap { $0["filter"] as? String }.filter { $0.utf8.count < 300 }
    }
  }

  /// The bytes that pairs of digits stand for; anything else is left out.
  static func hex(_ text: some StringProtocol) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
