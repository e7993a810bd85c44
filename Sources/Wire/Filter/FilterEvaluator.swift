/// Evaluates filters on batches, on one thread.
package final class FilterEvaluator {
  let evaluation = FilterEvaluation()
  let decompressor = Decompressor()
  let compressor = Compressor()

  package init() {}

  /// What a filter lets through of a batch.
  package indirect enum Outcome {
    case nothing
    /// All of it, as it is.
    case everything
    /// `last` is the last number that was looked at, in reverse the lowest: the wanted numbers' end, unless the limit
    /// was reached before.
    case part(Batch, count: Int, last: UInt64)
    /// A regular expression takes more than its limits allow on this entry. What comes before it among the wanted
    /// numbers, in reverse behind it, is decided; nothing else is.
    case undecided(UInt64, before: Outcome)
  }

  /// Which of a batch's entries are wanted.
  package struct Request {
    package var filter: Filter
    package var stream: StreamName
    /// Of the check of batches that are made.
    package var seed: UInt64
    package var numbers: ClosedRange<UInt64>
    /// The most entries; the first ones, in reverse the last ones.
    package var countMax: Int
    package var isReverse: Bool

    package init(
      filter: Filter, stream: StreamName, seed: UInt64, numbers: ClosedRange<UInt64>, countMax: Int = .max,
      isReverse: Bool = false
    ) {
      self.filter = filter
      self.stream = stream
      self.seed = seed
      self.numbers = numbers
      self.countMax = countMax
      self.isReverse = isReverse
    }
  }

  /// What headers say of a filter's entries, without looking at one.
  ///
  /// - Throws: `FilterFailure.tooCostly`, from an expression for the stream's name.
  package func forecast(
    _ filter: Filter, severities: UInt32, times: ClosedRange<Int64>, numbers: ClosedRange<UInt64>, stream: StreamName
  ) throws(FilterFailure) -> FilterForecast {
    try filter.root.forecast(severities: severities, times: times, numbers: numbers, stream: stream, evaluation)
  }

  package func forecast(_ filter: Filter, _ header: BatchHeader, stream: StreamName) throws(FilterFailure)
    -> FilterForecast
  {
    try forecast(
      filter, severities: header.severities, times: header.effectiveTimes,
      numbers: header.firstSequence...max(header.firstSequence, header.lastSequence), stream: stream)
  }

  /// Which of a batch's entries pass.
  enum Selected {
    case nothing
    /// All entries, of which each is wanted.
    case everything
    case some(Selection)
    case undecided(UInt64, before: Selection)
  }

  struct Selection {
    let columns: BatchColumns
    let rows: RowSet

    init(_ columns: BatchColumns, _ rows: RowSet) {
      self.columns = columns
      self.rows = rows
    }

    init(all columns: BatchColumns) { self.init(columns, RowSet(true, count: columns.count)) }
  }

  /// Finds the entries that are wanted and pass.
  func select(
    _ batch: Batch, _ request: Request, while mayGoOn: @escaping () -> Bool
  ) throws(FilterFailure) -> Selected {
    evaluation.begin(isReverse: request.isReverse)
    evaluation.mayGoOn = mayGoOn
    defer { evaluation.mayGoOn = { true } }
    let forecast = try forecast(request.filter, batch.header, stream: request.stream)
    if case .none = forecast { return .nothing }
    let numbers = batch.header.firstSequence...batch.header.lastSequence
    let isWhole = request.numbers.contains(numbers.lowerBound) && request.numbers.contains(numbers.upperBound)
    if case .all = forecast, isWhole { return .everything }
    let columns = try self.columns(of: batch)
    var rows = RowSet(true, count: columns.count)
    if !isWhole {
      let offsets = try columns.offsets()
      rows = rows.filter { request.numbers.contains(numbers.lowerBound + UInt64(bitPattern: offsets[$0])) }
    }
    if case .some = forecast {
      rows = try request.filter.root.matches(in: rows, columns, stream: request.stream, evaluation)
    }
    if let undecided = evaluation.undecided {
      let number = numbers.lowerBound + UInt64(bitPattern: try columns.offsets()[undecided])
      return .undecided(number, before: Selection(columns, rows.filter(evaluation.isDecided)))
    }
    return rows.isEmpty ? .nothing : .some(Selection(columns, rows))
  }

  /// Evaluates a numbered batch, whose checks the caller has verified.
  ///
  /// - Parameter mayGoOn: asked now and then.
  package func evaluate(
    _ batch: Batch, _ request: Request, while mayGoOn: @escaping () -> Bool = { true }
  ) throws(FilterFailure) -> Outcome {
    switch try select(batch, request, while: mayGoOn) {
    case .nothing: return .nothing
    case .everything where Int(batch.header.count) <= request.countMax: return .everything
    case .everything: return try outcome(Selection(all: columns(of: batch)), request)
    case .some(let selection): return try outcome(selection, request)
    case .undecided(let number, let selection):
      if selection.rows.isEmpty { return .undecided(number, before: .nothing) }
      var request = request
      let wanted = request.numbers
      request.numbers =
        request.isReverse ? number + 1...wanted.upperBound : wanted.lowerBound...number - 1
      return .undecided(number, before: try outcome(selection, request))
    }
  }

  /// The numbers of a batch's entries that pass, and of those that are undecided.
  package func numbers(
    of batch: Batch, _ filter: Filter, stream: StreamName, in range: ClosedRange<UInt64>
  ) throws(FilterFailure) -> (passing: Set<UInt64>, undecided: [UInt64]) {
    var request = Request(filter: filter, stream: stream, seed: 0, numbers: range)
    var passing: Set<UInt64> = []
    var undecided: [UInt64] = []
    func take(_ selection: Selection) throws(FilterFailure) {
      let offsets = try selection.columns.offsets()
      selection.rows.forEach { passing.insert(batch.header.firstSequence + UInt64(bitPattern: offsets[$0])) }
    }
    while true {
      switch try select(batch, request, while: { true }) {
      case .nothing: return (passing, undecided)
      case .everything:
        try take(Selection(all: columns(of: batch)))
        return (passing, undecided)
      case .some(let selection):
        try take(selection)
        return (passing, undecided)
      case .undecided(let number, let selection):
        try take(selection)
        undecided.append(number)
        guard number < range.upperBound else { return (passing, undecided) }
        request.numbers = number + 1...range.upperBound
      }
    }
  }

  /// The entries of a numbered batch that have one of these numbers, as a batch with the numbers of the whole; nil if
  /// there are none.
  ///
  /// - Parameter seed: of the new batch's check.
  package func extract(
    _ numbers: [ClosedRange<UInt64>], of batch: Batch, seed: UInt64
  ) throws(FilterFailure) -> Batch? {
    let columns = try columns(of: batch)
    let offsets = try columns.offsets()
    let rows = (0..<columns.count).filter { row in
      let number = batch.header.firstSequence + UInt64(bitPattern: offsets[row])
      return numbers.contains { $0.contains(number) }
    }
    return rows.isEmpty ? nil : try BatchExtract(columns: columns, rows: rows).batch(seed: seed, compressor: compressor)
  }

  private func outcome(_ selection: Selection, _ request: Request) throws(FilterFailure) -> Outcome {
    let (columns, rows) = (selection.columns, selection.rows)
    let population = rows.population
    if population == columns.count, population <= request.countMax { return .everything }
    var list: [Int] = []
    list.reserveCapacity(population)
    rows.forEach { list.append($0) }
    let header = columns.header
    var last =
      request.isReverse
      ? max(request.numbers.lowerBound, header.firstSequence) : min(request.numbers.upperBound, header.lastSequence)
    if population > request.countMax {
      list = Array(request.isReverse ? list.suffix(request.countMax) : list.prefix(request.countMax))
      let end = request.isReverse ? list[0] : list[list.count - 1]
      last = header.firstSequence + UInt64(bitPattern: try columns.offsets()[end])
    }
    let batch = try BatchExtract(columns: columns, rows: list).batch(seed: request.seed, compressor: compressor)
    return .part(batch, count: list.count, last: last)
  }

  func columns(of batch: Batch) throws(FilterFailure) -> BatchColumns {
    if batch.header.codec == .none {
      return try FilterFailure.wrapping { () throws(WireDecodingError) in
        try BatchColumns(batch.header, payload: batch.payload)
      }
    }
    var writer = ByteWriter(capacity: Int(batch.header.rawLength))
    do throws(WireDecodingError) { try decompressor.decompress(batch, into: &writer) } catch { throw .damaged(error) }
    let payload = writer.finish()
    return try FilterFailure.wrapping { () throws(WireDecodingError) in
      try BatchColumns(batch.header, payload: payload)
    }
  }
}
