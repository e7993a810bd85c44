/// What is known of each stream of a subscription, by its handle.
///
/// Streams get their handles in the order in which they are found, and are announced as soon as their places are known:
/// one whose place is looked up by a time or a filter may be announced after those behind it.
struct HandleTable<Value> {
  private var values: [Value?] = []
  private(set) var count = 0

  mutating func announce(_ handle: UInt32, _ value: Value) {
    let index = Int(handle)
    while values.count <= index { values.append(nil) }
    precondition(values[index] == nil, "a stream is announced once")
    values[index] = value
    count += 1
  }

  /// What stands for a stream that has been announced.
  subscript(handle: UInt32) -> Value {
    get {
      guard let value = values[Int(handle)] else { preconditionFailure("a stream is announced before it is delivered") }
      return value
    }
    set { values[Int(handle)] = newValue }
  }

  /// Those of all that have been announced, by their handles.
  var all: [Value] { values.compactMap { $0 } }

  /// Those before a handle, and those behind it.
  func around(_ handle: UInt32) -> (before: [Value], after: [Value]) {
    let index = Int(handle)
    return (values[..<index].compactMap { $0 }, values[(index + 1)...].compactMap { $0 })
  }
}
