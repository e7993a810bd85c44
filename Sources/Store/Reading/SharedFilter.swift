package import LogsWire

/// A filter that several readers have. It is the same one only where it is the same object: comparing two is quick.
package final class SharedFilter: Hashable, Sendable {
  package let filter: Filter

  package init(_ filter: Filter) { self.filter = filter }

  package static func == (left: SharedFilter, right: SharedFilter) -> Bool { left === right }
  package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
