/// Repeating rows: each distinct one is kept once.
struct DictionaryColumn: ~Copyable {
  private let seed: UInt64
  /// The distinct rows end to end, and where each of them ends.
  private var rows = ByteWriter(capacity: 0)
  private var ends: [Int] = []
  private var lengths = ByteWriter(capacity: 0)
  /// Each row's index plus one, at the place given by its hash or the next free one; 0 where there is none. At least
  /// half of the places are free.
  private var places: [UInt32] = []
  private var indices = ByteWriter(capacity: 0)
  private var last = -1

  init(seed: UInt64) { self.seed = seed }

  var byteCount: Int { rows.count + ends.count * 3 + indices.count + 4 }

  /// Allocates only for a row that is new.
  mutating func append(_ row: RawSpan) {
    if last < 0 || !isRow(last, row) { last = index(of: row) }
    indices.append(varint: UInt64(last))
  }

  mutating func append(_ row: borrowing ByteWriter) { append(row.span) }

  /// Appends a row `count` times.
  mutating func append(_ row: RawSpan, count: Int) {
    guard count > 0 else { return }
    append(row)
    for _ in 1..<count { indices.append(varint: UInt64(last)) }
  }

  private func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  private func isRow(_ index: Int, _ row: RawSpan) -> Bool {
    rows.span.extracting(range(index)).isEqual(to: row)
  }

  private mutating func index(of row: RawSpan) -> Int {
    // The first row gets its place with the second one: most small batches have just one.
    guard !ends.isEmpty else { return add(row) }
    if ends.count == 1 || places.count <= 2 * ends.count { makePlaces() }
    var place = firstPlace(of: row)
    while places[place] != 0 {
      let known = Int(places[place]) - 1
      if isRow(known, row) { return known }
      place = (place + 1) & (places.count - 1)
    }
    let index = add(row)
    places[place] = UInt32(index + 1)
    return index
  }

  /// Adds a row without a place, and returns its index.
  private mutating func add(_ row: RawSpan) -> Int {
    rows.append(row)
    ends.append(rows.count)
    lengths.append(varint: UInt64(row.byteCount))
    return ends.count - 1
  }

  private func firstPlace(of row: RawSpan) -> Int {
    Int(truncatingIfNeeded: XXH3.hash(row, seed: seed)) & (places.count - 1)
  }

  /// Makes places for twice as many rows if there are too few, and enters those that there are.
  private mutating func makePlaces() {
    if places.count <= 2 * ends.count { places = Array(repeating: 0, count: max(32, 2 * places.count)) }
    for index in ends.indices {
      var place = firstPlace(of: rows.span.extracting(range(index)))
      while places[place] != 0 { place = (place + 1) & (places.count - 1) }
      places[place] = UInt32(index + 1)
    }
  }

  /// Writes the column: as a constant if there is one value, not at all if that is empty.
  func write(_ id: UInt16, into payload: inout ByteWriter) {
    if ends.count == 1 {
      if rows.count == 0 { return }
      let start = payload.beginColumn(id, .constant)
      payload.append(ColumnEncoding.lengths.rawValue)
      payload.append(lengths.span)
      payload.append(rows.span)
      payload.endColumn(start)
      return
    }
    let start = payload.beginColumn(id, .dictionary)
    payload.append(varint: UInt64(ends.count))
    payload.append(lengths.span)
    payload.append(rows.span)
    payload.append(indices.span)
    payload.endColumn(start)
  }

  mutating func removeAll() {
    rows.removeAll()
    lengths.removeAll()
    indices.removeAll()
    last = -1
    // A single row has no place. A large table is of an earlier batch.
    guard ends.count > 1 else {
      if places.count > Self.keptPlaceCount { places = [] }
      return _ = ends.popLast()
    }
    // A table left by a batch of many rows would take longer to empty than a small batch takes to encode.
    if places.count > Self.keptPlaceCount, places.count > 16 * ends.count { places = [] }
    for place in places.indices { places[place] = 0 }
    ends.removeAll(keepingCapacity: true)
  }

  private static let keptPlaceCount = 1024
}
