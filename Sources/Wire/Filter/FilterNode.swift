/// What a filter asks of an entry (`spec/filter.md`): a tree of tests.
indirect enum FilterNode: Hashable, Sendable {
  /// Lets everything through.
  case all
  case and([FilterNode])
  case or([FilterNode])
  case not(FilterNode)
  case test(FilterTest)
}

/// One test of one field. A test of a field that is absent is false.
enum FilterTest: Hashable, Sendable {
  /// The message without SGR sequences. Empty is present only for bare terms, which have no field.
  case message(TextTest)
  /// The source; absent if empty.
  case source(TextTest)
  /// Bit n: severity n. Bit 0 is never set: an entry without severity has no level.
  case severity(UInt32)
  /// Bit n: kind n.
  case kind(UInt8)
  case stream(StreamTest)
  case sequence(ClosedRange<UInt64>)
  /// The effective time.
  case time(ClosedRange<Int64>)
  case attribute(AttributePath, AttributeTest)
}

/// Text to look for, with its case decided.
struct FilterText: Hashable, Sendable {
  /// As written if `ignoresCase` is false, else folded, which is the same.
  let bytes: [UInt8]
  let ignoresCase: Bool

  /// Smart case: text that folding changes is compared as it is.
  init(_ text: String) {
    bytes = Array(text.utf8)
    ignoresCase = !CaseFolding.changes(bytes)
  }

  /// - Parameter required: folded if `ignoresCase`.
  init(required bytes: [UInt8], ignoresCase: Bool) {
    self.bytes = bytes
    self.ignoresCase = ignoresCase
  }

  var isASCII: Bool { bytes.allSatisfy { $0 < 0x80 } }
}

enum TextTest: Hashable, Sendable {
  case contains(FilterText)
  /// Contains it as a whole word.
  case word(FilterText)
  case equals(FilterText)
  /// Pieces between stars: the first begins the text, the last ends it; both may be empty.
  case glob([[UInt8]], ignoresCase: Bool)
  case regex(FilterRegex)
  case order(FilterOrder, [UInt8])
  case exists
}

enum FilterOrder: Hashable, Sendable { case below, atMost, atLeast, above }

enum StreamTest: Hashable, Sendable {
  /// A name or a pattern.
  case matches(StreamPattern)
  case text(TextTest)
}

/// An attribute's name and the places where it may be cut into a path.
struct AttributePath: Hashable, Sendable {
  let name: [UInt8]

  init(_ name: String) { self.name = Array(name.utf8) }
}

enum AttributeTest: Hashable, Sendable {
  case exists
  case equals(FilterValue)
  case order(FilterOrder, FilterValue)
  /// Numbers; nil is open.
  case range(FilterNumber?, FilterNumber?)
  /// Contains, a glob or a regular expression, on the value's text.
  case text(TextTest)
}

/// A value of the filter's: text, and the number that it is, if it is one.
struct FilterValue: Hashable, Sendable {
  let text: FilterText
  let number: FilterNumber?

  init(_ text: String) {
    self.text = FilterText(text)
    number = FilterNumber(unsafe text.utf8.span.bytes)
  }
}
