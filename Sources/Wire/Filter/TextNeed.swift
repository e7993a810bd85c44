/// What messages must contain for a filter to let any of them through, as far as it can be said: what an index of text
/// can rule out.
package indirect enum TextNeed: Hashable, Sendable {
  /// Nothing can be said.
  case anything
  /// This text, folded if its case does not matter; as a whole word or anywhere.
  case text([UInt8], isWord: Bool)
  case all([TextNeed])
  case either([TextNeed])
}

extension Filter {
  package var textNeed: TextNeed { root.textNeed }

  /// Whether severities, times, numbers or the stream may decide it.
  package var readsHeaders: Bool { root.readsHeaders }
}

extension FilterNode {
  fileprivate var readsHeaders: Bool {
    switch self {
    case .all: false
    case .and(let nodes), .or(let nodes): nodes.contains(where: \.readsHeaders)
    case .not(let node): node.readsHeaders
    case .test(.severity), .test(.time), .test(.sequence), .test(.stream): true
    case .test: false
    }
  }

  fileprivate var textNeed: TextNeed {
    switch self {
    case .all, .not: return .anything
    case .and(let nodes):
      let needs = nodes.map(\.textNeed).filter { $0 != .anything }
      return needs.isEmpty ? .anything : needs.count == 1 ? needs[0] : .all(needs)
    case .or(let nodes):
      let needs = nodes.map(\.textNeed)
      return needs.contains(.anything) ? .anything : .either(needs)
    case .test(.message(let test)): return test.need
    case .test: return .anything
    }
  }
}

extension TextTest {
  fileprivate var need: TextNeed {
    switch self {
    case .contains(let text), .equals(let text): return .text(text.bytes, isWord: false)
    case .word(let text): return .text(text.bytes, isWord: true)
    case .glob(let pieces, _):
      let needs = pieces.filter { !$0.isEmpty }.map { TextNeed.text($0, isWord: false) }
      return needs.isEmpty ? .anything : .all(needs)
    case .regex(let regex): return regex.required.map { .text($0.bytes, isWord: false) } ?? .anything
    case .order, .exists: return .anything
    }
  }
}

extension FilterEvaluator {
  /// What an index is made of.
  package struct Contents {
    /// The messages as filters compare them, with ASCII in lower case, and where each begins and ends. Equal ones may
    /// come once.
    package var text: ByteString
    package var rows: [Range<Int>]
    package var severities: [UInt8]
  }

  package func contents(of batch: Batch) throws(FilterFailure) -> Contents {
    let columns = try columns(of: batch)
    let messages = try columns.messagesInLowerCase()
    return Contents(text: messages.bytes, rows: messages.rows, severities: try columns.severities())
  }
}
