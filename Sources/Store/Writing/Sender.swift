internal import LogsWire

/// Who sent a batch, and under which number: what `runs.producers` holds for each batch of the row, so that marks can
/// be brought up to date from the rows after a crash.
struct Sender: Hashable, Sendable {
  var producer: ProducerID
  var number: UInt64

  /// The producer as in `marks`, then the number, little-endian.
  static let byteCount = 24

  /// How many senders these bytes are of.
  static func count(in bytes: ByteString) -> Int { bytes.count / byteCount }

  static func encode(_ senders: some Collection<Sender>) -> ByteString {
    var writer = ByteWriter(capacity: senders.count * byteCount)
    for sender in senders { sender.encode(to: &writer) }
    return writer.finish()
  }

  func encode(to writer: inout ByteWriter) {
    writer.append(u64: producer.high.byteSwapped)
    writer.append(u64: producer.low.byteSwapped)
    writer.append(u64: number)
  }

  static func decode(_ bytes: ByteString) throws(WireDecodingError) -> [Sender] {
    var reader = ByteReader(bytes.span)
    var senders: [Sender] = []
    while !reader.isAtEnd {
      let producer = ProducerID(high: try reader.u64().byteSwapped, low: try reader.u64().byteSwapped)
      senders.append(Sender(producer: producer, number: try reader.u64()))
    }
    return senders
  }
}
