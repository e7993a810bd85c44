import Testing

/// Expects equal bytes, and otherwise says where they begin to differ.
///
/// `#expect(a == b)` would compute the whole difference, which takes hours for files.
func expectSame(
  _ actual: [UInt8], _ expected: [UInt8], _ comment: @autoclosure () -> Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual != expected else { return }
  let place = zip(actual, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset
  let shared = place ?? min(actual.count, expected.count)
  func excerpt(_ bytes: [UInt8]) -> String {
    String(decoding: bytes[max(0, shared - 80)..<min(bytes.count, shared + 80)], as: UTF8.self).debugDescription
  }
  let line = actual[..<shared].count { $0 == UInt8(ascii: "\n") } + 1
  Issue.record(
    """
    \(actual.count) bytes instead of \(expected.count), different from byte \(shared) in line \(line) on: \
    \(excerpt(actual)) instead of \(excerpt(expected)); \(comment()?.rawValue ?? "")
    """, sourceLocation: sourceLocation)
}
