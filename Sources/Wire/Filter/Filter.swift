/// Which entries a reader wants (`spec/filter.md`).
public struct Filter: Hashable, Sendable {
  public let text: String
  let root: FilterNode
}

extension Filter {
  public static let all = Filter(text: "", root: .all)
  // Until the parser is there.
  public init(_ text: String) throws(FilterError) {
    self.text = text
    root = text.isEmpty ? .all : .test(.message(.contains(FilterText(text))))
  }
}
