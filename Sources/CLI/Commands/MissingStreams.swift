internal import LogsClient
internal import LogsWire

/// Streams that were named and do not exist, and those that may have been meant.
struct MissingStreams: Sendable {
  private let names: [StreamName]
  private let nearest: [String]

  /// Asks the server which streams there are.
  init(_ names: [StreamName], _ client: LogClient) async throws(LogError) {
    let existing = try await NearbyNames.existing(for: names.map(\.text), client)
    self.names = names
    nearest = names.reduce(into: []) { found, name in
      // It may have come meanwhile.
      if existing.contains(name.text) { return }
      if let near = NearbyNames.nearest(to: name.text, among: existing), !found.contains(near) { found.append(near) }
    }
  }

  /// Fails where there is no such stream.
  static func check(_ stream: StreamName, _ client: LogClient) async throws {
    let missing = try await client.missing(of: [.stream(stream)])
    if !missing.isEmpty { throw CommandError(try await MissingStreams(missing, client).absent) }
  }

  private var quoted: String { names.map { "'\($0)'" }.joined(separator: ", ") }
  private var hint: String { Self.hint(nearest) }

  /// `; did you mean 'web'?`, or nothing.
  static func hint(_ names: [String]) -> String {
    names.isEmpty ? "" : "; did you mean \(names.map { "'\($0)'" }.joined(separator: ", "))?"
  }

  /// Says that there are none.
  var absent: String {
    let verb = names.count == 1 ? "there is no stream" : "there are no streams"
    return "\(verb) \(quoted)\(nearest.isEmpty ? "; see logs streams" : hint)"
  }

  func absent(in operands: StreamOperands) -> String { absent + advice(operands) }

  func waiting(in operands: StreamOperands) -> String {
    let verb = names.count == 1 ? "it does not exist yet" : "they do not exist yet"
    return "waiting for \(quoted): \(verb)\(hint)\(advice(operands))"
  }

  private func advice(_ operands: StreamOperands) -> String {
    operands.advice { word in names.contains { $0.text == word } }.map { "; \($0)" } ?? ""
  }
}
