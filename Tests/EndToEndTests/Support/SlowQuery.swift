import LogsWire

/// Queries that take long.
enum SlowQuery {
  /// Every entry of the stream has to be looked at by twenty patterns.
  static func count(of stream: String) throws -> Query {
    let terms = ["qz", "zq", "jq", "qj", "zj", "jz", "xq", "qx", "xz", "zx"].map { pair in
      let (first, second) = (pair.first!, pair.last!)
      return "/[^\(first)]+\(first)[^\(second)]+\(second)/"
    }
    return Query(.count, [.stream(try StreamName(stream))], filter: try Filter(terms.joined(separator: " OR ")))
  }
}
