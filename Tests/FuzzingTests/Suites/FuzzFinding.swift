import Testing

/// An input that a fuzzer found, and what went wrong with it.
struct FuzzFinding: Sendable, CustomTestStringConvertible {
  let target: String
  let what: String
  /// In hexadecimal digits.
  let input: String

  var testDescription: String { "\(target): \(what)" }

  static let all: [FuzzFinding] = [
    FuzzFinding(
      target: "archives", what: "gzip data before damage was given out, or not, as the pieces came",
      input: "00091f8b08000000000000034b54c8c9cc5be50200b001b48c07000000")
  ]
}
