/// How many columns text takes on a terminal.
///
/// A flag, a family or another emoji of several characters counts as each of them, as most terminals show it.
package enum DisplayWidth {
  /// - Parameter bytes: UTF-8; whatever is not counts as one column a byte.
  package static func of(_ bytes: ArraySlice<UInt8>) -> Int {
    if bytes.allSatisfy({ $0 < 0x80 }) { return bytes.count }
    var width = 0
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar): width += of(scalar)
      case .error: width += 1
      case .emptyInput: return width
      }
    }
  }

  package static func of(_ text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + of($1) } }

  package static func of(_ scalar: Unicode.Scalar) -> Int {
    if scalar.value < 0x300 { return 1 }
    if contains(WidthTable.none, scalar.value) { return 0 }
    return contains(WidthTable.double, scalar.value) ? 2 : 1
  }

  private static func contains(_ table: [(first: UInt32, last: UInt32)], _ value: UInt32) -> Bool {
    var (low, high) = (0, table.count)
    while low < high {
      let middle = (low + high) / 2
      if table[middle].last < value { low = middle + 1 } else { high = middle }
    }
    return low < table.count && table[low].first <= value
  }
}
