internal import CSQLite
internal import LogsStore
internal import LogsWire

/// Why a query has no answer, in words for the person who wrote it.
package struct SQLFailure: Error, Sendable, CustomStringConvertible {
  package enum Kind: Hashable, Sendable {
    /// The query is wrong: it has to be written differently.
    case query
    /// It asks for more than a limit allows.
    case limit
    /// The store cannot be read.
    case store
  }

  package let kind: Kind
  package let description: String

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  init(_ error: StoreError) {
    self.init(error.code == .filterTooCostly ? .limit : .store, error.description)
  }

  init(_ error: WireDecodingError, _ stream: StreamName) { self.init(StoreError.undecodable(error, stream)) }
}
