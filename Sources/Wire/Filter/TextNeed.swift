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
}

extension FilterNode {
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
  /// The messages of a batch as filters compare them, with ASCII in lower case: the text, and where each begins and
  /// ends. Equal ones may come once.
  package func messages(of batch: Batch) throws(FilterFailure) -> (text: ByteString, rows: [Range<Int>]) {
    let messages = try columns(of: batch).messagesInLowerCase()
    return (messages.bytes, messages.rows)
  }
}
