/// A batch to be stored (`spec/wire.md`, section 4.6).
package struct Append: Sendable {
  package var producer: ProducerID
  /// The batch's number, from 1, per producer and stream.
  package var number: UInt64
  /// No lower number will ever be sent again.
  package var floor: UInt64
  package var stream: StreamName
  /// One batch, unchecked.
  package var batch: ByteString

  package init(producer: ProducerID, number: UInt64, floor: UInt64, stream: StreamName, batch: ByteString) {
    self.producer = producer
    self.number = number
    self.floor = floor
    self.stream = stream
    self.batch = batch
  }
}

/// A request to seal a stream after the producer's batches (`spec/wire.md`, section 4.8).
package struct Complete: Hashable, Sendable {
  package var producer: ProducerID
  package var number: UInt64
  package var floor: UInt64
  package var stream: StreamName
  /// The message of the `complete` entry.
  package var text: String

  package init(producer: ProducerID, number: UInt64, floor: UInt64, stream: StreamName, text: String) {
    self.producer = producer
    self.number = number
    self.floor = floor
    self.stream = stream
    self.text = text
  }
}

/// The durable answer to a run of appends (`spec/wire.md`, section 4.7).
package struct Ack: Hashable, Sendable {
  package var appendCount: UInt32 = 1
  package var isDuplicate: Bool
  package var incarnation: Incarnation
  package var firstSequence: UInt64
  package var count: UInt64

  package init(isDuplicate: Bool, incarnation: Incarnation, firstSequence: UInt64, count: UInt64) {
    self.isDuplicate = isDuplicate
    self.incarnation = incarnation
    self.firstSequence = firstSequence
    self.count = count
  }
}

/// The fields that APPEND and COMPLETE begin with.
private struct ProducerFields {
  let producer: ProducerID
  let number: UInt64
  let floor: UInt64
  let stream: String

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    producer = ProducerID(high: try reader.u64(), low: try reader.u64())
    number = try reader.u64()
    floor = try reader.u64()
    if number == 0 || number > Limits.numberMax { throw WireDecodingError("batch numbers are 1 to 2^63 - 1", at: 16) }
    if floor == 0 || floor > number {
      throw WireDecodingError("the floor lies between 1 and the batch's number", at: 24)
    }
    stream = try reader.name()
  }

  static func encode(
    _ producer: ProducerID, _ number: UInt64, _ floor: UInt64, _ stream: StreamName, into writer: inout ByteWriter
  ) {
    writer.append(u64: producer.high)
    writer.append(u64: producer.low)
    writer.append(u64: number)
    writer.append(u64: floor)
    writer.append(name: stream.text)
  }
}

extension Append {
  func encode(into writer: inout ByteWriter) {
    ProducerFields.encode(producer, number, floor, stream, into: &writer)
  }

  /// Writes the frame but for the batch, like `Message.frame(id:)`. `writer` must be empty.
  func write(id: UInt32, into writer: inout ByteWriter) {
    FrameHeader.begin(.append, id: id, into: &writer)
    encode(into: &writer)
    FrameHeader.end(batchByteCount: batch.count, of: &writer)
  }

  init(decoding control: RawSpan, batch: ByteString) throws(Refusal) {
    var reader = ByteReader(control)
    let fields: ProducerFields
    do { fields = try ProducerFields(from: &reader) } catch { throw Refusal(.protocolViolation, error.description) }
    try Extensions.skip(&reader)
    self.init(
      producer: fields.producer, number: fields.number, floor: fields.floor,
      stream: try Message.clientStreamName(fields.stream), batch: batch)
  }
}

extension Complete {
  func encode(into writer: inout ByteWriter) {
    ProducerFields.encode(producer, number, floor, stream, into: &writer)
    writer.append(text: text, limit: Limits.completionTextByteCountMax)
  }

  init(decoding control: RawSpan) throws(Refusal) {
    var reader = ByteReader(control)
    let fields: ProducerFields
    let text: String
    do throws(WireDecodingError) {
      fields = try ProducerFields(from: &reader)
      text = try reader.text(limit: Limits.completionTextByteCountMax)
    } catch { throw Refusal(.protocolViolation, error.description) }
    try Extensions.skip(&reader)
    self.init(
      producer: fields.producer, number: fields.number, floor: fields.floor,
      stream: try Message.clientStreamName(fields.stream), text: text)
  }
}

extension Ack {
  private static let duplicateBit: UInt8 = 1

  func encode(into writer: inout ByteWriter) {
    writer.append(u32: appendCount)
    writer.append(isDuplicate ? Self.duplicateBit : 0)
    writer.append(zeros: 3)
    writer.append(u64: incarnation.value)
    writer.append(u64: firstSequence)
    writer.append(u64: count)
  }

  @_lifetime(reader: copy reader)
  init(from reader: inout ByteReader) throws(WireDecodingError) {
    appendCount = try reader.u32()
    if appendCount == 0 { throw WireDecodingError("an ACK answers at least one APPEND", at: 0) }
    isDuplicate = try reader.u8() & Self.duplicateBit != 0
    try reader.zeros(3)
    incarnation = Incarnation(try reader.u64())
    firstSequence = try reader.u64()
    count = try reader.u64()
    // Not `firstSequence + count - 1`: both come from the peer, and the sum may wrap.
    if firstSequence == 0 || firstSequence > Limits.numberMax || count < UInt64(appendCount)
      || count - 1 > Limits.numberMax - firstSequence
    {
      throw WireDecodingError("an ACK names numbers that no entries can have", at: 16)
    }
  }
}
