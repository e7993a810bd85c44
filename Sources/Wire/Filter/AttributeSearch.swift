/// Tests the values that an attribute's name stands for (`spec/filter.md`, section 3.3), in place.
struct AttributeSearch {
  let path: AttributePath
  let test: AttributeTest
  let evaluation: FilterEvaluation

  private var name: [UInt8] { path.name }

  /// A key of an entry that the name begins with.
  private struct Place {
    /// The key's place among the entry's.
    let index: Int
    /// Where the rest of the name begins; nil if nothing is left.
    let rest: Int?
  }

  func matches(in candidates: RowSet, _ columns: BatchColumns) throws(FilterFailure) -> RowSet {
    var matching = RowSet(false, count: candidates.count)
    guard let (keys, values) = try columns.attributes() else { return matching }
    // Entries of one shape share their row of keys.
    var shapes: [Int: [Place]] = [:]
    try evaluation.forEach(candidates) { row throws(FilterFailure) in
      let shape = keys.indices?[row] ?? row
      let places: [Place]
      if let known = shapes[shape] {
        places = known
      } else {
        places = try FilterFailure.wrapping { () throws(WireDecodingError) in
          try self.places(in: keys.bytes.span.extracting(keys.rows[shape]))
        }
        if keys.indices != nil { shapes[shape] = places }
      }
      if places.isEmpty { return }
      let range = values.rows[values.indices?[row] ?? row]
      if try holds(for: values.bytes.span.extracting(range), places) { matching.insert(row) }
    }
    return matching
  }

  /// What is left of the name behind `key`, from `start` on; nil if the name does not begin with it.
  private func rest(behind key: RawSpan, from start: Int) -> Int?? {
    let end = start + key.byteCount
    guard end <= name.count, unsafe name.span.bytes.extracting(start..<end).isEqual(to: key) else { return nil }
    if end == name.count { return .some(nil) }
    return name[end] == UInt8(ascii: ".") ? .some(end + 1) : nil
  }

  private func places(in row: RawSpan) throws(WireDecodingError) -> [Place] {
    var places: [Place] = []
    var reader = ByteReader(row)
    var index = 0
    while !reader.isAtEnd {
      let key = try reader.range(try reader.length())
      if let rest = rest(behind: row.extracting(key), from: 0) { places.append(Place(index: index, rest: rest)) }
      index += 1
    }
    return places
  }

  private func holds(for row: RawSpan, _ places: [Place]) throws(FilterFailure) -> Bool {
    do {
      var reader = ByteReader(row)
      var index = 0
      for place in places {
        while index < place.index {
          try AttributeRows.skipValue(&reader)
          index += 1
        }
        index += 1
        if try holds(&reader, of: row, rest: place.rest) { return true }
      }
      return false
    } catch let error as WireDecodingError {
      throw .damaged(error)
    } catch let error as FilterFailure {
      throw error
    } catch {
      preconditionFailure("values throw nothing else: \(error)")
    }
  }

  /// Whether the value at the reader passes, or one inside of it that the rest of the name leads to. The reader is
  /// behind the value if not.
  @_lifetime(reader: copy reader)
  private func holds(_ reader: inout ByteReader, of row: RawSpan, rest: Int?) throws -> Bool {
    guard let rest else { return try holds(&reader, of: row) }
    switch try AttributeRows.readScalar(&reader) {
    case .map(let count):
      for _ in 0..<count {
        let key = row.extracting(try reader.range(try reader.length()))
        if let inner = self.rest(behind: key, from: rest) {
          if try holds(&reader, of: row, rest: inner) { return true }
        } else {
          try AttributeRows.skipValue(&reader)
        }
      }
    case .list(let count):
      for _ in 0..<count where try holds(&reader, of: row, rest: rest) { return true }
    case .empty, .boolean, .integer, .double, .text: break
    }
    return false
  }

  @_lifetime(reader: copy reader)
  private func holds(_ reader: inout ByteReader, of row: RawSpan) throws -> Bool {
    if case .exists = test { return true }
    switch try AttributeRows.readScalar(&reader) {
    case .empty: return try holds(text: "null")
    case .boolean(let value): return try holds(text: value ? "true" : "false")
    case .integer(let value): return try holds(for: .integer(value)) ?? holds(text: "\(value)")
    case .double(let value): return try holds(for: .double(value)) ?? holds(text: "\(value)")
    case .text(let range):
      let text = row.extracting(range)
      return try holds(text) { FilterNumber(text) }
    case .list(let count):
      for _ in 0..<count where try holds(&reader, of: row) { return true }
      return false
    case .map(let count):
      for _ in 0..<count {
        _ = try reader.range(try reader.length())
        try AttributeRows.skipValue(&reader)
      }
      return false
    }
  }

  /// Whether a number passes; nil if its text decides.
  private func holds(for number: FilterNumber) -> Bool? {
    switch test {
    case .exists: return true
    case .equals(let wanted): return wanted.number.map { number.equals($0) }
    case .order(let order, let wanted): return wanted.number.map { number.isOrdered(order, $0) }
    case .range(let lower, let upper):
      return (lower.map { number.isOrdered(.atLeast, $0) } ?? true)
        && (upper.map { number.isOrdered(.atMost, $0) } ?? true)
    case .text: return nil
    }
  }

  /// Whether a value passes by its text.
  private func holds(text: String) throws(FilterFailure) -> Bool {
    let bytes = Array(text.utf8)
    return try holds(unsafe bytes.span.bytes) { nil }
  }

  private func holds(_ text: RawSpan, number: () -> FilterNumber?) throws(FilterFailure) -> Bool {
    if test.wantsNumber, let number = number(), let result = holds(for: number) { return result }
    switch test {
    case .exists: return true
    case .equals(let wanted): return wanted.text.equals(text)
    case .order(let order, let wanted):
      if wanted.number != nil { return false }
      return try TextTest.order(order, wanted.text.bytes).holds(for: text, evaluation.matcher)
    case .range: return false
    case .text(let test): return try test.holds(for: text, evaluation.matcher)
    }
  }
}

extension AttributeTest {
  /// Whether a value that is a number is compared as one.
  fileprivate var wantsNumber: Bool {
    switch self {
    case .equals(let wanted), .order(_, let wanted): wanted.number != nil
    case .range: true
    case .exists, .text: false
    }
  }
}
