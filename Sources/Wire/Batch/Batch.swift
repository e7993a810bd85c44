/// One run of entries of one stream, compressed once: the unit of append, delivery and storage.
///
/// Holds the bytes as they go on the wire and into SQLite, with the header already decoded.
package struct Batch: Sendable {
  package let header: BatchHeader
  package let bytes: ByteString
  /// What its payload refers to; nil if it needs none, or that is not at hand.
  package let dictionary: BatchDictionary?

  /// Reads the batch that `bytes` starts with; more bytes may follow it.
  ///
  /// - Parameter dictionary: looks up the one with an id.
  /// - Throws: `WireDecodingError` if the header breaks a rule. Checks are not verified here.
  package init(
    startOf bytes: ByteString, dictionary: (UInt64) -> BatchDictionary? = { _ in nil }
  ) throws(WireDecodingError) {
    header = try BatchHeader(decoding: bytes.span)
    self.bytes = bytes[0..<header.batchByteCount]
    self.dictionary = header.dictionary == 0 ? nil : dictionary(header.dictionary)
  }

  /// Reads the batch that `bytes` starts with.
  ///
  /// - Parameter dictionary: the one that it may need.
  package init(startOf bytes: ByteString, _ dictionary: BatchDictionary?) throws(WireDecodingError) {
    try self.init(startOf: bytes) { $0 == dictionary?.id ? dictionary : nil }
  }

  /// Whether it can be decompressed.
  package var hasDictionary: Bool { header.dictionary == dictionary?.id ?? 0 }

  /// Reads the batch that `bytes` consists of, as in an APPEND.
  ///
  /// - Throws: `WireDecodingError` if the header breaks a rule or bytes follow the batch.
  package init(wholeOf bytes: ByteString) throws(WireDecodingError) {
    try self.init(startOf: bytes)
    if self.bytes.count != bytes.count {
      throw WireDecodingError("\(bytes.count - self.bytes.count) bytes follow the batch", at: self.bytes.count)
    }
  }

  package init(header: BatchHeader, bytes: ByteString, dictionary: BatchDictionary? = nil) {
    self.header = header
    self.bytes = bytes
    self.dictionary = dictionary
  }

  /// A batch without numbers, as a producer makes it.
  ///
  /// - Parameters:
  ///   - header: without `check`.
  ///   - payload: as it is stored.
  ///   - dictionary: what the payload was compressed with.
  init(unnumbered header: BatchHeader, payload: RawSpan, _ dictionary: BatchDictionary? = nil) {
    var header = header
    if header.codec == .zstdDictionary { header.dictionary = dictionary?.id ?? 0 }
    var writer = ByteWriter(capacity: header.batchByteCount)
    header.encode(into: &writer)
    writer.append(payload)
    header.check = BatchHeader.check(of: writer.span)
    writer.overwrite(u64: header.check, at: 32)
    self.init(
      header: header, bytes: writer.finish(), dictionary: header.codec == .zstdDictionary ? dictionary : nil)
  }

  /// A batch without numbers whose payload is not compressed.
  ///
  /// - Parameters:
  ///   - header: without `check` and the lengths of the payload.
  ///   - writer: has `header` and the payload.
  init(unnumbered header: BatchHeader, written writer: consuming ByteWriter) {
    var header = header
    header.rawLength = UInt32(writer.count - BatchHeader.byteCount)
    header.storedLength = header.rawLength
    writer.overwrite(u32: header.rawLength, at: 68)
    writer.overwrite(u32: header.storedLength, at: 72)
    header.check = BatchHeader.check(of: writer.span)
    writer.overwrite(u64: header.check, at: 32)
    self.init(header: header, bytes: writer.finish())
  }

  /// Reads a run of batches end to end.
  ///
  /// - Parameter dictionary: looks up the one with an id.
  /// - Throws: `WireDecodingError`, its offset counted from the start of the run; `isUnsupported` only for a batch that
  ///   is intact as its producer signed it, since damage may look like a new format.
  package static func run(
    _ bytes: ByteString, dictionary: (UInt64) -> BatchDictionary? = { _ in nil }
  ) throws(WireDecodingError) -> [Batch] {
    var batches: [Batch] = []
    var offset = 0
    while offset < bytes.count {
      do {
        let batch = try Batch(startOf: bytes[offset..<bytes.count], dictionary: dictionary)
        offset += batch.bytes.count
        batches.append(batch)
      } catch {
        if error.isUnsupported, !isSigned(startOf: bytes[offset..<bytes.count]) {
          throw WireDecodingError("a batch is damaged: its check does not fit", at: offset + 32)
        }
        throw error.moved(by: offset)
      }
    }
    return batches
  }

  /// - Parameter dictionary: the one that they may need.
  package static func run(_ bytes: ByteString, _ dictionary: BatchDictionary?) throws(WireDecodingError) -> [Batch] {
    try run(bytes) { $0 == dictionary?.id ? dictionary : nil }
  }

  /// How many batches these bytes are, by the lengths that the batches say they have; nil if one reaches too far.
  package static func count(in bytes: ByteString) -> Int? {
    var count = 0
    var offset = 0
    while offset < bytes.count {
      guard let storedLength = storedLength(startOf: bytes[offset..<bytes.count]) else { return nil }
      offset += BatchHeader.byteCount + storedLength
      count += 1
    }
    return count
  }

  private static let storedLengthOffset = 72

  /// How long the payload of the batch is that `bytes` starts with, if they have all of it.
  private static func storedLength(startOf bytes: ByteString) -> Int? {
    do throws(WireDecodingError) {
      var reader = ByteReader(bytes.span)
      _ = try reader.span(storedLengthOffset)
      let storedLength = Int(try reader.u32())
      return storedLength <= bytes.count - BatchHeader.byteCount ? storedLength : nil
    } catch { return nil }
  }

  /// Whether the check of the batch that `bytes` starts with matches, whatever else its header says.
  private static func isSigned(startOf bytes: ByteString) -> Bool {
    guard let storedLength = storedLength(startOf: bytes) else { return false }
    do throws(WireDecodingError) {
      var reader = ByteReader(bytes.span)
      _ = try reader.span(32)
      return try reader.u64() == BatchHeader.check(of: bytes[0..<BatchHeader.byteCount + storedLength].span)
    } catch { return false }
  }

  /// The payload as stored, after the header.
  package var payload: ByteString { bytes[BatchHeader.byteCount..<bytes.count] }

  /// The header of the payload's zstd frame.
  ///
  /// - Throws: `WireDecodingError`, its offset counted from the start of the batch.
  func zstdFrameHeader() throws(WireDecodingError) -> ZstdFrameHeader {
    do { return try ZstdFrameHeader(decoding: payload.span) } catch { throw error.moved(by: BatchHeader.byteCount) }
  }

  /// Whether the batch part of an APPEND is intact as its producer signed it, whatever its content.
  ///
  /// If it is not, it was damaged in transit, and the same bytes may arrive intact the next time.
  package static func isIntact(appended bytes: ByteString) -> Bool {
    guard bytes.count >= BatchHeader.byteCount else { return false }
    let span = bytes.span
    do throws(WireDecodingError) {
      var reader = ByteReader(span)
      // The server's part is zero and not covered by a check.
      for _ in 0..<4 where try reader.u64() != 0 { return false }
      return try reader.u64() == BatchHeader.check(of: span)
    } catch { return false }
  }

  /// Whether the producer's check matches the bytes.
  package var hasValidCheck: Bool { BatchHeader.check(of: bytes.span) == header.check }

  /// Whether the server's check matches this stream and incarnation.
  package func hasValidServerCheck(seed: UInt64) -> Bool {
    BatchHeader.serverCheck(of: bytes.span, seed: seed) == header.serverCheck
  }

  /// Appends the batch with these numbers in the server's part, signed for the stream that `seed` stands for. Only the
  /// server's part is replaced.
  package func appendNumbered(
    firstSequence: UInt64, received: Int64, span: UInt32, seed: UInt64, to writer: inout ByteWriter
  ) {
    let start = writer.count
    writer.append(u64: 0)
    writer.append(u64: firstSequence)
    writer.append(i64: received)
    writer.append(u32: span)
    writer.append(u32: 0)
    writer.append(bytes.span.extracting(BatchHeader.serverPart.upperBound..<bytes.count))
    let check = BatchHeader.serverCheck(of: writer.span.extracting(start..<writer.count), seed: seed)
    writer.overwrite(u64: check, at: start)
  }

  /// A copy with the server's part filled in.
  ///
  /// - Parameter span: numbers covered; as many as entries if nil.
  package func numbered(firstSequence: UInt64, received: Int64, span: UInt32? = nil, seed: UInt64) -> Batch {
    let span = span ?? header.count
    var numbered = header
    numbered.firstSequence = firstSequence
    numbered.received = received
    numbered.span = span
    var writer = ByteWriter(capacity: bytes.count)
    appendNumbered(firstSequence: firstSequence, received: received, span: span, seed: seed, to: &writer)
    numbered.serverCheck = BatchHeader.serverCheck(of: writer.span, seed: seed)
    return Batch(header: numbered, bytes: writer.finish(), dictionary: dictionary)
  }
}
