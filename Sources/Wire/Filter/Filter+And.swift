extension Filter {
  /// What passes both.
  ///
  /// - Throws: `FilterError` when both together exceed a limit (`spec/filter.md`, section 5).
  public func and(_ other: Filter) throws(FilterError) -> Filter {
    if root == .all { return other }
    if other.root == .all { return self }
    // A word may begin with `/`, and a `/` behind it would make it a regular expression. A line feed ends the search
    // for that, unless a `\` stands before it: so there is a space between them.
    return try Filter("\(operand) \n\(other.operand)")
  }

  /// The text in a form that AND may join with another one.
  private var operand: String {
    if case .or = root { return "(\(text))" }
    return text
  }

  /// What has a time in a range, both ends included.
  ///
  /// - Parameters:
  ///   - since: in ns since 1970; nil for any time before `until`.
  ///   - until: the same; nil for any time after `since`.
  /// - Throws: `FilterError` for times that filters do not know, and when `since` is later than `until`.
  public init(since: Int64?, until: Int64?) throws(FilterError) {
    if let since, let until, since > until {
      let (first, last) = (try Self.timeText(since), try Self.timeText(until))
      throw FilterError(column: 1, "no time is both at or after \(first) and at or before \(last)")
    }
    var terms: [String] = []
    if let since { terms.append("time>=\(try Self.timeText(since))") }
    if let until { terms.append("time<=\(try Self.timeText(until))") }
    try self.init(terms.joined(separator: " "))
  }

  private static func timeText(_ time: Int64) throws(FilterError) -> String {
    guard let text = AbsoluteTime.text(time) else {
      throw FilterError(column: 1, "times of filters are from 1970 to 2261, not \(time) ns")
    }
    return text
  }
}
