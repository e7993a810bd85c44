/// Which entries a reader wants, in the language of `spec/filter.md`.
public struct Filter: Hashable, Sendable, CustomStringConvertible {
  /// As it was written, but with absolute times: it means the same everywhere and at any time.
  public let text: String
  let root: FilterNode

  /// Lets everything through.
  public static let all = Filter(text: "", root: .all)

  /// Reads a filter whose times are absolute.
  ///
  /// - Throws: `FilterError` with the column, what was expected there, and what to write.
  public init(_ text: String) throws(FilterError) { try self.init(text, times: .absolute) }

  /// - Parameter times: what reads the times in it.
  package init(_ text: String, times: FilterTimes) throws(FilterError) {
    var parser = try FilterParser(text, times: times)
    let root = try parser.parse()
    self.init(text: try parser.textWithAbsoluteTimes(), root: root)
  }

  private init(text: String, root: FilterNode) {
    self.text = text
    self.root = root
  }

  public var description: String { text }

  public static func == (left: Filter, right: Filter) -> Bool { left.root == right.root }

  public func hash(into hasher: inout Hasher) { hasher.combine(root) }
}
