package import LogsWire

extension Identity {
  /// A new one.
  package static func random() -> Self {
    var source = SystemRandomNumberGenerator()
    return Self(high: source.next(), low: source.next())
  }
}

extension Incarnation {
  /// A new one, which is not `any`.
  package static func random() -> Incarnation { Incarnation(UInt64.random(in: 1 ... .max)) }
}

/// The seed of this process's hash tables, which is unknown outside the process.
package enum HashSeed {
  package static let process = UInt64.random(in: 0 ... .max)
}
