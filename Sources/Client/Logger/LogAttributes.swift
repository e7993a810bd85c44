/// The attributes of an entry, a logger or one call: a short dictionary in the order of insertion.
///
/// Keys are unique, since no entry may have a key twice: setting a key again replaces its value in place.
///
/// ```swift
/// ["order": id, "price": 9.5, "vip": flag, "tags": ["a"], "user": ["id": 7]]
/// ```
///
/// Values can be of any `LogAttributeConvertible` type. A nested list or map with values of different types needs its
/// own type: `["user": ["id": 7, "name": name] as LogAttributes, "sizes": [1, "many"] as AttributeValue]`.
public struct LogAttributes: Hashable, Sendable {
  public private(set) var attributes: [LogAttribute] = []

  public init() {}

  /// If a key comes twice, its last value counts.
  public init(_ attributes: [LogAttribute]) { merge(attributes) }

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

  /// Sets the value under `key`.
  public mutating func set(_ key: String, to value: some LogAttributeConvertible) {
    self[key] = value.logAttributeValue
  }

  /// Adds everything in `other`; for keys in both, the value of `other` counts.
  public mutating func merge(_ other: LogAttributes) {
    if isEmpty { self = other } else { merge(other.attributes) }
  }

  /// Like `merge`, but returns a copy.
  public func merging(_ other: LogAttributes) -> LogAttributes {
    var copy = self
    copy.merge(other)
    return copy
  }

  private mutating func merge(_ others: [LogAttribute]) {
    for attribute in others { self[attribute.key] = attribute.value }
  }

  /// A linear search: a context has only a handful of attributes.
  private func index(of key: String) -> Int? { attributes.firstIndex { $0.key == key } }
}

extension LogAttributes: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, any LogAttributeConvertible)...) { self.init(elements) }

  init(_ elements: [(String, any LogAttributeConvertible)]) {
    for (key, value) in elements { self[key] = value.logAttributeValue }
  }
}

extension LogAttributes: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { attributes.count }
  public subscript(position: Int) -> LogAttribute { attributes[position] }
}
