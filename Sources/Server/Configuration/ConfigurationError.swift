/// Settings that make no sense: what is wrong, and where.
package struct ConfigurationError: Error, Sendable, CustomStringConvertible {
  /// Each with its place, in the order in which they were found; at least one.
  package let faults: [String]

  init(_ faults: [String]) { self.faults = faults }

  package var description: String { faults.joined(separator: "; ") }
}
