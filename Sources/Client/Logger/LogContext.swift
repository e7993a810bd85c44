/// The attributes of a logger or of one call: a short dictionary in the order of insertion.
///
/// No key comes twice, as no entry could hold that: who sets a key again replaces its value, in its place.
public struct LogContext: Hashable, Sendable {
  public private(set) var attributes: [LogAttribute] = []

  public init() {}

  /// Of attributes with the same key the last one counts.
  public init(_ attributes: [LogAttribute]) { merge(attributes) }

  public var isEmpty: Bool { attributes.isEmpty }

  /// The value under `key`; setting nil removes it.
  public subscript(key: String) -> AttributeValue? {
    get { index(of: key).map { attributes[$0].value } }
    set {
      switch (index(of: key), newValue) {
      case (let index?, let value?): attributes[index].value = value
      case (let index?, nil): attributes.remove(at: index)
      case (nil, let value?): attributes.append(LogAttribute(key, value))
      case (nil, nil): break
      }
    }
  }

  /// Takes over what `other` holds; under a key that both have, the other's value counts.
  public mutating func merge(_ other: LogContext) {
    if isEmpty { self = other } else { merge(other.attributes) }
  }

  /// As `merge`, into a copy.
  public func merging(_ other: LogContext) -> LogContext {
    var copy = self
    copy.merge(other)
    return copy
  }

  private mutating func merge(_ others: [LogAttribute]) {
    for attribute in others { self[attribute.key] = attribute.value }
  }

  /// By looking at each: a context has a handful of them.
  private func index(of key: String) -> Int? { attributes.firstIndex { $0.key == key } }
}

extension LogContext: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, AttributeValue)...) {
    for (key, value) in elements { self[key] = value }
  }
}
