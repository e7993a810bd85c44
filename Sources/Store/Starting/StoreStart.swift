/// What a start found.
package enum StoreStart: Sendable {
  /// Nothing: the store is new.
  case new
  case clean
  /// What a crash, a power loss or kill -9 has left.
  case unclean

  /// For people.
  package var words: String {
    switch self {
    case .new: "a new store"
    case .clean: "the last stop was clean"
    case .unclean:
      "the last stop was not clean: what was stored last is intact, and the rest is being checked in the background"
    }
  }
}
