internal import LogsDisk
internal import LogsWire

/// The columns of a row, from whatever source, counted from 0. A value of another type than requested reads as zero or
/// empty, and the check of the row then fails.
protocol SpoolValues: ~Copyable {
  func integer(_ column: Int32) -> Int64
  func bytes(_ column: Int32) -> ByteString
  func text(_ column: Int32) -> String
}

extension Statement: SpoolValues {}

/// A row of the small tables. Each has its own check: it is correct, or its content is unknown.
enum SpoolRecord {
  case stream(StreamName, SpoolState.Stream)
  case spool(SpoolState.Header, streamCount: Int)

  private var checksum: UInt64 {
    var writer = ByteWriter()
    switch self {
    case .stream(let name, let stream):
      writer.append(i64: stream.row)
      writer.append(u64: stream.nextNumber)
      writer.append(i64: Int64(stream.totals.batchCount))
      writer.append(u64: stream.totals.entryCount)
      writer.append(i64: Int64(stream.totals.byteCount))
      writer.append(utf8: name.text)
      return XXH3.hash(writer.span, seed: SpoolSchema.Seed.stream)
    case .spool(let header, let streamCount):
      writer.append(header.producer.bytes)
      writer.append(i64: header.nextID)
      writer.append(u64: header.nextNumber)
      writer.append(i64: Int64(streamCount))
      writer.append(header.isClosed ? 1 : 0)
      return XXH3.hash(writer.span, seed: SpoolSchema.Seed.spool)
    }
  }

  /// Binds the columns of a row: all columns of `streams`, those after the id of `spool`.
  func bind(to statement: borrowing Statement) {
    switch self {
    case .stream(let name, let stream):
      statement.bind(1, stream.row)
      statement.bind(2, name.text)
      statement.bind(3, bits: stream.nextNumber)
      statement.bind(4, Int64(stream.totals.batchCount))
      statement.bind(5, bits: stream.totals.entryCount)
      statement.bind(6, Int64(stream.totals.byteCount))
      statement.bind(7, bits: checksum)
    case .spool(let header, let streamCount):
      statement.bind(1, copying: header.producer.bytes)
      statement.bind(2, header.nextID)
      statement.bind(3, bits: header.nextNumber)
      statement.bind(4, Int64(streamCount))
      statement.bind(5, header.isClosed ? 1 : 0)
      statement.bind(6, bits: checksum)
    }
  }

  /// A row of `streams`; nil if its check fails.
  init?<Values: SpoolValues & ~Copyable>(streamRow row: Int64, values: borrowing Values) {
    let totals = BacklogTotals(
      batchCount: Int(values.integer(3)), entryCount: UInt64(bitPattern: values.integer(4)),
      byteCount: Int(values.integer(5)))
    self = .stream(
      StreamName(stored: values.text(1)),
      SpoolState.Stream(row: row, nextNumber: UInt64(bitPattern: values.integer(2)), totals: totals))
    if checksum != UInt64(bitPattern: values.integer(6)) { return nil }
  }

  /// The row of `spool`; nil if its check fails.
  init?<Values: SpoolValues & ~Copyable>(spoolRow values: borrowing Values) {
    guard let producer = ProducerID(stored: values.bytes(1)) else { return nil }
    self = .spool(
      SpoolState.Header(
        producer: producer, nextID: values.integer(2), nextNumber: UInt64(bitPattern: values.integer(3)),
        isClosed: values.integer(5) == 1), streamCount: Int(values.integer(4)))
    if checksum != UInt64(bitPattern: values.integer(6)) { return nil }
  }
}
